"""Readings of the GPUs and of this process: on demand, or once a second by a thread."""

import functools
import logging
import math
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from shutil import which
from threading import Event, Lock, Thread
from time import monotonic, time
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import psutil
import pynvml

from s2s.machine.interference import OthersMeter
from s2s.records import DeviceSample

SMI_DEADLINE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
JOIN_SECONDS = 2.0

_log = logging.getLogger(__name__)


def _import_gputil() -> Any:
    """GPUtil's module, with `shutil.which` for the one thing that it wants of distutils.

    Python 3.12 has no distutils, earlier ones warn of it, and setuptools, which brings it back,
    takes 0.2 s to import.
    """
    distutils = ModuleType("distutils")
    distutils.__dict__["spawn"] = SimpleNamespace(find_executable=which)
    ours = sys.modules.setdefault("distutils", distutils) is distutils
    try:
        import GPUtil
    finally:
        if ours:
            del sys.modules["distutils"]
    return GPUtil.GPUtil


_gputil = _import_gputil()


@dataclass(frozen=True)
class GpuReading:
    """What `GPUtil.showUtilization(all=True)` shows, and the driver. None: not reported."""

    id: int
    """As `nvidia-smi` counts, which is not as CUDA counts: match by `uuid`."""
    name: str
    serial: str | None
    uuid: str
    """Begins with `GPU-`."""
    utilization: float | None
    """0 to 1, by everyone."""
    memory_utilization: float | None
    """0 to 1: used over total."""
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    memory_free_bytes: int | None
    display_mode: str | None
    display_active: str | None
    temperature_celsius: float | None
    driver: str | None


def read_gpus() -> list[GpuReading]:
    """All NVIDIA GPUs of the machine; none where they cannot be read, and `gpu_reason()` says why.

    Never raises. Takes as long as `nvidia-smi` does, which is given up after 5 s; after a failure
    it answers at once, without a new attempt, for 1 s, then 2 s, and so on up to 60 s.
    """
    return _reader.read()


def gpu_reason() -> str:
    """Why the last `read_gpus()` found nothing, in one sentence; empty where it found something."""
    return _reader.reason


class GpuReader:
    """Reads the GPUs through GPUtil, and outlives what GPUtil 1.4.0 does not.

    GPUtil waits for ever for a hung `nvidia-smi`, hides why it failed, and divides by a memory
    size of 0. So two of its names are replaced: `Popen`, by a call with a deadline, and `GPU`, by
    a function that makes a `GpuReading`.

    One a process, since GPUtil's names are; threads share it and take turns, so that at most one
    `nvidia-smi` runs.
    """

    def __init__(self, deadline_seconds: float = SMI_DEADLINE_SECONDS) -> None:
        self.reason = ""
        self._deadline_seconds = deadline_seconds
        self._lock = Lock()
        self._hung: subprocess.Popen[bytes] | None = None
        self._pause_seconds = 0.0
        self._silent_until = 0.0

    def read(self) -> list[GpuReading]:
        with self._lock:
            if monotonic() < self._silent_until:
                return []
            try:
                gpus = self._ask_gputil()
            except _NoReadingError as error:
                self.reason = str(error)
                self._pause_seconds = min(2 * self._pause_seconds or 1.0, LONGEST_PAUSE_SECONDS)
                self._silent_until = monotonic() + self._pause_seconds
                return []
            self.reason = ""
            self._pause_seconds = 0.0
            return gpus

    def _ask_gputil(self) -> list[GpuReading]:
        failures = []

        def popen(command: list[str], **_: object) -> SimpleNamespace:
            try:
                output = self._run(command)
            except _NoReadingError as error:
                failures.append(error)
                raise  # GPUtil catches it and returns an empty list
            return SimpleNamespace(communicate=lambda: (output, b""))

        _gputil.Popen, _gputil.GPU = popen, _gpu_reading
        try:
            gpus: list[GpuReading] = _gputil.getGPUs()
        except Exception as error:  # whatever GPUtil makes of an answer that it does not know
            raise _NoReadingError(f"nvidia-smi's answer makes no sense ({error}).") from error
        if failures:
            raise failures[0]
        if not gpus:
            raise _NoReadingError("nvidia-smi lists no GPU.")
        return gpus

    def _run(self, command: list[str]) -> bytes:
        """What the command prints. Raises `_NoReadingError` where it fails or hangs."""
        if self._hung is not None and self._hung.poll() is None:
            # A process inside a hung driver call ignores even SIGKILL: start no second one.
            raise _NoReadingError("An earlier nvidia-smi hangs and cannot be ended.")
        try:
            process = subprocess.Popen(  # noqa: S603  the command is a constant of GPUtil
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except FileNotFoundError as error:
            raise _NoReadingError(
                "nvidia-smi was not found: no NVIDIA driver is installed, or it is not on the PATH."
            ) from error
        except OSError as error:
            raise _NoReadingError(f"nvidia-smi could not be started ({error}).") from error
        try:
            output, errors = process.communicate(timeout=self._deadline_seconds)
        except subprocess.TimeoutExpired as error:
            self._hung = process
            _end(process)
            raise _NoReadingError(
                f"nvidia-smi did not answer within {self._deadline_seconds:g} s."
            ) from error
        if process.returncode != 0:
            said = (output.strip() or errors.strip()).decode(errors="replace").partition("\n")[0]
            raise _NoReadingError(f"nvidia-smi failed with status {process.returncode}: {said}")
        return output


class _NoReadingError(Exception):
    """The message says in one sentence why there is no reading."""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and its descendants, and waits a second at most for it to be gone."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(1.0)


def _gpu_reading(
    id_: int,
    uuid: str,
    load: float,
    total_mib: float,
    used_mib: float,
    free_mib: float,
    driver: str,
    name: str,
    serial: str,
    display_mode: str,
    display_active: str,
    temperature: float,
) -> GpuReading:
    """From the arguments of GPUtil's class `GPU`, in its order.

    NaN and `[N/A]` become None, and so does all memory of a GPU said to have none.
    """

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    def text(value: str) -> str | None:
        return None if value.startswith("[") or value == "N/A" else value

    def memory_bytes(mib: float) -> int | None:
        return int(mib * 2**20) if math.isfinite(mib) else None

    if total_mib == 0:
        total_mib = used_mib = free_mib = math.nan
    return GpuReading(
        id=id_,
        name=name,
        serial=text(serial),
        uuid=uuid,
        utilization=number(load),
        memory_utilization=number(used_mib / total_mib),
        memory_total_bytes=memory_bytes(total_mib),
        memory_used_bytes=memory_bytes(used_mib),
        memory_free_bytes=memory_bytes(free_mib),
        display_mode=text(display_mode),
        display_active=text(display_active),
        temperature_celsius=number(temperature),
        driver=text(driver),
    )


_reader = GpuReader()


class Sampler:
    """Reads one device at an interval, in a thread of its own, until told to stop.

    Samples wait until somebody drains them, so the rate does not depend on who reads. A reading
    that fails leaves a sample whose fields are None. Used once: start, drain, stop, drain.
    """

    def __init__(self, device: str, interval_seconds: float = 1.0) -> None:
        """`device` is `cpu` (this process is read) or `cuda:N`; else raises `ValueError`."""
        self.device = device
        self._read = _process_reader() if device == "cpu" else _gpu_reader(device)
        self._interval_seconds = interval_seconds
        self._samples: list[DeviceSample] = []
        self._lock = Lock()
        self._peak_memory_bytes: int | None = None
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="s2s-sampler", daemon=True)

    def start(self) -> None:
        """The first sample is taken at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread. Waits 2 s at most: one that hangs in a driver ends when that answers."""
        self._stopping.set()
        self._thread.join(JOIN_SECONDS)

    def drain(self) -> list[DeviceSample]:
        """The samples since the last call, oldest first; they are forgotten here."""
        with self._lock:
            samples, self._samples = self._samples, []
        return samples

    @property
    def peak_memory_bytes(self) -> int | None:
        """The largest resident size of this process that a sample saw; None on a GPU."""
        return self._peak_memory_bytes

    def _run(self) -> None:
        others = OthersMeter()
        while True:
            sample = self._sample()
            with suppress(psutil.Error, OSError):
                sample = replace(sample, other_load_cores=others.read())
            with self._lock:
                self._samples.append(sample)
            if self._stopping.wait(self._interval_seconds):
                return

    def _sample(self) -> DeviceSample:
        at = time()
        try:
            vitals, torch_allocated_bytes = self._read()
        except Exception:  # whatever a driver comes up with: the run goes on, with a gap
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
    """The readings of a `DeviceSample`, in its units."""

    utilization: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_celsius: float | None
    throttled: bool | None = None


_NOTHING = _Vitals(None, None, None, None)
_THROTTLED = (
    pynvml.nvmlClocksEventReasonHwSlowdown
    | pynvml.nvmlClocksEventReasonHwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
    | pynvml.nvmlClocksEventReasonSwThermalSlowdown
)
"""Heat and trouble with the power supply. A cap on power is how a busy GPU usually runs."""

_Read = Callable[[], tuple[_Vitals, int | None]]
"""Gives the vitals of a device and the bytes that torch holds on it; may raise anything."""


def _process_reader() -> _Read:
    process = psutil.Process()
    cores = psutil.cpu_count() or 1
    measured_before = False

    def read() -> tuple[_Vitals, None]:
        nonlocal measured_before
        percent_of_a_core = process.cpu_percent()  # since the last call: the first means nothing
        # Rounding of the process's clock ticks can give a little more than all cores.
        utilization = min(1.0, percent_of_a_core / 100 / cores) if measured_before else None
        measured_before = True
        resident_bytes = process.memory_info().rss
        return _Vitals(utilization, resident_bytes, psutil.virtual_memory().total, None), None

    return read


def _gpu_reader(device: str) -> _Read:
    index = int(device.removeprefix("cuda:"))

    def read() -> tuple[_Vitals, int]:
        import torch

        uuid = _uuid(device)
        vitals = _nvml_vitals(uuid) if _nvml_works() else _smi_vitals(uuid)
        return vitals, torch.cuda.memory_allocated(index)

    return read


@functools.cache
def _nvml_works() -> bool:
    """Tried once a process, and left initialised until it ends."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        _log.debug("NVML is not usable, nvidia-smi is asked instead: %s", error)
        return False
    return True


def gpu_handle(device: str) -> Any:
    """NVML's handle of torch's `cuda:N`; None where NVML does not work or does not know it."""
    return reported(pynvml.nvmlDeviceGetHandleByUUID, _uuid(device)) if _nvml_works() else None


def _uuid(device: str) -> str:
    """CUDA_VISIBLE_DEVICES renumbers what torch sees, and not what the driver lists."""
    import torch  # slow, and of no use to who samples the processor

    index = int(device.removeprefix("cuda:"))
    return f"GPU-{torch.cuda.get_device_properties(index).uuid}"


def _nvml_vitals(uuid: str) -> _Vitals:
    """Takes well under a millisecond where `nvidia-smi` takes up to seconds."""
    gpu = reported(pynvml.nvmlDeviceGetHandleByUUID, uuid)
    if gpu is None:
        return _NOTHING
    rates = reported(pynvml.nvmlDeviceGetUtilizationRates, gpu)
    # Version 2 leaves out what the driver reserves, as nvidia-smi does.
    memory = reported(pynvml.nvmlDeviceGetMemoryInfo, gpu, pynvml.nvmlMemory_v2)
    temperature = reported(pynvml.nvmlDeviceGetTemperature, gpu, pynvml.NVML_TEMPERATURE_GPU)
    reasons = reported(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, gpu)
    return _Vitals(
        utilization=None if rates is None else rates.gpu / 100,
        memory_used_bytes=None if memory is None else memory.used,
        memory_total_bytes=None if memory is None else memory.total,
        temperature_celsius=temperature,
        throttled=None if reasons is None else bool(reasons & _THROTTLED),
    )


def reported(ask: Callable[..., Any], *arguments: object) -> Any:
    """What NVML answers; None where this GPU or driver does not report the quantity."""
    try:
        return ask(*arguments)
    except pynvml.NVMLError:
        return None


def _smi_vitals(uuid: str) -> _Vitals:
    for gpu in read_gpus():
        if gpu.uuid == uuid:
            return _Vitals(
                gpu.utilization,
                gpu.memory_used_bytes,
                gpu.memory_total_bytes,
                gpu.temperature_celsius,
            )
    return _NOTHING
