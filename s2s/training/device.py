"""The device: choose it, set its precision, and recognize and limit its use of memory."""

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from s2s.config import Precision
from s2s.errors import UserError

_OUT_OF_MEMORY = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""Signs in torch's RuntimeError: on a CPU, and on a GPU for memory other than a tensor's."""
_MMAP_THRESHOLD_BYTES = 2**25 - 2**16
"""A little below the largest threshold that malloc learns (32 MiB, see mallopt(3))."""


def resolve_device(name: str) -> torch.device:
    """Return the device; `auto` is the first GPU, or the CPU if there is none.

    Raises:
        UserError: There is no such GPU.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device("cuda:0" if name == "cuda" else name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"Device {name} not found ({torch.cuda.device_count()} GPUs available). "
            "Choose auto or cpu."
        )
    return device


def device_names() -> list[str]:
    """Return the names of all devices, best first."""
    return [*(f"cuda:{index}" for index in range(torch.cuda.device_count())), "cpu"]


def ran_out_of_memory(error: Exception) -> bool:
    """Return whether the error means that the device's memory was too small."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _OUT_OF_MEMORY)


def raise_mmap_threshold() -> None:
    """Make malloc reuse freed blocks of up to 32 MiB, from now on.

    Otherwise it may return gradients to the system at each step, and request every page again at
    the next. glibc raises its threshold when a larger block is freed; elsewhere this does nothing.
    """
    torch.empty(_MMAP_THRESHOLD_BYTES, dtype=torch.uint8)


def trim_heap() -> None:
    """Return all free memory to the system (glibc only), which takes some milliseconds.

    An evaluation and a checkpoint take many times the memory of a step and leave it fragmented, so
    a long run would grow a little each time.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(ctypes.c_size_t(0))


@contextmanager
def matmul_precision(precision: Precision, device: torch.device) -> Iterator[None]:
    """On a GPU compute float32 products exactly (fp32), or in TF32 (tf32 and bf16).

    Blocks while another thread is inside with the other setting, so it must not be nested with two
    settings. A captured graph keeps the setting it was captured with: replays need not be inside.
    """
    if device.type != "cuda":
        yield
        return
    with _shared_settings.apply("ieee" if precision is Precision.FP32 else "tf32"):
        yield


class _SharedSettings:
    """torch's precision settings, which are global, shared by runs on two GPUs of one process.

    Threads that need the same setting enter together. A thread that needs the other one waits until
    they have left, and later threads queue behind it. Afterwards the settings are as before.
    """

    def __init__(self) -> None:
        self._entrance, self._changed = threading.Lock(), threading.Condition()
        self._users, self._setting, self._before = 0, "", ("", "")

    @contextmanager
    def apply(self, setting: str) -> Iterator[None]:
        """Apply "ieee" or "tf32", as torch.backends names them."""
        with self._entrance, self._changed:
            self._changed.wait_for(lambda: not self._users or self._setting == setting)
            if not self._users:
                self._before = _read_settings()
                self._setting = setting
                _write_settings(setting, setting)
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                if not self._users:
                    _write_settings(*self._before)
                self._changed.notify_all()


_shared_settings = _SharedSettings()


def _read_settings() -> tuple[str, str]:
    """Return the settings of cuBLAS's products and of cuDNN's recurrent layers."""
    matmul: str = torch.backends.cuda.matmul.fp32_precision
    recurrent: str = torch.backends.cudnn.rnn.fp32_precision  # type: ignore[attr-defined]
    return matmul, recurrent


def _write_settings(matmul: str, recurrent: str) -> None:
    torch.backends.cuda.matmul.fp32_precision = matmul
    torch.backends.cudnn.rnn.fp32_precision = recurrent  # type: ignore[attr-defined]
