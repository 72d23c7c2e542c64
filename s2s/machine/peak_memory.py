"""Peak memory of one model in a process that may hold several."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def load_kernels(device: torch.device) -> None:
    """Run a small model, so that code loaded on first use does not count as a model's memory."""
    recurrent = torch.nn.GRU(8, 8, device=device)
    states, _ = recurrent(torch.randn(4, 2, 8, device=device))
    (states @ torch.randn(8, 8, device=device)).logsumexp(2).sum().backward()
    torch.optim.RMSprop(recurrent.parameters()).step()


class PeakMemory:
    """Peak of the memory that a model adds to the process, over any number of watched sections.

    On CUDA, the bytes that torch allocates. On a CPU, the growth of the resident size, which misses
    memory that the model reuses; only Linux reports the peak of a section.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held_bytes = 0
        """What earlier sections allocated and did not free."""
        self.bytes: int | None = None
        """Peak so far; None: unknown."""

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count the memory allocated in this section as the model's."""
        before = self._reset_peak()
        yield
        if before is None:
            return
        peak, now = self._read()
        self.bytes = max(self.bytes or 0, self._held_bytes + peak - before)
        self._held_bytes += now - before

    def _reset_peak(self) -> int | None:
        """Reset the peak; return the bytes in use, None if the peak cannot be reset."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            _CLEAR_REFS.write_text("5")  # resets VmHWM, see proc(5)
            return _resident_bytes()[1]
        except OSError:
            return None

    def _read(self) -> tuple[int, int]:
        """Return the peak since the reset, and the bytes in use."""
        if self._device.type == "cuda":
            allocated = torch.cuda.memory_allocated(self._device)
            return torch.cuda.max_memory_allocated(self._device), allocated
        return _resident_bytes()


def _resident_bytes() -> tuple[int, int]:
    """Return the resident size of this process: its peak since the reset, and now."""
    status = _STATUS.read_text(encoding="utf-8")
    peak, now = (
        1024 * int(re.findall(rf"^{name}:\s*(\d+) kB", status, re.MULTILINE)[0])
        for name in ("VmHWM", "VmRSS")
    )
    return peak, now
