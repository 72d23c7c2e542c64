"""Time series of memory and utilization, from the device readings of a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.run.steps import Floats
from s2s.records import DeviceSample

_GAP_INTERVALS = 5.0
"""A gap is an interval between readings that is longer than this many median intervals."""


@dataclass(frozen=True)
class ReadingSeries:
    """The readings of one device over time. A value that was not reported is NaN."""

    device: str
    seconds: Floats
    """Time since the first reading of the run."""
    memory_bytes: Floats
    torch_bytes: Floats
    utilization: Floats


def build_reading_series(samples: Sequence[DeviceSample], points: int = 300) -> list[ReadingSeries]:
    """Return one series per device: the maxima of at most `points` stretches of readings."""
    start = min((sample.at for sample in samples), default=0.0)
    series = []
    for device in dict.fromkeys(sample.device for sample in samples):
        readings = np.array(
            [
                (
                    sample.at - start,
                    sample.memory_used_bytes,
                    sample.torch_allocated_bytes,
                    sample.utilization,
                )
                for sample in samples
                if sample.device == device
            ],
            dtype=np.float64,  # None becomes NaN
        )
        readings = _insert_gaps(readings)
        starts = np.arange(0, len(readings), math.ceil(len(readings) / points))
        # fmax ignores NaN, so a stretch becomes a gap only if all its readings are NaN.
        columns = np.fmax.reduceat(readings[:, 1:], starts, axis=0)
        series.append(ReadingSeries(device, readings[starts, 0], *columns.T))
    return series


def find_peak_memory(samples: Sequence[DeviceSample], device: str) -> int | None:
    """Return the run's peak memory on a device, if there are readings."""
    readings = [read_run_memory(sample) for sample in samples if sample.device == device]
    return max((each for each in readings if each is not None), default=None)


def read_run_memory(sample: DeviceSample) -> int | None:
    """Return the run's memory in bytes: torch's on a GPU, the process's resident size on a CPU."""
    torch_bytes = sample.torch_allocated_bytes
    return sample.memory_used_bytes if torch_bytes is None else torch_bytes


def _insert_gaps(readings: Floats) -> Floats:
    """Insert a row of NaN in each gap. The first column is the time."""
    intervals = np.diff(readings[:, 0])
    if not len(intervals):
        return readings
    gap_ends = np.flatnonzero(intervals > _GAP_INTERVALS * np.median(intervals)) + 1
    gaps = np.full((len(gap_ends), readings.shape[1]), np.nan)
    gaps[:, 0] = (readings[gap_ends - 1, 0] + readings[gap_ends, 0]) / 2
    return np.insert(readings, gap_ends, gaps, axis=0)
