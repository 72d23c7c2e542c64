"""Device samples once per second: utilisation, memory and temperature, read by a thread."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock, Thread
from time import time
from typing import NamedTuple

import psutil
import pynvml

from s2s.machine.gpus import gpu_uuid, has_nvml, query_nvml, read_gpus
from s2s.machine.interference import OtherLoadMeter
from s2s.records import DeviceSample

JOIN_SECONDS = 2.0

_log = logging.getLogger(__name__)


class DeviceSampler:
    """Thread that reads one device at an interval until it is stopped.

    Samples are kept until they are drained. A reading that fails leaves a sample whose fields are
    None. Used once: start, drain, stop, drain.
    """

    def __init__(self, device: str, interval_seconds: float = 1.0) -> None:
        """Prepare the thread.

        Args:
            device: `cpu` (this process is read) or `cuda:N`.

        Raises:
            ValueError: The device has another name.
        """
        self.device = device
        self._read = _process_reader() if device == "cpu" else _gpu_reader(device)
        self._interval_seconds = interval_seconds
        self._samples: list[DeviceSample] = []
        self._lock = Lock()
        self._peak_memory_bytes: int | None = None
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
        """Return and forget the samples since the last call, oldest first."""
        with self._lock:
            samples, self._samples = self._samples, []
        return samples

    @property
    def peak_memory_bytes(self) -> int | None:
        """Largest resident size of this process in a sample; None on a GPU."""
        return self._peak_memory_bytes

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
        at = time()
        try:
            vitals, torch_allocated_bytes = self._read()
        except Exception:  # whatever a driver raises: the run goes on, with a gap
            _log.debug("No reading of %s", self.device, exc_info=True)
            return DeviceSample(at, self.device, None, None, None, None)
        if self.device == "cpu" and vitals.memory_used_bytes is not None:
            self._peak_memory_bytes = max(self._peak_memory_bytes or 0, vitals.memory_used_bytes)
        return DeviceSample(
            at,
            self.device,
            vitals.utilization,
            vitals.memory_used_bytes,
            vitals.memory_total_bytes,
            vitals.temperature_celsius,
            torch_allocated_bytes,
            throttled=vitals.throttled,
        )


class _Vitals(NamedTuple):
    """The readings of a DeviceSample, in its units."""

    utilization: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_celsius: float | None
    throttled: bool | None = None


_NOT_REPORTED = _Vitals(None, None, None, None)
_THROTTLE_REASONS = (
    pynvml.nvmlClocksEventReasonHwSlowdown
    | pynvml.nvmlClocksEventReasonHwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
    | pynvml.nvmlClocksEventReasonSwThermalSlowdown
)
"""Heat and power supply faults. A power cap does not count: a busy GPU usually runs at it."""

_Read = Callable[[], tuple[_Vitals, int | None]]
"""Return the vitals of a device and the bytes in torch's tensors on it; may raise anything."""


def _process_reader() -> _Read:
    process = psutil.Process()
    cores = psutil.cpu_count() or 1
    is_first = True

    def read() -> tuple[_Vitals, None]:
        nonlocal is_first
        percent_of_a_core = process.cpu_percent()  # since the last call; 0 on the first one
        # Rounding of clock ticks can give slightly more than all cores.
        utilization = None if is_first else min(1.0, percent_of_a_core / 100 / cores)
        is_first = False
        resident_bytes = process.memory_info().rss
        return _Vitals(utilization, resident_bytes, psutil.virtual_memory().total, None), None

    return read


def _gpu_reader(device: str) -> _Read:
    index = int(device.removeprefix("cuda:"))

    def read() -> tuple[_Vitals, int]:
        import torch  # slow, and not needed on a CPU

        uuid = gpu_uuid(device)
        vitals = _read_nvml(uuid) if has_nvml() else _read_smi(uuid)
        return vitals, torch.cuda.memory_allocated(index)

    return read


def _read_nvml(uuid: str) -> _Vitals:
    """Read a GPU in well under a millisecond, where `nvidia-smi` takes up to seconds."""
    gpu = query_nvml(pynvml.nvmlDeviceGetHandleByUUID, uuid)
    if gpu is None:
        return _NOT_REPORTED
    rates = query_nvml(pynvml.nvmlDeviceGetUtilizationRates, gpu)
    # Version 2 excludes the memory that the driver reserves, as nvidia-smi does.
    memory = query_nvml(pynvml.nvmlDeviceGetMemoryInfo, gpu, pynvml.nvmlMemory_v2)
    temperature = query_nvml(pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU)
    reasons = query_nvml(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, gpu)
    return _Vitals(
        utilization=None if rates is None else rates.gpu / 100,
        memory_used_bytes=None if memory is None else memory.used,
        memory_total_bytes=None if memory is None else memory.total,
        temperature_celsius=temperature,
        throttled=None if reasons is None else bool(reasons & _THROTTLE_REASONS),
    )


def _read_smi(uuid: str) -> _Vitals:
    for gpu in read_gpus():
        if gpu.uuid == uuid:
            return _Vitals(
                gpu.utilization,
                gpu.memory_used_bytes,
                gpu.memory_total_bytes,
                gpu.temperature_celsius,
            )
    return _NOT_REPORTED
