"""Device readings as series over a run's time: memory and utilisation, gaps kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2s.analysis.run.steps import Floats
from s2s.formatting import format_bytes
from s2s.records import DeviceSample

_GAP = 5.0
"""Readings further apart than this many usual intervals have a gap between them."""


@dataclass(frozen=True)
class ReadingSeries:
    """One device over a run. NaN: not reported then; all arrays have one length."""

    device: str
    seconds: Floats
    """Since the first reading of the run."""
    memory_bytes: Floats
    torch_bytes: Floats
    utilization: Floats


def reading_series(samples: Sequence[DeviceSample], points: int = 300) -> list[ReadingSeries]:
    """One series a device, `points` values at most (the highest of a stretch is kept)."""
    start = min((sample.at for sample in samples), default=0.0)
    devices = dict.fromkeys(sample.device for sample in samples)
    return [
        _series(device, [each for each in samples if each.device == device], start, points)
        for device in devices
    ]


def peak_memory_bytes(samples: Sequence[DeviceSample], device: str) -> int | None:
    """The highest reading: torch's own on a GPU, the process's on a CPU; None without one."""
    readings = [
        value
        for sample in samples
        if sample.device == device and (value := run_memory_bytes(sample)) is not None
    ]
    return max(readings, default=None)


def run_memory_bytes(sample: DeviceSample) -> int | None:
    """What the run itself holds: others use a GPU too, so torch's figure comes first."""
    if sample.torch_allocated_bytes is not None:
        return sample.torch_allocated_bytes
    return sample.memory_used_bytes


def readings_text(series: Sequence[ReadingSeries]) -> str:
    """The memory chart in a sentence."""
    parts = []
    for each in series:
        memory = each.memory_bytes[np.isfinite(each.memory_bytes)]
        busy = each.utilization[np.isfinite(each.utilization)]
        said = (
            f"{format_bytes(memory[-1])} in use, {format_bytes(memory.max())} at most"
            if len(memory)
            else ""
        )
        use = f"{busy.mean():.0%} busy on average".replace("%", " %") if len(busy) else ""
        reported = ", ".join(part for part in (said, use) if part) or "nothing reported"
        parts.append(f"{each.device}: {reported}")
    return f"Memory and utilisation. {'; '.join(parts)}." if parts else "No device readings yet."


def _series(
    device: str, samples: Sequence[DeviceSample], start: float, points: int
) -> ReadingSeries:
    at = np.array([sample.at for sample in samples])
    columns = np.array(
        [
            [sample.memory_used_bytes, sample.torch_allocated_bytes, sample.utilization]
            for sample in samples
        ],
        dtype=np.float64,  # None becomes NaN
    )
    seconds, columns = _with_gaps(at - start, columns)
    stretch = -(-len(seconds) // points)
    starts = np.arange(0, len(seconds), stretch)
    # fmax passes over NaN: a thinned stretch is a gap only where all of it is one.
    thin = np.fmax.reduceat(columns, starts, axis=0)
    return ReadingSeries(device, seconds[starts], thin[:, 0], thin[:, 1], thin[:, 2])


def _with_gaps(
    seconds: Floats, columns: npt.NDArray[np.float64]
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """A row of NaN wherever readings stopped for a while."""
    intervals = np.diff(seconds)
    if not len(intervals):
        return seconds, columns
    after = np.flatnonzero(intervals > _GAP * np.median(intervals)) + 1
    middle = (seconds[after - 1] + seconds[after]) / 2
    return np.insert(seconds, after, middle), np.insert(columns, after, np.nan, axis=0)
