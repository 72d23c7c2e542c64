"""Device samples; on a GPU torch and NVML are stand-ins, since no test machine has one."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pynvml
import pytest

from s2s.machine import gpus
from s2s.machine import sampler as sampler_module
from s2s.machine.sampler import DeviceSampler
from s2s.records import DeviceSample
from tests.machine.conftest import TWO_GPUS, UUID_1, NvidiaSmi, printing
from tests.tiny import wait_until

MIB = 2**20


def collect(sampler: DeviceSampler, count: int) -> list[DeviceSample]:
    """Run a sampler until it has taken that many samples."""
    samples: list[DeviceSample] = []

    def has_enough() -> bool:
        samples.extend(sampler.drain())
        return len(samples) >= count

    sampler.start()
    try:
        wait_until(has_enough)
    finally:
        sampler.stop()
    return samples + sampler.drain()


def test_samples_of_this_process() -> None:
    before = time.time()
    sampler = DeviceSampler("cpu", interval_seconds=0.01)
    assert sampler.peak_memory_bytes is None
    samples = collect(sampler, 4)
    assert before <= samples[0].at < samples[1].at < samples[-1].at <= time.time()
    assert samples[0].utilization is None
    assert all(0 <= (sample.utilization or 0.0) <= 1 for sample in samples)
    for sample in samples:
        assert sample.device == "cpu"
        assert sample.memory_total_bytes == psutil.virtual_memory().total
        assert 2**20 < (sample.memory_used_bytes or 0) < sample.memory_total_bytes
        assert sample.temperature_celsius is sample.torch_allocated_bytes is None
    assert sampler.peak_memory_bytes == max(sample.memory_used_bytes or 0 for sample in samples)
    assert sampler.drain() == []


def test_other_load_is_read_with_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([None, 0.25, OSError("/proc is gone"), 0.75])

    class Meter:
        def read(self) -> float | None:
            reading = next(readings, 0.0)
            if isinstance(reading, OSError):
                raise reading
            return reading

    monkeypatch.setattr(sampler_module, "OtherLoadMeter", Meter)
    samples = collect(DeviceSampler("cpu", interval_seconds=0.001), 4)
    assert [sample.other_load_cores for sample in samples[:4]] == [None, 0.25, None, 0.75]
    assert all(sample.memory_used_bytes for sample in samples)


def test_stop_does_not_wait_for_a_hanging_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(sampler_module, "JOIN_SECONDS", 0.05)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: answered.wait(30))
    sampler = DeviceSampler("cpu")
    sampler.start()
    try:
        sampler.stop()
        assert sampler._thread.is_alive()
    finally:
        answered.set()
        sampler._thread.join(30)
    assert not sampler._thread.is_alive()


def fake_torch(uuid: str, allocated_bytes: int) -> SimpleNamespace:
    """Return a torch that sees one GPU, as under CUDA_VISIBLE_DEVICES=<uuid>."""
    return SimpleNamespace(
        cuda=SimpleNamespace(
            get_device_properties={0: SimpleNamespace(uuid=uuid.removeprefix("GPU-"))}.__getitem__,
            memory_allocated={0: allocated_bytes}.__getitem__,
        )
    )


def raise_nvml(code: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise pynvml.NVMLError(code)

    return fail


def test_without_nvml_the_gpu_is_found_by_uuid(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pynvml, "nvmlInit", raise_nvml(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    monkeypatch.setattr(sampler_module, "has_nvml", gpus.has_nvml.__wrapped__)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(UUID_1, 4096))
    nvidia_smi(printing(TWO_GPUS))
    sampler = DeviceSampler("cuda:0", interval_seconds=0.001)
    sample = collect(sampler, 1)[0]
    assert sample == DeviceSample(sample.at, "cuda:0", 0.0, 0, 11441 * MIB, 29.0, 4096)
    assert sampler.peak_memory_bytes is None
    nvidia_smi("exit 9")
    sample = collect(DeviceSampler("cuda:0"), 1)[0]
    assert sample == DeviceSample(sample.at, "cuda:0", None, None, None, None, 4096)
    sample = collect(DeviceSampler("cuda:7"), 1)[0]  # torch does not see it
    gap = DeviceSample(sample.at, "cuda:7", None, None, None, None, None)
    assert replace(sample, other_load_cores=None) == gap


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GPU, which reports everything."""
    monkeypatch.setattr(sampler_module, "has_nvml", lambda: True)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(UUID_1, 4096))
    for name, answers in {
        "nvmlDeviceGetHandleByUUID": {(UUID_1,): "handle"},
        "nvmlDeviceGetUtilizationRates": {("handle",): SimpleNamespace(gpu=37)},
        "nvmlDeviceGetMemoryInfo": {
            ("handle", pynvml.nvmlMemory_v2): SimpleNamespace(used=5 * MIB, total=80 * MIB)
        },
        "nvmlDeviceGetTemperature": {("handle", pynvml.NVML_TEMPERATURE_GPU): 41},
        "nvmlDeviceGetCurrentClocksThrottleReasons": {
            ("handle",): pynvml.nvmlClocksThrottleReasonSwPowerCap
        },
    }.items():
        monkeypatch.setattr(pynvml, name, lambda *asked, answers=answers: answers[asked])


@pytest.mark.usefixtures("nvml")
def test_nvml_is_read_and_unsupported_values_are_none(
    nvidia_smi: NvidiaSmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = nvidia_smi(printing(TWO_GPUS))
    for unsupported, vitals in {
        "": (0.37, 5 * MIB, 80 * MIB, 41, 4096, None, False),
        "nvmlDeviceGetMemoryInfo": (0.37, None, None, 41, 4096, None, False),
        "nvmlDeviceGetCurrentClocksThrottleReasons": (0.37, 5 * MIB, 80 * MIB, 41, 4096),
        "nvmlDeviceGetHandleByUUID": (None, None, None, None, 4096),
    }.items():
        with monkeypatch.context() as patch:
            if unsupported:
                patch.setattr(pynvml, unsupported, raise_nvml(pynvml.NVML_ERROR_NOT_SUPPORTED))
            sample = collect(DeviceSampler("cuda:0"), 1)[0]
        assert sample == DeviceSample(sample.at, "cuda:0", *vitals)
    assert not starts.exists()


@pytest.mark.usefixtures("nvml")
def test_heat_and_power_faults_throttle_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    throttled = {"None": False, "GpuIdle": False}
    throttled |= dict.fromkeys(("SwThermalSlowdown", "HwSlowdown", "HwPowerBrakeSlowdown"), True)
    for reason, expected in throttled.items():
        bits = getattr(pynvml, f"nvmlClocksThrottleReason{reason}")
        function = "nvmlDeviceGetCurrentClocksThrottleReasons"
        monkeypatch.setattr(pynvml, function, lambda _, bits=bits: bits)
        assert collect(DeviceSampler("cuda:0"), 1)[0].throttled is expected


@pytest.mark.usefixtures("nvml")
def test_a_gpu_lost_while_it_is_sampled_is_a_gap_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler = DeviceSampler("cuda:0", interval_seconds=0.001)

    def next_utilization() -> float | None:
        samples = sampler.drain()
        return samples[-1].utilization if samples else -1

    sampler.start()
    try:
        wait_until(lambda: next_utilization() == 0.37)
        with monkeypatch.context() as lost:
            code = pynvml.NVML_ERROR_GPU_IS_LOST
            lost.setattr(pynvml, "nvmlDeviceGetHandleByUUID", raise_nvml(code))
            wait_until(lambda: next_utilization() is None)
        wait_until(lambda: next_utilization() == 0.37)
    finally:
        sampler.stop()
