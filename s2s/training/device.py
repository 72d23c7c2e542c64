"""The device: its choice, its precision, and its memory."""

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
"""Parts of the RuntimeError messages that torch raises instead of an OutOfMemoryError."""
_MMAP_THRESHOLD_BYTES = 2**25 - 2**16
"""A little below the largest threshold that malloc sets for itself (32 MiB, see mallopt(3))."""


def resolve_device(name: str) -> torch.device:
    """Return the device of this name; `auto` means the first GPU, or the CPU without a GPU.

    Raises:
        UserError: The GPU does not exist.
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
    """Return the names of all devices, the CPU last."""
    return [*(f"cuda:{index}" for index in range(torch.cuda.device_count())), "cpu"]


def ran_out_of_memory(error: Exception) -> bool:
    """Return whether the error means that the device's memory was too small."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def raise_mmap_threshold() -> None:
    """Make glibc's malloc reuse freed blocks of up to 32 MiB, by freeing a block of that size.

    Otherwise malloc may return the gradients' memory to the system at every step.
    """
    torch.empty(_MMAP_THRESHOLD_BYTES, dtype=torch.uint8)


def trim_heap() -> None:
    """Return all free memory to the system (glibc only), which takes some milliseconds.

    Otherwise each evaluation and each checkpoint would leave the memory more fragmented.
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
    """torch's global precision settings, shared by the runs on several GPUs of one process.

    Threads that need the same setting use it together. A thread that needs another setting waits
    until they are done, and later threads queue behind it. The last user restores the old settings.
    """

    def __init__(self) -> None:
        self._queue, self._changed = threading.Lock(), threading.Condition()
        self._user_count, self._setting, self._before = 0, "", ("", "")

    @contextmanager
    def apply(self, setting: str) -> Iterator[None]:
        """Apply "ieee" or "tf32", as torch.backends names them."""
        with self._queue, self._changed:
            self._changed.wait_for(lambda: not self._user_count or self._setting == setting)
            if not self._user_count:
                self._before = _read_settings()
                self._setting = setting
                _write_settings(setting, setting)
            self._user_count += 1
        try:
            yield
        finally:
            with self._changed:
                self._user_count -= 1
                if not self._user_count:
                    _write_settings(*self._before)
                self._changed.notify_all()


_shared_settings = _SharedSettings()


def _read_settings() -> tuple[str, str]:
    """Return the settings of cuBLAS (matrix products) and cuDNN (recurrent layers)."""
    matmul: str = torch.backends.cuda.matmul.fp32_precision
    recurrent: str = torch.backends.cudnn.rnn.fp32_precision  # type: ignore[attr-defined]
    return matmul, recurrent


def _write_settings(matmul: str, recurrent: str) -> None:
    torch.backends.cuda.matmul.fp32_precision = matmul
    torch.backends.cudnn.rnn.fp32_precision = recurrent  # type: ignore[attr-defined]
