"""How much processor time other programs take on the cores that this process may use."""

from time import monotonic

import psutil

SHORTEST_SECONDS = 0.1
"""The system counts in hundredths of a second: over less time the difference means nothing."""
_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


class OthersMeter:
    """Tells what others took since its last reading. Belongs to one thread."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._now()

    def read(self) -> float | None:
        """Processor cores that were kept busy, on average, and not by this process.

        What the hypervisor gave to other machines is counted too. None, and no new start, within
        0.1 s of the reading before.
        """
        before, now = self._before, self._now()
        wall, busy, own = (b - a for a, b in zip(before, now, strict=True))
        if wall < SHORTEST_SECONDS:
            return None
        self._before = now
        return max(0.0, busy - own) / wall  # the two are counted apart, so a little below 0 occurs

    def _now(self) -> tuple[float, float, float]:
        """Seconds: the clock's, all programs' on the usable cores, this process's."""
        times = psutil.cpu_times(percpu=True)
        if hasattr(self._process, "cpu_affinity"):  # not on macOS
            usable = self._process.cpu_affinity()
            times = [times[core] for core in usable if core < len(times)]
        own = self._process.cpu_times()
        busy = sum(getattr(core, name, 0.0) for core in times for name in _BUSY)
        return monotonic(), busy, own.user + own.system
