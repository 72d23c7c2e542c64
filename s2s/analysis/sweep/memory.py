"""How peak memory grows with a step's padded_tokens: a line, its check on a larger size, and what fits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress, t

from s2s.analysis.estimate import CONFIDENCE
from s2s.config import MAX_BATCH_SIZE
from s2s.formatting import format_bytes, format_percent

_USABLE = 0.95
"""Of the available bytes; the rest is kept free."""
_FLAT_RISE = 0.05


@dataclass(frozen=True)
class MemoryPoint:
    """One run, or one timing pass."""

    batch_size: int
    padded_tokens: float
    """Source and target, padding included, of its step with the most: the peak is that step's."""
    peak_bytes: float


@dataclass(frozen=True)
class MemoryCheck:
    """The line against a size that it was not fitted on."""

    batch_size: int
    predicted_bytes: float
    measured_bytes: float
    """Median of the runs of that size; the prediction likewise."""

    @property
    def relative_error(self) -> float:
        """Above 0 where too much was predicted."""
        return self.predicted_bytes / self.measured_bytes - 1


@dataclass(frozen=True)
class MemoryLaw:
    """`peak = m0 + m1 * padded_tokens`, in bytes; both are None where nothing gives a line."""

    points: tuple[MemoryPoint, ...]
    """By batch size."""
    fixed_bytes: float | None
    bytes_per_cell: float | None
    flat: bool
    """Whether memory hardly grows with the batch size: then no limit is computed."""
    check: MemoryCheck | None
    """None of fewer than three sizes."""
    notes: tuple[str, ...]
    """What could not be given, and why."""

    def peak_bytes(self, padded_tokens: float) -> float | None:
        """What a step of so many padded_tokens is predicted to take; None without a line."""
        if self.fixed_bytes is None or self.bytes_per_cell is None:
            return None
        return self.fixed_bytes + self.bytes_per_cell * padded_tokens

    def largest_cells(self, available_bytes: float) -> float | None:
        """The padded_tokens of the largest step that leaves 5 % free; 0 where not even the fixed part fits.

        `available_bytes` are the device's for this process, model and optimizer included. None
        where there is no line or it is flat.
        """
        if self.flat or self.fixed_bytes is None or not self.bytes_per_cell:
            return None
        return max(0.0, (_USABLE * available_bytes - self.fixed_bytes) / self.bytes_per_cell)

    def largest_batch_size(self, available_bytes: float, longest_cells: float) -> int | None:
        """With `longest_cells` a sample, those of the longest sentence; 0 where not even one fits.

        A prediction to verify by a run, since it mostly lies far beyond the measured sizes.
        """
        padded_tokens = self.largest_cells(available_bytes)
        return None if padded_tokens is None else math.floor(padded_tokens / longest_cells)


def memory_law(measured: Sequence[MemoryPoint]) -> MemoryLaw:
    """Fitted by least squares on all sizes but the largest, which checks it.

    Of two sizes the line goes through both, unchecked. Raises ValueError where padded_tokens or bytes are
    not above 0.
    """
    if not all(point.padded_tokens > 0 and point.peak_bytes > 0 for point in measured):
        raise ValueError("cells and peak bytes are above 0")
    points = tuple(sorted(measured, key=lambda point: (point.batch_size, point.padded_tokens)))
    sizes = sorted({point.batch_size for point in points})
    if len(sizes) < 2:
        note = "A line of memory takes two batch sizes: measure more."
        return MemoryLaw(points, None, None, False, None, (note,))
    # A line through one size's repeats would be the scatter of their sentences.
    largest = sizes[-1] if len(sizes) > 2 else None
    fitted = [point for point in points if point.batch_size != largest]
    checked = [point for point in points if point.batch_size == largest]
    line = _fit(fitted)
    check = _check(checked, *line) if checked else None
    notes = [] if checked else ["No size was left out to check the line: measure a third."]
    if flat := _why_flat(points, *line):
        notes.append(flat)
    return MemoryLaw(points, *line, bool(flat), check, tuple(notes))


def left_out_checks(measured: Sequence[MemoryPoint]) -> tuple[MemoryCheck, ...]:
    """Each size but the smallest and the largest against the line through all the others."""
    sizes = sorted({point.batch_size for point in measured})
    checks = []
    for inner in sizes[1:-1]:
        line = _fit([point for point in measured if point.batch_size != inner])
        checks.append(_check([point for point in measured if point.batch_size == inner], *line))
    return tuple(checks)


def memory_sentence(law: MemoryLaw, available_bytes: int | None) -> str:
    """What fits, or why that is not told. `available_bytes`: as of `largest_cells`; None: unknown.

    A sample is taken to have the most padded_tokens that any did in the measured steps: where many are
    padded together, those of the longest sentences.
    """
    if not law.points:
        return "Memory: not measured in this sweep."
    longest_cells = max(point.padded_tokens / point.batch_size for point in law.points)
    if law.flat or law.fixed_bytes is None:
        return " ".join(law.notes)
    largest = None
    if available_bytes is not None:
        largest = law.largest_batch_size(available_bytes, longest_cells)
    within = format_bytes(available_bytes)
    if largest is None:
        found = "Memory grows with the batch size; how much there is of it here is not known."
    elif largest > MAX_BATCH_SIZE:
        found = f"Memory: every size up to {MAX_BATCH_SIZE:,} is predicted to fit in {within}."
    elif not largest:
        found = f"Memory: not even one sentence is predicted to fit in {within}."
    else:
        found = (
            f"Memory: batch size {largest:,} is the largest predicted to fit in {within}; verify "
            "it by a run."
        )
    return " ".join(filter(None, [found, _checked(law), *law.notes]))


def _checked(law: MemoryLaw) -> str:
    checks = [*left_out_checks(law.points), *filter(None, [law.check])]
    if not checks:
        return ""
    worst = max(abs(check.relative_error) for check in checks)
    return f"Sizes left out of the line were predicted within {format_percent(worst)}."


def _fit(points: Sequence[MemoryPoint]) -> tuple[float, float]:
    """The fixed bytes and the bytes per cell."""
    line = linregress(
        [point.padded_tokens for point in points], [point.peak_bytes for point in points]
    )
    return float(line.intercept), float(line.slope)


def _check(points: Sequence[MemoryPoint], fixed: float, per_cell: float) -> MemoryCheck:
    predicted = np.median([fixed + per_cell * point.padded_tokens for point in points])
    measured = np.median([point.peak_bytes for point in points])
    return MemoryCheck(points[0].batch_size, float(predicted), float(measured))


def _why_flat(points: Sequence[MemoryPoint], fixed: float, per_cell: float) -> str:
    """Empty where the line rises: by 5 % of its fixed part or more, and certainly so."""
    padded_tokens = [point.padded_tokens for point in points]
    rise = per_cell * (max(padded_tokens) - min(padded_tokens))
    if rise < _FLAT_RISE * fixed:
        return (
            f"Memory is flat up to batch size {points[-1].batch_size:,}: it changes by "
            f"{format_percent(abs(rise) / fixed)} of its fixed part, so that no limit is in sight."
        )
    if _slope_touches_zero(padded_tokens, [point.peak_bytes for point in points]):
        return (
            "Whether memory grows with the batch size cannot be told from its scatter, so no "
            "largest size is computed: measure a larger size, or more often."
        )
    return ""


def _slope_touches_zero(padded_tokens: Sequence[float], peaks: Sequence[float]) -> bool:
    """By Student's t, 90 %, over all points; never of two, which leave no scatter to judge by."""
    freedom = len(padded_tokens) - 2
    if not freedom:
        return False
    line = linregress(padded_tokens, peaks)
    return bool(line.slope - t.ppf((1 + CONFIDENCE) / 2, freedom) * line.stderr <= 0)
