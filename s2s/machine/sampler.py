"""Device samples. A thread reads utilization, memory and temperature once per second."""

import logging
from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock, Thread
from time import time
from typing import Any

import psutil
import pynvml

from s2s.machine.gpus import get_gpu_uuid, has_nvml, query_nvml, read_gpus, read_throttle_reasons
from s2s.machine.host import OtherLoadMeter
from s2s.records import DeviceSample

JOIN_SECONDS = 2.0
_FAULT_REASONS = {"hardware slowdown", "heat", "power brake"}
"""Throttle reasons that mean a fault. A power cap is no fault: most busy GPUs reach it."""

_log = logging.getLogger(__name__)


class DeviceSampler:
    """Thread that samples one device until it is stopped.

    It keeps its samples until `drain`. If a reading fails, the sample's values are `None`. Use each
    instance once: start, drain as often as needed, stop, and drain the rest.
    """

    def __init__(self, device: str, interval_seconds: float = 1.0) -> None:
        """Prepare to sample `cuda:N`, or this process's use of the CPU if `device` is `cpu`."""
        self._device = device
        self._process = psutil.Process()
        self._interval_seconds = interval_seconds
        self._samples: list[DeviceSample] = []
        self._lock = Lock()
        self.peak_memory_bytes: int | None = None
        """Largest resident size of this process in any sample, or `None` on a GPU."""
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="s2s-sampler", daemon=True)

    def start(self) -> None:
        """Start the thread. It takes the first sample immediately."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. Wait for it at most 2 s, because it may hang in the driver."""
        self._stopping.set()
        self._thread.join(JOIN_SECONDS)

    def drain(self) -> list[DeviceSample]:
        """Return the samples taken since the last call, oldest first."""
        with self._lock:
            samples, self._samples = self._samples, []
        return samples

    def _run(self) -> None:
        meter = OtherLoadMeter()
        while True:
            try:
                sample = self._read_process() if self._device == "cpu" else _read_gpu(self._device)
            except Exception:  # a driver may raise anything; leave a gap and go on
                _log.debug("Reading %s failed", self._device, exc_info=True)
                sample = DeviceSample(time(), self._device, None, None, None, None)
            with suppress(psutil.Error, OSError):
                sample = replace(sample, other_load_cores=meter.read())
            with self._lock:
                self._samples.append(sample)
            if self._stopping.wait(self._interval_seconds):
                return

    def _read_process(self) -> DeviceSample:
        # psutil averages since its last call, at 100% per core. Its first call returns no average.
        at, percent = time(), self._process.cpu_percent()
        is_first = self.peak_memory_bytes is None
        core_count = psutil.cpu_count() or 1
        # Because of rounding, the percentage can slightly exceed that of all cores.
        utilization = None if is_first else min(1.0, percent / 100 / core_count)
        resident_bytes = self._process.memory_info().rss
        total_bytes = psutil.virtual_memory().total
        self.peak_memory_bytes = max(self.peak_memory_bytes or 0, resident_bytes)
        return DeviceSample(at, "cpu", utilization, resident_bytes, total_bytes, None)


def _read_gpu(device: str) -> DeviceSample:
    import torch  # slow to import, and not needed on a CPU

    at, uuid = time(), get_gpu_uuid(device)
    allocated_bytes = torch.cuda.memory_allocated(int(device.removeprefix("cuda:")))
    sample = DeviceSample(at, device, None, None, None, None, allocated_bytes)
    return replace(sample, **(_read_nvml(uuid) if has_nvml() else _read_nvidia_smi(uuid)))


def _read_nvml(uuid: str) -> dict[str, Any]:
    """Return the GPU's fields of a sample. NVML takes a millisecond, `nvidia-smi` up to seconds."""
    gpu = query_nvml(pynvml.nvmlDeviceGetHandleByUUID, uuid)
    if gpu is None:
        return {}
    rates = query_nvml(pynvml.nvmlDeviceGetUtilizationRates, gpu)
    # Like nvidia-smi, version 2 leaves out the memory that the driver reserves.
    memory = query_nvml(pynvml.nvmlDeviceGetMemoryInfo, gpu, pynvml.nvmlMemory_v2)
    reasons = read_throttle_reasons(gpu)
    return {
        "utilization": None if rates is None else rates.gpu / 100,
        "memory_used_bytes": None if memory is None else memory.used,
        "memory_total_bytes": None if memory is None else memory.total,
        "temperature_celsius": query_nvml(
            pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU
        ),
        "throttled": None if reasons is None else not _FAULT_REASONS.isdisjoint(reasons),
    }


def _read_nvidia_smi(uuid: str) -> dict[str, Any]:
    names = "utilization", "memory_used_bytes", "memory_total_bytes", "temperature_celsius"
    for gpu in read_gpus():
        if gpu.uuid == uuid:
            return {name: getattr(gpu, name) for name in names}
    return {}
