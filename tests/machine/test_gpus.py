"""GPU readings through GPUtil and a stand-in for nvidia-smi."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from s2s.machine import gpus
from s2s.machine.gpus import GpuReader, GpuReading, get_gpu_error, read_gpus
from tests.machine.conftest import TWO_GPUS, UUID_0, UUID_1, NvidiaSmi, printing
from tests.tiny import wait_until

MIB = 2**20


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
            1, "Tesla K80", "0324717001", UUID_1, 0.0, 0.0, 11441 * MIB, 0, 11441 * MIB,
            "Enabled", "Disabled", 29.0, "550.54.15",
        ),
    ]  # fmt: skip
    assert get_gpu_error() == ""


@pytest.mark.parametrize("absent", ["[N/A]", "[Not Supported]", "0, 0, 0"])
def test_values_that_are_not_reported_are_none(nvidia_smi: NvidiaSmi, absent: str) -> None:
    memory = absent if "," in absent else ", ".join([absent] * 3)
    nvidia_smi(printing(TWO_GPUS.replace("81559, 1024, 80535", memory)))
    first, second = read_gpus()
    assert first.utilization == 0.37
    assert first.memory_total_bytes is first.memory_used_bytes is first.memory_utilization is None
    assert second.memory_total_bytes == 11441 * MIB


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'NVIDIA-SMI has failed.'; echo More.; exit 9", "status 9: NVIDIA-SMI has failed."),
        ("echo 'error while loading' >&2; exit 127", "status 127: error while loading"),
        ("exit 0", "no GPU"),
        ("echo '0, GPU-1'", "index out of range"),
        (r"printf '\377\n'", "utf-8"),
    ],
)
def test_a_failing_nvidia_smi_is_explained(nvidia_smi: NvidiaSmi, script: str, reason: str) -> None:
    nvidia_smi(script)
    assert read_gpus() == []
    assert reason in get_gpu_error()


def test_a_missing_or_broken_nvidia_smi_is_explained(
    nvidia_smi: NvidiaSmi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nvidia_smi("").parent / "bin" / "nvidia-smi").write_bytes(b"\x7fELF but not really")
    assert read_gpus() == []
    assert "could not be started" in get_gpu_error()
    monkeypatch.setenv("PATH", str(tmp_path))
    reader = GpuReader()
    assert reader.read() == []
    assert "not found" in reader.error


def test_the_children_of_a_hanging_nvidia_smi_are_killed(
    nvidia_smi: NvidiaSmi, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    nvidia_smi(f"sleep 1000 & echo $! > {child}; wait")
    reader = GpuReader(timeout_seconds=0.1)
    wait_until(lambda: reader.read() == [] and child.exists() and child.read_text() != "")

    def is_gone() -> bool:
        try:
            return psutil.Process(int(child.read_text())).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    wait_until(is_gone)


def test_no_second_nvidia_smi_starts_beside_one_that_cannot_be_killed(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung: list[subprocess.Popen[bytes]] = []
    kill = gpus._kill
    monkeypatch.setattr(gpus, "_kill", hung.append)
    monkeypatch.setattr(gpus, "monotonic", iter(range(0, 1000, 100)).__next__)
    starts = nvidia_smi("exec sleep 1000")
    reader = GpuReader(timeout_seconds=0.2)
    try:
        assert reader.read() == reader.read() == []
        assert "cannot be killed" in reader.error
        assert starts.read_text() == "started\n"
    finally:
        for process in hung:
            kill(process)
    nvidia_smi(printing(TWO_GPUS))
    assert len(reader.read()) == 2


def test_after_failures_the_pause_doubles_up_to_a_minute(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(gpus, "monotonic", lambda: now)
    starts = nvidia_smi("exit 9")
    reader = GpuReader()

    def count_attempts() -> int:
        assert reader.read() == []
        return len(starts.read_text().splitlines())

    assert count_attempts() == 1
    for attempts, pause in enumerate([1, 2, 4, 8, 16, 32, 60, 60], start=1):
        now += pause - 0.01
        assert count_attempts() == attempts
        now += 0.01
        assert count_attempts() == attempts + 1
    nvidia_smi(printing(TWO_GPUS))
    now += 60
    assert len(reader.read()) == 2
    assert reader.error == ""


def test_importing_needs_no_distutils_and_no_torch() -> None:
    program = """
import sys
class NoDistutils:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("distutils", "setuptools"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoDistutils())
from s2s.machine.host import read_system_info
from s2s.machine.sampler import DeviceSampler
read_system_info()
sampler = DeviceSampler("cpu")
sampler.start()
sampler.stop()
assert len(sampler.drain()) == 1
print(sorted({"distutils", "torch", "streamlit"} & set(sys.modules)))
"""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (process.stdout, process.stderr) == ("[]\n", "")
