"""Peak memory of one model in a process that may hold several."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def load_kernels(device: torch.device) -> None:
    """Load torch's kernels by running a small model, so they do not count as a model's memory."""
    recurrent = torch.nn.GRU(8, 8, device=device)
    states, _ = recurrent(torch.randn(4, 2, 8, device=device))
    (states @ torch.randn(8, 8, device=device)).logsumexp(2).sum().backward()
    torch.optim.RMSprop(recurrent.parameters()).step()


class PeakMemory:
    """Peak of the memory that a model adds to the process, over any number of watched sections.

    On CUDA these are the bytes that torch allocates. On a CPU it is the growth of the resident
    size, which misses reused memory, and which only Linux reports.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held_bytes = 0
        """Bytes that earlier sections allocated and did not free."""
        self.bytes: int | None = None
        """Peak so far, `None` if it is unknown."""

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count the memory that this section allocates as the model's."""
        before = self._reset_peak()
        yield
        if before is None:
            return
        peak, now = self._read()
        self.bytes = max(self.bytes or 0, self._held_bytes + peak - before)
        self._held_bytes += now - before

    def _reset_peak(self) -> int | None:
        """Reset the peak and return the bytes in use, or `None` if it cannot be reset."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            _CLEAR_REFS.write_text("5")  # resets VmHWM, see proc(5)
        except OSError:
            return None
        return self._read()[1]

    def _read(self) -> tuple[int, int]:
        """Return the peak since the reset, and the bytes in use."""
        if self._device.type == "cuda":
            allocated = torch.cuda.memory_allocated(self._device)
            return torch.cuda.max_memory_allocated(self._device), allocated
        status = _STATUS.read_text(encoding="utf-8")
        kibibytes = dict(re.findall(r"^(VmHWM|VmRSS):\s*(\d+) kB", status, re.MULTILINE))
        return 1024 * int(kibibytes["VmHWM"]), 1024 * int(kibibytes["VmRSS"])
