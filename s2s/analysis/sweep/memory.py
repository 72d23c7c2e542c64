"""Fit of peak memory to a step's padded tokens, its check, and the largest size that fits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any

from scipy.stats import linregress

from s2s.analysis.estimate import LeaveOneOutCheck, t_quantile
from s2s.analysis.sweep.runs import list_finished_runs
from s2s.config import Engine
from s2s.records import Sweep

_USABLE_SHARE = 0.95
"""Share of the available memory that a step may use."""
_FLAT_RISE = 0.05
"""A fit is flat if memory rises over the measured range by less than this share of `m0`."""


class MemoryCaveat(StrEnum):
    """Why part of a fit is missing or less certain."""

    ONE_SIZE = "one size"
    """There are fewer than two batch sizes, so there is no fit."""
    UNCHECKED = "unchecked"
    """There are only two batch sizes, so none is left to check the fit."""
    FLAT = "flat"
    """Memory rises by less than 5% of its fixed part, so no largest batch size is computed."""
    UNCERTAIN_SLOPE = "uncertain slope"
    """The 90% interval of the slope includes 0, so no largest batch size is computed."""


@dataclass(frozen=True)
class MemoryPoint:
    """The peak memory of one run or timing pass."""

    batch_size: int
    padded_tokens: float
    """Padded source and target tokens of the largest step, which causes the peak."""
    peak_bytes: float


@dataclass(frozen=True)
class MemoryFit:
    """The fit `peak = m0 + m1 * padded tokens`, in bytes. Without a fit, m0 and m1 are `None`."""

    points: tuple[MemoryPoint, ...]
    """The measured peaks, each with its batch size."""
    fixed_bytes: float | None = None  # m0
    bytes_per_padded_token: float | None = None  # m1
    check: LeaveOneOutCheck | None = None
    """Check of the median peak at the largest size; `None` with fewer than three sizes."""
    caveats: tuple[MemoryCaveat, ...] = ()

    def peak_bytes(self, padded_tokens: float) -> float | None:
        """Return the predicted peak of a step; `None` without a fit."""
        if self.fixed_bytes is None or self.bytes_per_padded_token is None:
            return None
        return self.fixed_bytes + self.bytes_per_padded_token * padded_tokens

    def max_batch_size(self, available_bytes: float) -> int | None:
        """Return the largest batch size predicted to fit in memory, or `None` if it is unknown.

        5% of the memory is left free. Each sample is assumed to have as many padded tokens as the
        mean sample of the measured step with the longest ones.

        Args:
            available_bytes: Memory for the whole process, including model and optimizer.
        """
        preventing = {MemoryCaveat.FLAT, MemoryCaveat.UNCERTAIN_SLOPE} & set(self.caveats)
        if preventing or self.fixed_bytes is None or not self.bytes_per_padded_token:
            return None
        usable = max(0.0, _USABLE_SHARE * available_bytes - self.fixed_bytes)
        per_sample = max(point.padded_tokens / point.batch_size for point in self.points)
        return math.floor(usable / self.bytes_per_padded_token / per_sample)


def collect_memory_points(sweep: Sweep, engine: Engine) -> list[MemoryPoint]:
    """Return the engine's measured peaks, each with its batch size.

    On a CPU, they were measured over the first training steps in a separate process. On a GPU,
    they are torch's peak in each finished run, including its evaluations.
    """
    measured = [
        (each.batch_size, each.padded_tokens, each.peak_bytes)
        for each in sweep.memory
        if each.engine is engine
    ]
    measured += [
        (run.config.batch_size, run.summary.max_padded_tokens, run.summary.peak_memory_bytes)
        for run in list_finished_runs(sweep, engine)
        if run.summary and run.device.startswith("cuda")
    ]
    return [
        MemoryPoint(size, padded_tokens, peak)
        for size, padded_tokens, peak in measured
        if padded_tokens and peak
    ]


def fit_memory(measured: Sequence[MemoryPoint]) -> MemoryFit:
    """Fit all sizes except the largest by least squares, and check the fit at the largest.

    If there are only two sizes, fit both without a check.
    """
    points = tuple(sorted(measured, key=lambda point: (point.batch_size, point.padded_tokens)))
    sizes = sorted({point.batch_size for point in points})
    if len(sizes) < 2:
        # Repeats of one size have nearly equal padded tokens, which do not determine a line.
        return MemoryFit(points, caveats=(MemoryCaveat.ONE_SIZE,))
    largest = sizes[-1] if len(sizes) > 2 else None
    line = _fit_line([point for point in points if point.batch_size != largest])
    fixed, slope = float(line.intercept), float(line.slope)
    tokens = [point.padded_tokens for point in points]
    rise = slope * (max(tokens) - min(tokens))
    caveats = [] if largest else [MemoryCaveat.UNCHECKED]
    if rise < _FLAT_RISE * fixed:
        caveats.append(MemoryCaveat.FLAT)
    elif len(points) > 2:  # two points show no scatter
        full = _fit_line(points)
        if full.slope <= t_quantile(len(points) - 2) * full.stderr:
            caveats.append(MemoryCaveat.UNCERTAIN_SLOPE)
    return MemoryFit(
        points,
        fixed,
        slope,
        _check(points, largest, line) if largest else None,
        tuple(caveats),
    )


def cross_validate_memory(measured: Sequence[MemoryPoint]) -> tuple[LeaveOneOutCheck, ...]:
    """Check each size, except the smallest and the largest, against the fit to all other sizes."""
    sizes = sorted({point.batch_size for point in measured})
    return tuple(
        _check(measured, size, _fit_line([each for each in measured if each.batch_size != size]))
        for size in sizes[1:-1]
    )


def _fit_line(points: Sequence[MemoryPoint]) -> Any:
    """Return scipy's linear fit of peak bytes to padded tokens."""
    return linregress([each.padded_tokens for each in points], [each.peak_bytes for each in points])


def _check(points: Sequence[MemoryPoint], batch_size: int, line: Any) -> LeaveOneOutCheck:
    checked = [point for point in points if point.batch_size == batch_size]
    predicted = median(line.intercept + line.slope * point.padded_tokens for point in checked)
    return LeaveOneOutCheck(
        batch_size, float(predicted), float(median(point.peak_bytes for point in checked))
    )
