"""CPU load by other programs on the cores that this process may use."""

from time import monotonic

import psutil

_MIN_SECONDS = 0.1  # the system counts in hundredths of a second
_BUSY_TIMES = ("user", "nice", "system", "irq", "softirq", "steal")


class OtherLoadMeter:
    """Meter of the load by other programs since its last reading. Not thread-safe."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._read_times()

    def read(self) -> float | None:
        """Return the CPU cores that other programs kept busy, on average since the last reading.

        Time that the hypervisor gave to other machines counts too. Less than 0.1 s after the last
        reading, returns None and keeps measuring from that reading.
        """
        before, now = self._before, self._read_times()
        wall, busy, own = (b - a for a, b in zip(before, now, strict=True))
        if wall < _MIN_SECONDS:
            return None
        self._before = now
        return max(0.0, busy - own) / wall  # rounding can make it slightly negative

    def _read_times(self) -> tuple[float, float, float]:
        """Return wall time, CPU time of all programs on the usable cores, and that of this one."""
        times = psutil.cpu_times(percpu=True)
        if hasattr(self._process, "cpu_affinity"):  # not on macOS
            usable = self._process.cpu_affinity()
            times = [times[core] for core in usable if core < len(times)]
        own = self._process.cpu_times()
        busy = sum(getattr(core, name, 0.0) for core in times for name in _BUSY_TIMES)
        return monotonic(), busy, own.user + own.system
