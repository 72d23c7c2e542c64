"""Readings of the GPUs. GPUtil lists all GPUs; NVML reads single quantities."""

import functools
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from shutil import which
from threading import Lock
from time import monotonic
from types import ModuleType, SimpleNamespace
from typing import Any

import pynvml

_MAX_PAUSE_SECONDS = 60.0
"""Longest pause after a failure of nvidia-smi."""
_THROTTLE_REASONS = {
    "power cap": pynvml.nvmlClocksEventReasonSwPowerCap,
    "hardware slowdown": pynvml.nvmlClocksEventReasonHwSlowdown,
    "heat": pynvml.nvmlClocksEventReasonSwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwThermalSlowdown,
    "power brake": pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
    "application clocks": pynvml.nvmlClocksEventReasonApplicationsClocksSetting,
    "sync boost": pynvml.nvmlClocksEventReasonSyncBoost,
    "display clocks": pynvml.nvmlClocksEventReasonDisplayClockSetting,
    "idle": pynvml.nvmlClocksEventReasonGpuIdle,
}


def _import_gputil() -> Any:
    """Import GPUtil. It needs distutils, which Python 3.12 removed, so provide a stand-in."""
    stand_in = ModuleType("distutils")
    stand_in.__dict__["spawn"] = SimpleNamespace(find_executable=which)
    is_missing = sys.modules.setdefault("distutils", stand_in) is stand_in
    import GPUtil

    if is_missing:
        del sys.modules["distutils"]
    return GPUtil.GPUtil


_gputil = _import_gputil()


@dataclass(frozen=True)
class GpuReading:
    """Columns of `GPUtil.showUtilization(all=True)`. A value is `None` if not reported."""

    id: int
    """Index in `nvidia-smi`. CUDA may number the GPUs in another order."""
    name: str
    serial: str | None
    uuid: str
    """Identifier of the form `GPU-…`."""
    utilization: float | None
    """Use by all programs, 0 to 1."""
    memory_utilization: float | None
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    memory_free_bytes: int | None
    display_mode: str | None
    display_active: str | None
    temperature_celsius: float | None
    driver: str | None


def read_gpus() -> list[GpuReading]:
    """Return a reading of each NVIDIA GPU, or an empty list on failure (see `get_gpu_error`).

    The call runs `nvidia-smi` and waits at most 5 s for it. After a failure it is not run again for
    1 s. Each further failure doubles this pause, up to 60 s.
    """
    return _reader.read()


def get_gpu_error() -> str:
    """Return why the last reading failed, as a sentence, or an empty string if it did not fail."""
    return _reader.error


class GpuReader:
    """Reads the GPUs with GPUtil 1.4.0, and works around its faults.

    GPUtil waits forever for a hung `nvidia-smi`, hides why `nvidia-smi` failed, and divides by a
    memory size of 0. The reader therefore replaces the globals `Popen` and `GPU` of GPUtil's
    module. All threads share one reader. It runs one `nvidia-smi` at a time.
    """

    def __init__(self, timeout_seconds: float = 5.0) -> None:
        self.error = self._reason = ""
        self._timeout_seconds = timeout_seconds
        self._lock = Lock()
        self._hung_process: subprocess.Popen[bytes] | None = None
        self._pause_seconds = 0.0
        self._paused_until = 0.0

    def read(self) -> list[GpuReading]:
        """Return a reading of each GPU; see `read_gpus`."""
        with self._lock:
            gpus: list[GpuReading] = []
            if monotonic() < self._paused_until:
                return gpus
            self._reason = "nvidia-smi lists no GPU."
            _gputil.Popen, _gputil.GPU = self._popen, _build_reading
            try:
                gpus = _gputil.getGPUs()
            except Exception as error:  # GPUtil checks nothing in the output it parses
                self._reason = f"The output of nvidia-smi is malformed ({error})."
            if gpus:
                self.error, self._pause_seconds = "", 0.0
            else:
                self.error = self._reason
                self._pause_seconds = min(2 * self._pause_seconds or 1.0, _MAX_PAUSE_SECONDS)
                self._paused_until = monotonic() + self._pause_seconds
            return gpus

    def _popen(self, command: list[str], **_: object) -> SimpleNamespace:
        """Run `nvidia-smi` for GPUtil. On failure, set `_reason` and give GPUtil no output."""
        output = b""
        try:
            output = self._run(command)
        except FileNotFoundError:
            self._reason = (
                "nvidia-smi was not found: no NVIDIA driver is installed, or it is not on the PATH."
            )
        except subprocess.TimeoutExpired:
            self._reason = f"nvidia-smi did not answer within {self._timeout_seconds:g} s."
        except subprocess.CalledProcessError as error:
            text = (error.stdout.strip() or error.stderr.strip()).decode(errors="replace")
            message = text.partition("\n")[0]
            self._reason = f"nvidia-smi failed with status {error.returncode}: {message}"
        except OSError as error:
            self._reason = f"nvidia-smi could not be started ({error})."
        return SimpleNamespace(communicate=lambda: (output, b""))

    def _run(self, command: list[str]) -> bytes:
        # A process that hangs inside the driver ignores even SIGKILL. Do not start more of them.
        if self._hung_process is not None and self._hung_process.poll() is None:
            raise OSError("an earlier nvidia-smi hangs and cannot be killed")
        process = subprocess.Popen(  # noqa: S603  the command is a constant of GPUtil
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that its children can be killed too
        )
        try:
            output, errors = process.communicate(timeout=self._timeout_seconds)
        except subprocess.TimeoutExpired:
            self._hung_process = process
            raise
        finally:
            if process.returncode is None:  # after the timeout or Ctrl-C
                _kill(process)
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, command, output, errors)
        return output


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children, and wait at most one second for it to end."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in filter(None, (process.stdout, process.stderr)):
        pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(1.0)


def _build_reading(*values: Any) -> GpuReading:
    """Build a reading from the arguments of GPUtil's class `GPU`."""
    index, uuid, load, total, used, free, driver, name, serial, mode, active, celsius = values
    if total == 0:  # the GPU does not report its memory
        total = used = free = math.nan
    total_bytes, used_bytes, free_bytes = (
        int(mebibytes * 2**20) if math.isfinite(mebibytes) else None
        for mebibytes in (total, used, free)
    )
    return GpuReading(
        id=index,
        name=name,
        serial=_value_or_none(serial),
        uuid=uuid,
        utilization=_value_or_none(load),
        memory_utilization=_value_or_none(used / total),
        memory_total_bytes=total_bytes,
        memory_used_bytes=used_bytes,
        memory_free_bytes=free_bytes,
        display_mode=_value_or_none(mode),
        display_active=_value_or_none(active),
        temperature_celsius=_value_or_none(celsius),
        driver=_value_or_none(driver),
    )


def _value_or_none(value: Any) -> Any:
    """Return the value, or `None` if it is NaN, `N/A`, or in brackets like `[Not Supported]`."""
    if isinstance(value, str):
        return None if value == "N/A" or value.startswith("[") else value
    return value if math.isfinite(value) else None


_reader = GpuReader()


def get_gpu_uuid(device: str) -> str:
    """Return the UUID by which the driver knows torch's device `cuda:N`."""
    import torch  # slow to import, and not needed on a CPU

    index = int(device.removeprefix("cuda:"))
    return f"GPU-{torch.cuda.get_device_properties(index).uuid}"


@functools.cache
def has_nvml() -> bool:
    """Return whether NVML works. The first call initializes it."""
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        return True
    return False


def get_nvml_handle(device: str) -> Any:
    """Return NVML's handle for torch's device `cuda:N`, or `None` if NVML has none."""
    if not has_nvml():
        return None
    return query_nvml(pynvml.nvmlDeviceGetHandleByUUID, get_gpu_uuid(device))


def query_nvml(function: Callable[..., Any], *arguments: object) -> Any:
    """Call an NVML function. Return its result, or `None` if NVML raises an error."""
    try:
        return function(*arguments)
    except pynvml.NVMLError:
        return None


def read_throttle_reasons(gpu: Any) -> tuple[str, ...] | None:
    """Return why the driver limits a GPU's clocks, given NVML's handle; `None` if not reported."""
    # Its newer name, nvmlDeviceGetCurrentClocksEventReasons, is unknown to older drivers.
    bits = query_nvml(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, gpu)
    if bits is None:
        return None
    return tuple(name for name, mask in _THROTTLE_REASONS.items() if bits & mask)
