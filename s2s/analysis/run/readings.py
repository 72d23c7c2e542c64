"""Device readings of a run as time series of memory and utilization, gaps included."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2s.analysis.run.steps import Floats
from s2s.records import DeviceSample

_GAP_INTERVALS = 5.0
"""Readings further apart than this many median intervals have a gap between them."""


@dataclass(frozen=True)
class ReadingSeries:
    """The readings of one device. All arrays have one length; NaN: not reported at that time."""

    device: str
    seconds: Floats
    """Since the first reading of the run."""
    memory_bytes: Floats
    torch_bytes: Floats
    utilization: Floats


def build_reading_series(samples: Sequence[DeviceSample], points: int = 300) -> list[ReadingSeries]:
    """Return one series per device.

    Args:
        points: Maximum length of a series; of each longer stretch the highest values are kept.
    """
    start = min((sample.at for sample in samples), default=0.0)
    devices = dict.fromkeys(sample.device for sample in samples)
    return [
        _build_series(device, [each for each in samples if each.device == device], start, points)
        for device in devices
    ]


def peak_memory_bytes(samples: Sequence[DeviceSample], device: str) -> int | None:
    """Return the highest reading of a device (see `run_memory_bytes`), or None without readings."""
    readings = [
        value
        for sample in samples
        if sample.device == device and (value := run_memory_bytes(sample)) is not None
    ]
    return max(readings, default=None)


def run_memory_bytes(sample: DeviceSample) -> int | None:
    """Return the memory of the run itself.

    On a GPU that is torch's figure, because other programs use the GPU too; on a CPU the resident
    size of the process.
    """
    if sample.torch_allocated_bytes is not None:
        return sample.torch_allocated_bytes
    return sample.memory_used_bytes


def _build_series(
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
    seconds, columns = _insert_gaps(at - start, columns)
    stretch = -(-len(seconds) // points)
    starts = np.arange(0, len(seconds), stretch)
    # fmax ignores NaN: a stretch becomes a gap only if all of it is one.
    thinned = np.fmax.reduceat(columns, starts, axis=0)
    return ReadingSeries(device, seconds[starts], thinned[:, 0], thinned[:, 1], thinned[:, 2])


def _insert_gaps(
    seconds: Floats, columns: npt.NDArray[np.float64]
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Insert a row of NaN wherever readings stopped for a while."""
    intervals = np.diff(seconds)
    if not len(intervals):
        return seconds, columns
    after = np.flatnonzero(intervals > _GAP_INTERVALS * np.median(intervals)) + 1
    middle = (seconds[after - 1] + seconds[after]) / 2
    return np.insert(seconds, after, middle), np.insert(columns, after, np.nan, axis=0)
