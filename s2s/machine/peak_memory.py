"""Peak memory of one model, in a process that may hold several models."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def load_kernels(device: torch.device) -> None:
    """Run a small model, so that torch's kernels are loaded and do not count in measurements."""
    recurrent = torch.nn.GRU(8, 8, device=device)
    states, _ = recurrent(torch.randn(4, 2, 8, device=device))
    (states @ torch.randn(8, 8, device=device)).logsumexp(2).sum().backward()
    torch.optim.RMSprop(recurrent.parameters()).step()


class PeakMemory:
    """Peak of the memory that a model adds to the process, over all watched sections of code.

    On CUDA it is the peak of the bytes that torch allocates. On a CPU it is the growth of the
    resident size. That misses reused memory, and only Linux reports it.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held_bytes = 0
        """Bytes that earlier sections allocated and did not free."""
        self.peak_bytes: int | None = None
        """Peak so far, or `None` if it is unknown."""

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Add the memory that this section of code allocates to the model's."""
        before = self._reset_peak()
        yield
        if before is None:
            return
        peak, now = self._read()
        self.peak_bytes = max(self.peak_bytes or 0, self._held_bytes + peak - before)
        self._held_bytes += now - before

    def _reset_peak(self) -> int | None:
        """Reset the peak. Return the bytes in use, or `None` if the peak cannot be reset."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            _CLEAR_REFS.write_text("5")  # resets VmHWM, the peak resident size; see proc(5)
        except OSError:
            return None
        return self._read()[1]

    def _read(self) -> tuple[int, int]:
        """Return the bytes at the peak since the reset, and the bytes in use."""
        if self._device.type == "cuda":
            allocated = torch.cuda.memory_allocated(self._device)
            return torch.cuda.max_memory_allocated(self._device), allocated
        status = _STATUS.read_text(encoding="utf-8")
        kibibytes = dict(re.findall(r"^(VmHWM|VmRSS):\s*(\d+) kB", status, re.MULTILINE))
        return 1024 * int(kibibytes["VmHWM"]), 1024 * int(kibibytes["VmRSS"])
