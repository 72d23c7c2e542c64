"""Choice of the device that trains, its precision in matrix products, and its memory."""

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
"""Texts that mark a RuntimeError of torch as out of memory, although it is no OutOfMemoryError."""
_MMAP_THRESHOLD_BYTES = 2**25 - 2**16
"""Slightly below 32 MiB, the largest threshold that malloc sets by itself (see mallopt(3))."""


def resolve_device(name: str) -> torch.device:
    """Return the device of this name; `auto` means the first GPU, or the CPU if there is none.

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


def list_device_names() -> list[str]:
    """Return the names of all devices, the CPU last."""
    return [*(f"cuda:{index}" for index in range(torch.cuda.device_count())), "cpu"]


def is_out_of_memory(error: Exception) -> bool:
    """Return whether the error means that the device's memory was too small."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def raise_mmap_threshold() -> None:
    """Free a block of almost 32 MiB. From then on glibc's malloc reuses freed blocks of that size.

    Otherwise it may return the gradients' memory to the system at every step.
    """
    torch.empty(_MMAP_THRESHOLD_BYTES, dtype=torch.uint8)


def trim_heap() -> None:
    """Return all free memory to the system. This takes some milliseconds, and needs glibc.

    Otherwise each evaluation and each checkpoint would leave the memory more fragmented.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(ctypes.c_size_t(0))


_entry_lock, _settings_changed = threading.Lock(), threading.Condition()
_settings_in_use: list[str] = []
"""One entry per thread that is inside `matmul_precision`. All entries are equal."""
_settings_before: list[str] = []
"""torch's own settings, to be restored by the last thread."""


@contextmanager
def matmul_precision(precision: Precision, device: torch.device) -> Iterator[None]:
    """Let a GPU multiply float32 matrices in full precision (fp32) or in TF32 (tf32, bf16).

    torch's settings are global. Threads that need the same setting use it together. A thread that
    needs another setting waits until they are done, and later threads queue behind it. A thread
    must not nest these contexts: it could wait for itself. A CUDA graph keeps the setting that it
    was captured with.
    """
    if device.type != "cuda":
        yield
        return
    setting = "ieee" if precision is Precision.FP32 else "tf32"
    with _entry_lock, _settings_changed:
        _settings_changed.wait_for(lambda: all(each == setting for each in _settings_in_use))
        if not _settings_in_use:
            _settings_before[:] = _read_settings()
            _write_settings(setting, setting)
        _settings_in_use.append(setting)
    try:
        yield
    finally:
        with _settings_changed:
            _settings_in_use.remove(setting)
            if not _settings_in_use:
                _write_settings(*_settings_before)
            _settings_changed.notify_all()


def _read_settings() -> tuple[str, str]:
    """Return the precision settings of cuBLAS (matrix products) and cuDNN (recurrent layers)."""
    matmul: str = torch.backends.cuda.matmul.fp32_precision
    recurrent: str = torch.backends.cudnn.rnn.fp32_precision  # type: ignore[attr-defined]
    return matmul, recurrent


def _write_settings(matmul: str, recurrent: str) -> None:
    torch.backends.cuda.matmul.fp32_precision = matmul
    torch.backends.cudnn.rnn.fp32_precision = recurrent  # type: ignore[attr-defined]
