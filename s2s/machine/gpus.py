"""Readings of the GPUs: all of them through GPUtil, single quantities through NVML."""

import functools
import logging
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

_log = logging.getLogger(__name__)


def _import_gputil() -> Any:
    """Import GPUtil with a stand-in for distutils, of which it uses one function.

    Python 3.12 has no distutils, and setuptools, which brings it back, takes 0.2 s to import.
    """
    distutils = ModuleType("distutils")
    distutils.__dict__["spawn"] = SimpleNamespace(find_executable=which)
    is_ours = sys.modules.setdefault("distutils", distutils) is distutils
    try:
        import GPUtil
    finally:
        if is_ours:
            del sys.modules["distutils"]
    return GPUtil.GPUtil


_gputil = _import_gputil()


@dataclass(frozen=True)
class GpuReading:
    """The columns of `GPUtil.showUtilization(all=True)`, and the driver. None: not reported."""

    id: int
    """In the order of `nvidia-smi`, which is not that of CUDA: match by `uuid`."""
    name: str
    serial: str | None
    uuid: str
    """Begins with `GPU-`."""
    utilization: float | None
    """0 to 1, by all programs."""
    memory_utilization: float | None
    """Used over total, 0 to 1."""
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    memory_free_bytes: int | None
    display_mode: str | None
    display_active: str | None
    temperature_celsius: float | None
    driver: str | None


def read_gpus() -> list[GpuReading]:
    """Return all NVIDIA GPUs; an empty list if they cannot be read, see `gpu_error()`.

    Takes as long as `nvidia-smi`, at most 5 s. After a failure it does not try again for 1 s, then
    2 s, and so on up to 60 s.
    """
    return _reader.read()


def gpu_error() -> str:
    """Return why the last `read_gpus()` failed, in one sentence; empty if it did not fail."""
    return _reader.error


class GpuReader:
    """Reader of the GPUs through GPUtil, with fixes for faults of GPUtil 1.4.0.

    GPUtil waits forever for a hung `nvidia-smi`, hides why it failed, and divides by a memory size
    of 0. Two of its names are therefore replaced: `Popen` by a call with a timeout, and `GPU` by a
    function that makes a `GpuReading`. These names are global, so all threads share one reader,
    which runs one `nvidia-smi` at a time.
    """

    def __init__(self, timeout_seconds: float = 5.0) -> None:
        self.error = ""
        self._timeout_seconds = timeout_seconds
        self._lock = Lock()
        self._hung: subprocess.Popen[bytes] | None = None
        self._pause_seconds = 0.0
        self._paused_until = 0.0

    def read(self) -> list[GpuReading]:
        """See `read_gpus`."""
        with self._lock:
            gpus: list[GpuReading] = []
            if monotonic() < self._paused_until:
                return gpus
            try:
                gpus = self._read_gputil()
                self.error, self._pause_seconds = "", 0.0
            except _NoReadingError as error:
                self.error = str(error)
                self._pause_seconds = min(2 * self._pause_seconds or 1.0, _MAX_PAUSE_SECONDS)
                self._paused_until = monotonic() + self._pause_seconds
            return gpus

    def _read_gputil(self) -> list[GpuReading]:
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
        except Exception as error:  # GPUtil checks nothing in the output it parses
            raise _NoReadingError(f"The output of nvidia-smi is malformed ({error}).") from error
        if failures:
            raise failures[0]
        if not gpus:
            raise _NoReadingError("nvidia-smi lists no GPU.")
        return gpus

    def _run(self, command: list[str]) -> bytes:
        if self._hung is not None and self._hung.poll() is None:
            # A process in a hung driver call ignores even SIGKILL: do not start another one.
            raise _NoReadingError("An earlier nvidia-smi hangs and cannot be killed.")
        try:
            process = subprocess.Popen(  # noqa: S603  the command is a constant of GPUtil
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # to kill its children too
            )
        except FileNotFoundError as error:
            raise _NoReadingError(
                "nvidia-smi was not found: no NVIDIA driver is installed, or it is not on the PATH."
            ) from error
        except OSError as error:
            raise _NoReadingError(f"nvidia-smi could not be started ({error}).") from error
        try:
            output, errors = process.communicate(timeout=self._timeout_seconds)
        except subprocess.TimeoutExpired as error:
            self._hung = process
            reason = f"nvidia-smi did not answer within {self._timeout_seconds:g} s."
            raise _NoReadingError(reason) from error
        finally:
            if process.returncode is None:  # also after Ctrl-C, which does not reach its session
                _kill(process)
        if process.returncode != 0:
            text = (output.strip() or errors.strip()).decode(errors="replace")
            message = text.partition("\n")[0]
            raise _NoReadingError(f"nvidia-smi failed with status {process.returncode}: {message}")
        return output


class _NoReadingError(Exception):
    """The GPUs cannot be read; the message says why in one sentence."""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children, and wait for it for at most one second."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(1.0)


def _gpu_reading(*values: Any) -> GpuReading:
    """Build a reading from the arguments of GPUtil's class `GPU`.

    NaN and `[N/A]` become None, and so does all memory of a GPU that reports a total of 0.
    """
    id_, uuid, load, total, used, free, driver, name, serial, mode, active, celsius = values
    if total == 0:
        total = used = free = math.nan
    total_bytes, used_bytes, free_bytes = (
        int(mib * 2**20) if math.isfinite(mib) else None for mib in (total, used, free)
    )
    driver, serial, mode, active = (
        None if text.startswith("[") or text == "N/A" else text
        for text in (driver, serial, mode, active)
    )
    load, memory_share, celsius = (
        value if math.isfinite(value) else None for value in (load, used / total, celsius)
    )
    return GpuReading(
        id=id_,
        name=name,
        serial=serial,
        uuid=uuid,
        utilization=load,
        memory_utilization=memory_share,
        memory_total_bytes=total_bytes,
        memory_used_bytes=used_bytes,
        memory_free_bytes=free_bytes,
        display_mode=mode,
        display_active=active,
        temperature_celsius=celsius,
        driver=driver,
    )


_reader = GpuReader()


def gpu_uuid(device: str) -> str:
    """Return the driver's UUID of torch's `cuda:N`; N depends on CUDA_VISIBLE_DEVICES."""
    import torch  # slow, and not needed on a CPU

    index = int(device.removeprefix("cuda:"))
    return f"GPU-{torch.cuda.get_device_properties(index).uuid}"


@functools.cache
def has_nvml() -> bool:
    """Return whether NVML works; the first call initializes it, and nothing shuts it down."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        _log.debug("NVML does not work, nvidia-smi is used instead: %s", error)
        return False
    return True


def nvml_handle(device: str) -> Any:
    """Return NVML's handle of torch's `cuda:N`; None if NVML fails or does not know it."""
    return query_nvml(pynvml.nvmlDeviceGetHandleByUUID, gpu_uuid(device)) if has_nvml() else None


def query_nvml(function: Callable[..., Any], *arguments: object) -> Any:
    """Return what an NVML function returns; None if the GPU does not report the quantity."""
    try:
        return function(*arguments)
    except pynvml.NVMLError:
        return None
