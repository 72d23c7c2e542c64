"""Device samples: utilization, memory and temperature, read by a thread once per second."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock, Thread
from time import time

import psutil
import pynvml

from s2s.machine.gpus import gpu_uuid, has_nvml, query_nvml, read_gpus
from s2s.machine.interference import OtherLoadMeter
from s2s.records import DeviceSample

JOIN_SECONDS = 2.0

_log = logging.getLogger(__name__)


class DeviceSampler:
    """Thread that samples one device until it is stopped.

    Samples are kept until they are drained. A reading that fails leaves a sample whose fields are
    None. An instance is used once: start, drain, stop, drain.
    """

    def __init__(self, device: str, interval_seconds: float = 1.0) -> None:
        """Prepare the thread.

        Args:
            device: `cpu` (this process is read) or `cuda:N`.

        Raises:
            ValueError: The device has another name.
        """
        self._device = device
        self._read = _process_reader() if device == "cpu" else _gpu_reader(device)
        self._interval_seconds = interval_seconds
        self._samples: list[DeviceSample] = []
        self._lock = Lock()
        self.peak_memory_bytes: int | None = None
        """Largest resident size of this process in a sample; None on a GPU."""
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="s2s-sampler", daemon=True)

    def start(self) -> None:
        """Start the thread, which takes the first sample at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; wait for at most 2 s, since it may hang in the driver."""
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
            sample = self._sample()
            with suppress(psutil.Error, OSError):
                sample = replace(sample, other_load_cores=meter.read())
            with self._lock:
                self._samples.append(sample)
            if self._stopping.wait(self._interval_seconds):
                return

    def _sample(self) -> DeviceSample:
        try:
            sample = self._read()
        except Exception:  # a driver may raise anything; the run goes on, with a gap
            _log.debug("No reading of %s", self._device, exc_info=True)
            return DeviceSample(time(), self._device, None, None, None, None)
        if self._device == "cpu":
            self.peak_memory_bytes = max(self.peak_memory_bytes or 0, sample.memory_used_bytes or 0)
        return sample


_THROTTLE_REASONS = (
    pynvml.nvmlClocksEventReasonHwSlowdown
    | pynvml.nvmlClocksEventReasonHwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
    | pynvml.nvmlClocksEventReasonSwThermalSlowdown
)
"""Heat and power supply faults. A power cap does not count: a busy GPU usually runs at it."""


def _process_reader() -> Callable[[], DeviceSample]:
    process = psutil.Process()
    cores = psutil.cpu_count() or 1
    is_first = True

    def read() -> DeviceSample:
        nonlocal is_first
        at, percent_of_a_core = time(), process.cpu_percent()  # since the last call
        # The first call has no interval. Rounding can give slightly more than all cores.
        utilization = None if is_first else min(1.0, percent_of_a_core / 100 / cores)
        is_first = False
        resident_bytes = process.memory_info().rss
        total_bytes = psutil.virtual_memory().total
        return DeviceSample(at, "cpu", utilization, resident_bytes, total_bytes, None)

    return read


def _gpu_reader(device: str) -> Callable[[], DeviceSample]:
    index = int(device.removeprefix("cuda:"))

    def read() -> DeviceSample:
        import torch  # slow, and not needed on a CPU

        empty = DeviceSample(time(), device, None, None, None, None)
        sample = _read_nvml(empty) if has_nvml() else _read_smi(empty)
        return replace(sample, torch_allocated_bytes=torch.cuda.memory_allocated(index))

    return read


def _read_nvml(empty: DeviceSample) -> DeviceSample:
    """Read a GPU in well under a millisecond; `nvidia-smi` can take seconds."""
    gpu = query_nvml(pynvml.nvmlDeviceGetHandleByUUID, gpu_uuid(empty.device))
    if gpu is None:
        return empty
    rates = query_nvml(pynvml.nvmlDeviceGetUtilizationRates, gpu)
    # Version 2 excludes the memory that the driver reserves, as nvidia-smi does.
    memory = query_nvml(pynvml.nvmlDeviceGetMemoryInfo, gpu, pynvml.nvmlMemory_v2)
    temperature = query_nvml(pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU)
    reasons = query_nvml(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, gpu)
    return replace(
        empty,
        utilization=None if rates is None else rates.gpu / 100,
        memory_used_bytes=None if memory is None else memory.used,
        memory_total_bytes=None if memory is None else memory.total,
        temperature_celsius=temperature,
        throttled=None if reasons is None else bool(reasons & _THROTTLE_REASONS),
    )


def _read_smi(empty: DeviceSample) -> DeviceSample:
    uuid = gpu_uuid(empty.device)
    for gpu in read_gpus():
        if gpu.uuid == uuid:
            return replace(
                empty,
                utilization=gpu.utilization,
                memory_used_bytes=gpu.memory_used_bytes,
                memory_total_bytes=gpu.memory_total_bytes,
                temperature_celsius=gpu.temperature_celsius,
            )
    return empty
