"""The most memory that one of several models in a process has held."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5)


def load_routines(device: torch.device) -> None:
    """What any first model loads is no memory of its own."""
    recurrent = torch.nn.GRU(8, 8, device=device)
    states, _ = recurrent(torch.randn(4, 2, 8, device=device))
    (states @ torch.randn(8, 8, device=device)).logsumexp(2).sum().backward()
    torch.optim.RMSprop(recurrent.parameters()).step()


class PeakMemory:
    """Sums up over any number of watched stretches what one model adds to the process.

    On CUDA: torch's own count of bytes. On a CPU: the rise of the resident size, from which a
    part is missing where the model reuses memory that others have let go of; only Linux tells the
    peak of a stretch.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._held = 0
        """Kept between stretches."""
        self.bytes: int | None = None
        """The peak so far; None: not known."""

    @contextmanager
    def watch(self) -> Iterator[None]:
        """What is allocated meanwhile counts as the model's."""
        before = self._now_after_reset()
        yield
        if before is None:
            return
        highest, now = self._highest_and_now()
        self.bytes = max(self.bytes or 0, self._held + highest - before)
        self._held += now - before

    def _now_after_reset(self) -> int | None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            _CLEAR.write_text(_RESET_PEAK)
            return _resident()[1]
        except OSError:
            return None

    def _highest_and_now(self) -> tuple[int, int]:
        if self._device.type == "cuda":
            allocated = torch.cuda.memory_allocated(self._device)
            return torch.cuda.max_memory_allocated(self._device), allocated
        return _resident()


def _resident() -> tuple[int, int]:
    """Bytes of this process in memory: the peak since it was reset, and now."""
    status = _STATUS.read_text(encoding="utf-8")
    peak, now = (
        1024 * int(re.findall(rf"^{name}:\s*(\d+) kB", status, re.MULTILINE)[0])
        for name in ("VmHWM", "VmRSS")
    )
    return peak, now
