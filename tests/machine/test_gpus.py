"""GPU readings through GPUtil and a `nvidia-smi` of our own, and the sampler."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from s2s.machine import gpus as devices
from s2s.machine.gpus import GpuReader, GpuReading, Sampler, gpu_reason, read_gpus
from s2s.records import DeviceSample

MIB = 2**20
QUERY = (
    "--query-gpu=index,uuid,utilization.gpu,memory.total,memory.used,memory.free,driver_version,"
    "name,gpu_serial,display_active,display_mode,temperature.gpu --format=csv,noheader,nounits"
)
UUID_0 = "GPU-101b1cf0-fdf7-b374-a62c-76b25134fcf2"
UUID_1 = "GPU-0200523e-f473-3a45-9b4a-fbbe0e41ccf8"
TWO_GPUS = f"""\
0, {UUID_0}, 37, 81559, 1024, 80535, 550.54.15, NVIDIA H100 PCIe, 1650123, Disabled, Enabled, 41
1, {UUID_1}, 0, 11441, 0, 11441, 550.54.15, Tesla K80, 0324717001, Disabled, Enabled, 29
"""

NvidiaSmi = Callable[[str], Path]


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NvidiaSmi:
    """Installs a shell script as `nvidia-smi`; every start adds a line to the returned file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    started = tmp_path / "started"
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr(devices, "_reader", GpuReader())

    def install(body: str) -> Path:
        script = folder / "nvidia-smi"
        script.write_text(f"#!/bin/sh\necho started >> {started}\n{body}\n")
        script.chmod(0o755)
        return started

    return install


def printing(text: str) -> str:
    """A script that answers GPUtil's query, and no other, with a text."""
    return f"[ \"$*\" = '{QUERY}' ] || exit 2\ncat <<'END'\n{text}END"


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(happened: Callable[[], object]) -> None:
    limit = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.005)


# Readings on demand


def test_two_gpus_with_every_column(nvidia_smi: NvidiaSmi) -> None:
    nvidia_smi(printing(TWO_GPUS))
    assert read_gpus() == [
        GpuReading(
            id=0,
            name="NVIDIA H100 PCIe",
            serial="1650123",
            uuid=UUID_0,
            utilization=0.37,
            memory_utilization=1024 / 81559,
            memory_total_bytes=81559 * MIB,
            memory_used_bytes=1024 * MIB,
            memory_free_bytes=80535 * MIB,
            display_mode="Enabled",
            display_active="Disabled",
            temperature_celsius=41.0,
            driver="550.54.15",
        ),
        GpuReading(
            id=1,
            name="Tesla K80",
            serial="0324717001",
            uuid=UUID_1,
            utilization=0.0,
            memory_utilization=0.0,
            memory_total_bytes=11441 * MIB,
            memory_used_bytes=0,
            memory_free_bytes=11441 * MIB,
            display_mode="Enabled",
            display_active="Disabled",
            temperature_celsius=29.0,
            driver="550.54.15",
        ),
    ]
    assert gpu_reason() == ""


@pytest.mark.parametrize("absent", ["[N/A]", "[Not Supported]", "N/A"])
def test_what_is_not_reported_is_none(nvidia_smi: NvidiaSmi, absent: str) -> None:
    columns = ["0", UUID_0, *[absent] * 4, "390.157", "GeForce 410M", *[absent] * 4]
    nvidia_smi(printing(", ".join(columns) + "\n"))
    assert read_gpus() == [
        GpuReading(
            id=0,
            name="GeForce 410M",
            serial=None,
            uuid=UUID_0,
            utilization=None,
            memory_utilization=None,
            memory_total_bytes=None,
            memory_used_bytes=None,
            memory_free_bytes=None,
            display_mode=None,
            display_active=None,
            temperature_celsius=None,
            driver="390.157",
        )
    ]


def test_no_memory_at_all_spoils_neither_the_gpu_nor_its_neighbour(nvidia_smi: NvidiaSmi) -> None:
    nvidia_smi(printing(TWO_GPUS.replace("81559, 1024, 80535", "0, 0, 0")))
    first, second = read_gpus()
    assert first.utilization == 0.37
    assert first.memory_total_bytes is None
    assert first.memory_used_bytes is None
    assert first.memory_utilization is None
    assert second.memory_total_bytes == 11441 * MIB


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "echo \"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
            ' Make sure that the latest NVIDIA driver is installed and running.";'
            ' echo "More."; exit 9',
            "nvidia-smi failed with status 9: NVIDIA-SMI has failed because it couldn't communicate"
            " with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and"
            " running.",
        ),
        (
            "echo 'nvidia-smi: error while loading shared libraries' >&2; exit 127",
            "nvidia-smi failed with status 127: nvidia-smi: error while loading shared libraries",
        ),
        ("exit 0", "nvidia-smi lists no GPU."),
        (
            "echo hello",
            "nvidia-smi's answer makes no sense (invalid literal for int() with base 10: 'hello').",
        ),
        ("echo '0, GPU-1'", "nvidia-smi's answer makes no sense (list index out of range)."),
        (
            r"printf '\377\n'",
            "nvidia-smi's answer makes no sense ('utf-8' codec can't decode byte 0xff in position"
            " 0: invalid start byte).",
        ),
    ],
)
def test_a_failing_nvidia_smi_gives_no_gpu_and_a_reason(
    nvidia_smi: NvidiaSmi, script: str, reason: str
) -> None:
    nvidia_smi(script)
    assert read_gpus() == []
    assert gpu_reason() == reason


def test_without_nvidia_smi_there_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reader = GpuReader()
    assert reader.read() == []
    assert reader.reason.startswith("nvidia-smi was not found")


def test_a_file_that_is_no_program_gives_a_reason(nvidia_smi: NvidiaSmi) -> None:
    (nvidia_smi("").parent / "bin" / "nvidia-smi").write_bytes(b"\x7fELF but not really")
    assert read_gpus() == []
    assert gpu_reason().startswith("nvidia-smi could not be started (")


def test_a_hanging_nvidia_smi_is_given_up_and_leaves_no_process(
    nvidia_smi: NvidiaSmi, tmp_path: Path
) -> None:
    nvidia_smi(f"sleep 1000 & echo $! $$ > {tmp_path}/pids; wait")
    reader = GpuReader(deadline_seconds=0.5)
    threads_before = threading.active_count()
    before = time.monotonic()
    assert reader.read() == []
    assert time.monotonic() - before < 5.0  # what is promised, at a tenth of its deadline
    assert reader.reason == "nvidia-smi did not answer within 0.5 s."
    assert threading.active_count() == threads_before
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    wait_until(lambda: not any(map(is_running, pids)))


def test_no_second_nvidia_smi_beside_one_that_cannot_be_killed(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung: list[subprocess.Popen[bytes]] = []
    end = devices._end
    monkeypatch.setattr(devices, "_end", hung.append)
    monkeypatch.setattr(devices, "monotonic", iter(range(0, 1000, 100)).__next__)
    started = nvidia_smi("exec sleep 1000")
    reader = GpuReader(deadline_seconds=0.2)
    try:
        assert reader.read() == []
        assert reader.read() == []
        assert reader.reason == "An earlier nvidia-smi hangs and cannot be ended."
        assert started.read_text() == "started\n"
    finally:
        for process in hung:
            end(process)
    nvidia_smi(printing(TWO_GPUS))
    assert len(reader.read()) == 2


def test_after_failures_the_pause_doubles_up_to_a_minute(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(devices, "monotonic", lambda: now)
    started = nvidia_smi("exit 9")
    reader = GpuReader()

    def attempts() -> int:
        assert reader.read() == []
        assert reader.reason.startswith("nvidia-smi failed with status 9")
        return len(started.read_text().splitlines())

    assert attempts() == 1
    for made, pause in enumerate([1, 2, 4, 8, 16, 32, 60, 60], start=1):
        now += pause - 0.01
        assert attempts() == made
        now += 0.01
        assert attempts() == made + 1

    nvidia_smi(printing(TWO_GPUS))
    now += 60
    assert len(reader.read()) == 2
    assert reader.reason == ""
    nvidia_smi("exit 9")
    made = attempts()
    now += 1
    assert attempts() == made + 1


def test_importing_needs_no_distutils_and_no_torch() -> None:
    program = """
import sys
class NoDistutils:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("distutils", "setuptools"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoDistutils())
from s2s.machine.gpus import Sampler
sampler = Sampler("cpu")
sampler.start()
sampler.stop()
assert len(sampler.drain()) == 1
print(sorted({"distutils", "torch", "streamlit"} & set(sys.modules)))
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


# The sampler


def collect(sampler: Sampler, count: int) -> list[DeviceSample]:
    """Runs a sampler until it has given so many samples or more."""
    samples: list[DeviceSample] = []

    def enough() -> bool:
        samples.extend(sampler.drain())
        return len(samples) >= count

    sampler.start()
    try:
        wait_until(enough)
    finally:
        sampler.stop()
    return samples + sampler.drain()


def is_gap(sample: DeviceSample) -> bool:
    empty = DeviceSample(sample.at, sample.device, None, None, None, None, None)
    return replace(sample, other_load_cores=None) == empty


def test_sampling_this_process() -> None:
    before = time.time()
    sampler = Sampler("cpu", interval_seconds=0.01)
    assert sampler.peak_memory_bytes is None
    samples = collect(sampler, 4)
    assert before <= samples[0].at < samples[1].at < samples[-1].at <= time.time()
    assert samples[0].utilization is None
    for sample in samples:
        assert sample.device == "cpu"
        assert sample.memory_total_bytes == psutil.virtual_memory().total
        assert 2**20 < (sample.memory_used_bytes or 0) < sample.memory_total_bytes
        assert sample.temperature_celsius is None
        assert sample.torch_allocated_bytes is None
    assert all(0 <= (sample.utilization or 0.0) <= 1 for sample in samples)
    assert all(sample.utilization is not None for sample in samples[1:])
    assert sampler.peak_memory_bytes == max(sample.memory_used_bytes or 0 for sample in samples)
    assert sampler.drain() == []


def test_the_peak_stays_when_memory_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([100, 300, 200, 50])
    monkeypatch.setattr(
        psutil.Process, "memory_info", lambda _: SimpleNamespace(rss=next(sizes, 50))
    )
    sampler = Sampler("cpu", interval_seconds=0.001)
    collect(sampler, 4)
    assert sampler.peak_memory_bytes == 300


@pytest.mark.parametrize(("percent", "utilization"), [(100.0, 0.25), (400.9, 1.0), (0.0, 0.0)])
def test_utilization_is_the_share_of_all_cores(
    monkeypatch: pytest.MonkeyPatch, percent: float, utilization: float
) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda: 4)
    monkeypatch.setattr(psutil.Process, "cpu_percent", lambda _: percent)
    samples = collect(Sampler("cpu", interval_seconds=0.001), 2)
    assert [sample.utilization for sample in samples[:2]] == [None, utilization]


def test_a_failed_reading_is_a_gap_and_sampling_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = psutil.virtual_memory
    calls = 0

    def fails_the_second_time() -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError("/proc is gone")
        return memory()

    monkeypatch.setattr(psutil, "virtual_memory", fails_the_second_time)
    samples = collect(Sampler("cpu", interval_seconds=0.001), 4)
    assert [is_gap(sample) for sample in samples[:4]] == [False, True, False, False]


def test_the_thread_has_a_name_and_ends_on_stop() -> None:
    sampler = Sampler("cpu", interval_seconds=1000.0)
    sampler.start()
    (thread,) = (each for each in threading.enumerate() if each.name == "s2s-sampler")
    assert thread.daemon
    sampler.stop()
    assert not thread.is_alive()


def test_stop_does_not_wait_for_a_driver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    monkeypatch.setattr(devices, "JOIN_SECONDS", 0.05)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: answers.wait(30))
    sampler = Sampler("cpu")
    sampler.start()
    (thread,) = (each for each in threading.enumerate() if each.name == "s2s-sampler")
    try:
        sampler.stop()
        assert thread.is_alive()
    finally:
        answers.set()
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("device", ["gpu", "cuda", "cuda:", ""])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Sampler(device)


# The sampler on a GPU: torch and NVML are stand-ins, since no test machine has one.


def test_what_others_take_is_read_with_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([None, 0.25, OSError("/proc is gone"), 0.75])

    class Meter:
        def read(self) -> float | None:
            reading = next(readings, 0.0)
            if isinstance(reading, OSError):
                raise reading
            return reading

    monkeypatch.setattr(devices, "OthersMeter", Meter)
    samples = collect(Sampler("cpu", interval_seconds=0.001), 4)
    assert [sample.other_load_cores for sample in samples[:4]] == [None, 0.25, None, 0.75]
    assert all(sample.memory_used_bytes for sample in samples)


def fake_torch(uuid: str, allocated_bytes: int) -> SimpleNamespace:
    """Sees one GPU, as torch does under CUDA_VISIBLE_DEVICES=<uuid>."""
    return SimpleNamespace(
        cuda=SimpleNamespace(
            get_device_properties={0: SimpleNamespace(uuid=uuid.removeprefix("GPU-"))}.__getitem__,
            memory_allocated={0: allocated_bytes}.__getitem__,
        )
    )


@pytest.fixture
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    monkeypatch.setattr(devices, "_nvml_works", devices._nvml_works.__wrapped__)


@pytest.mark.usefixtures("no_nvml")
def test_without_nvml_the_gpu_is_found_by_uuid(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(printing(TWO_GPUS))
    monkeypatch.setitem(sys.modules, "torch", fake_torch(UUID_1, 4096))
    sampler = Sampler("cuda:0", interval_seconds=0.001)
    sample = collect(sampler, 1)[0]
    assert sample == DeviceSample(sample.at, "cuda:0", 0.0, 0, 11441 * MIB, 29.0, 4096)
    assert sampler.peak_memory_bytes is None


@pytest.mark.usefixtures("no_nvml")
def test_with_no_driver_tool_torch_is_still_read(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi("exit 9")
    monkeypatch.setitem(sys.modules, "torch", fake_torch(UUID_1, 4096))
    sample = collect(Sampler("cuda:0"), 1)[0]
    assert sample == DeviceSample(sample.at, "cuda:0", None, None, None, None, 4096)


def test_a_gpu_that_torch_does_not_see_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(UUID_1, 4096))
    samples = collect(Sampler("cuda:7", interval_seconds=0.001), 3)
    assert all(is_gap(sample) for sample in samples)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GPU, which reports everything."""
    memory = SimpleNamespace(used=5 * MIB, total=80 * MIB)
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(devices, "_nvml_works", devices._nvml_works.__wrapped__)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", {UUID_1: "handle"}.__getitem__)
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetUtilizationRates", {"handle": SimpleNamespace(gpu=37)}.__getitem__
    )
    memories = {("handle", pynvml.nvmlMemory_v2): memory}
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda *arguments: memories[arguments])
    temperatures = {("handle", pynvml.NVML_TEMPERATURE_GPU): 41}
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetTemperature", lambda *arguments: temperatures[arguments]
    )
    monkeypatch.setattr(
        pynvml,
        "nvmlDeviceGetCurrentClocksThrottleReasons",
        {"handle": pynvml.nvmlClocksThrottleReasonSwPowerCap}.__getitem__,
    )
    monkeypatch.setitem(sys.modules, "torch", fake_torch(UUID_1, 4096))


def not_supported(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


@pytest.mark.usefixtures("nvml")
def test_nvml_is_read_where_it_works(nvidia_smi: NvidiaSmi) -> None:
    started = nvidia_smi(printing(TWO_GPUS))
    sample = collect(Sampler("cuda:0"), 1)[0]
    assert sample == DeviceSample(
        sample.at, "cuda:0", 0.37, 5 * MIB, 80 * MIB, 41, 4096, throttled=False
    )
    assert not started.exists()


@pytest.mark.usefixtures("nvml")
@pytest.mark.parametrize(
    ("reason", "throttled"),
    [
        ("nvmlClocksThrottleReasonNone", False),
        ("nvmlClocksThrottleReasonGpuIdle", False),
        ("nvmlClocksThrottleReasonSwThermalSlowdown", True),
        ("nvmlClocksThrottleReasonHwThermalSlowdown", True),
        ("nvmlClocksThrottleReasonHwPowerBrakeSlowdown", True),
        ("nvmlClocksThrottleReasonHwSlowdown", True),
    ],
)
def test_heat_and_a_failing_supply_throttle_a_gpu(
    monkeypatch: pytest.MonkeyPatch, reason: str, throttled: bool
) -> None:
    bits = getattr(pynvml, reason)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCurrentClocksThrottleReasons", lambda _: bits)
    assert collect(Sampler("cuda:0"), 1)[0].throttled is throttled


@pytest.mark.usefixtures("nvml")
@pytest.mark.parametrize(
    ("function", "vitals"),
    [
        ("nvmlDeviceGetUtilizationRates", (None, 5 * MIB, 80 * MIB, 41, 4096, None, False)),
        ("nvmlDeviceGetMemoryInfo", (0.37, None, None, 41, 4096, None, False)),
        ("nvmlDeviceGetTemperature", (0.37, 5 * MIB, 80 * MIB, None, 4096, None, False)),
        ("nvmlDeviceGetCurrentClocksThrottleReasons", (0.37, 5 * MIB, 80 * MIB, 41, 4096)),
        ("nvmlDeviceGetHandleByUUID", (None, None, None, None, 4096)),
    ],
)
def test_what_nvml_does_not_report_is_none(
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    vitals: tuple[Any, ...],
) -> None:
    monkeypatch.setattr(pynvml, function, not_supported)
    sample = collect(Sampler("cuda:0"), 1)[0]
    assert sample == DeviceSample(sample.at, "cuda:0", *vitals)


def gpu_is_lost(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)


@pytest.mark.usefixtures("nvml")
def test_a_gpu_that_is_lost_while_it_is_sampled_is_a_gap_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = pynvml.nvmlDeviceGetHandleByUUID
    sampler = Sampler("cuda:0", interval_seconds=0.001)
    taken: list[DeviceSample] = []

    def utilizations(after: int) -> list[float | None]:
        taken.extend(sampler.drain())
        return [sample.utilization for sample in taken[after:]]

    threads = threading.active_count()
    sampler.start()
    wait_until(lambda: 0.37 in utilizations(0))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", gpu_is_lost)
    wait_until(lambda: utilizations(0).count(None) > 20)
    assert threading.active_count() == threads + 1
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", find)
    lost_until = len(taken)
    wait_until(lambda: 0.37 in utilizations(lost_until))
    sampler.stop()
    gaps = [sample for sample in taken if sample.utilization is None]
    assert all(sample.memory_used_bytes is None for sample in gaps)


def test_whatever_gputil_raises_is_a_reason(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("float division by zero")

    nvidia_smi(printing(TWO_GPUS))
    monkeypatch.setattr(devices._gputil, "getGPUs", fail)
    assert read_gpus() == []
    assert gpu_reason() == "nvidia-smi's answer makes no sense (float division by zero)."


def test_hanging_readings_leave_no_threads_behind(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run after the other on a machine whose nvidia-smi hangs."""
    nvidia_smi("exec sleep 1000")
    monkeypatch.setitem(sys.modules, "torch", fake_torch(UUID_1, 4096))
    monkeypatch.setattr(devices, "_nvml_works", lambda: False)
    monkeypatch.setattr(devices, "_reader", GpuReader(deadline_seconds=0.1))
    threads = threading.active_count()
    for _ in range(5):
        sampler = Sampler("cuda:0", interval_seconds=0.01)
        sampler.start()
        wait_until(lambda sampler=sampler: len(sampler.drain()) >= 1)
        sampler.stop()
    assert threading.active_count() == threads
