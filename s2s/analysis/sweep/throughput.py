"""How a step's time grows with its work: a line, the ceiling of throughput, and the knee."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from s2s.analysis.estimate import Estimate, estimate, interval
from s2s.analysis.run.steps import Floats

KNEE_SHARE = 0.9
"""Of the ceiling."""
_KNEE_HALVES = KNEE_SHARE / (1 - KNEE_SHARE)
_FEWEST_BLOCKS, _ENOUGH_BLOCKS = 3, 5
"""Blocks a size. In simulation (10 % log-normal spread; three, five and nine sizes) the intervals,
nominally 90 %, cover 59 to 73 % with two blocks, 84 to 94 % with three and 89 to 97 % with five to
twelve, one of them slow or none; where one block of every size is slow they are too wide."""
_DRAWS = 2000


class Work(StrEnum):
    """What a step's time is laid against."""

    SAMPLES = "samples"
    CELLS = "padded_tokens"
    """Source and target, padding included: it grows with a batch's longest sentence."""


@dataclass(frozen=True)
class Point:
    """One measured batch size."""

    batch_size: int
    work: float
    """Of one step, mean."""
    step_seconds: float
    """Median over the blocks."""
    blocks: int


@dataclass(frozen=True)
class Band:
    """The law at several values of work, all of one length; no `low` and `high` without draws."""

    work: Floats
    value: Floats
    low: Floats | None
    high: Floats | None


@dataclass(frozen=True)
class ThroughputLaw:
    """`t = alpha + beta * work` in seconds a step, hence `work / t` a second.

    A figure is None where the measurements do not give it; `notes` say why.
    """

    unit: Work
    points: tuple[Point, ...]
    """By batch size."""
    alpha_seconds: Estimate | None = None
    """Of a step, whatever its work."""
    beta_seconds: Estimate | None = None
    """For each sample or cell."""
    ceiling_per_second: Estimate | None = None
    """`1 / beta`, samples or padded_tokens."""
    half_work: Estimate | None = None
    """`alpha / beta`: half the ceiling."""
    knee_work: Estimate | None = None
    """`9 * alpha / beta`: 90 % of the ceiling."""
    smallest_at_knee: int | None = None
    """The smallest measured batch size with 90 % of the ceiling in 95 % of the draws."""
    misfit: float | None = None
    """The largest share by which the line lies off a point."""
    draws: Floats | None = field(default=None, compare=False, repr=False)
    """Alpha and beta of each bootstrap draw, shape (draws, 2); None where there is no interval."""
    notes: tuple[str, ...] = ()

    @property
    def knee_beyond_measured(self) -> bool:
        """Whether the knee lies above all that was measured."""
        largest = max((point.work for point in self.points), default=0.0)
        return self.knee_work is not None and self.knee_work.value > largest

    def step_seconds(self, work: Sequence[float] | Floats) -> Band | None:
        """The line at `work`, with its 90 % interval at each value; None without a line."""
        if self.alpha_seconds is None or self.beta_seconds is None:
            return None
        at = np.asarray(work, np.float64)
        value = self.alpha_seconds.value + self.beta_seconds.value * at
        if self.draws is None:
            return Band(at, value, None, None)
        return Band(at, value, *interval(self.draws[:, :1] + self.draws[:, 1:] * at))

    def per_second(self, work: Sequence[float] | Floats) -> Band | None:
        """Samples or padded_tokens a second; NaN where the line has no time above 0."""
        line = self.step_seconds(work)
        if line is None:
            return None
        # The longest step is the lowest speed.
        low, high = (
            None if end is None else _quotient(line.work, end, np.nan)
            for end in (line.high, line.low)
        )
        return Band(line.work, _quotient(line.work, line.value, np.nan), low, high)


def throughput_law(
    blocks: Mapping[int, Sequence[float]], padded_tokens: Mapping[int, float] | None = None
) -> ThroughputLaw:
    """From each batch size's blocks: seconds a step in short timing passes or in whole runs.

    Over samples, or over `padded_tokens`, the mean computed padded_tokens of a step of each size; a size without
    blocks, or without padded_tokens where these are given, is left out. The form is that of AdaptDL's
    goodput model. Intervals come from resampling the blocks of each size, with a fixed seed.
    Raises ValueError where a time or a number of padded_tokens is not above 0.
    """
    measured = {
        size: np.array(blocks[size], np.float64)
        for size in sorted(blocks)
        if len(blocks[size]) and (padded_tokens is None or size in padded_tokens)
    }
    work = np.array(
        [size if padded_tokens is None else padded_tokens[size] for size in measured], np.float64
    )
    if not all((each > 0).all() for each in (work, *measured.values())):
        raise ValueError("seconds and padded_tokens of a step are above 0")
    points = tuple(
        Point(size, float(at), float(np.median(seconds)), len(seconds))
        for (size, seconds), at in zip(measured.items(), work, strict=True)
    )
    unit = Work.SAMPLES if padded_tokens is None else Work.CELLS
    if len(set(work)) < 2:
        return ThroughputLaw(unit, points, notes=("A line takes two batch sizes: measure more.",))
    told = len(set(work)) > 2 and all(point.blocks >= _FEWEST_BLOCKS for point in points)
    return _law(unit, points, _drawn_lines(work, list(measured.values())) if told else None)


def _law(unit: Work, points: tuple[Point, ...], draws: Floats | None) -> ThroughputLaw:
    work = np.array([point.work for point in points])
    seconds = np.array([point.step_seconds for point in points])
    line = _lines(work, seconds)
    alpha, beta = line.tolist()
    half = knee = ceiling = None
    if beta > 0:
        ceiling = estimate(1 / beta, None if draws is None else _ceilings(draws))
    if alpha > 0 and beta > 0:
        half = estimate(alpha / beta, None if draws is None else _halves(draws))
        knee = half.times(_KNEE_HALVES)
    return ThroughputLaw(
        unit,
        points,
        estimate(alpha, None if draws is None else draws[:, 0]),
        estimate(beta, None if draws is None else draws[:, 1]),
        ceiling,
        half,
        knee,
        _smallest_at(knee, points),
        float(np.abs((alpha + beta * work) / seconds - 1).max()),
        draws,
        _notes(points, alpha, beta),
    )


def _lines(work: Floats, seconds: Floats) -> Floats:
    """Alpha and beta, shape (..., 2), of the lines through `seconds`, shape (..., sizes).

    Least squares of the relative residuals `(alpha + beta * work) / seconds - 1`, about the
    weighted means, where it loses no digits: a timing's doubt is a share of it.
    """
    weights = seconds**-2.0
    weights /= weights.sum(axis=-1, keepdims=True)
    centre = (weights * work).sum(axis=-1, keepdims=True)
    mean = (weights * seconds).sum(axis=-1, keepdims=True)
    slopes = weights * (work - centre)
    beta = (slopes * (seconds - mean)).sum(axis=-1) / (slopes * (work - centre)).sum(axis=-1)
    return np.stack([mean[..., 0] - beta * centre[..., 0], beta], axis=-1)


def _drawn_lines(work: Floats, blocks: Sequence[Floats]) -> Floats:
    """Shape (draws, 2). The median of a draw's blocks, since one slow block drags a mean along."""
    random = np.random.default_rng(0)
    medians = [
        np.median(seconds[random.integers(0, len(seconds), (_DRAWS, len(seconds)))], axis=1)
        for seconds in blocks
    ]
    return _lines(work, np.stack(medians, axis=1))


def _ceilings(lines: Floats) -> Floats:
    """Infinite where a step takes no longer for more work."""
    return _quotient(np.ones(len(lines)), lines[:, 1], np.inf)


def _halves(lines: Floats) -> Floats:
    """No fixed part is less than none."""
    return _quotient(np.maximum(lines[:, 0], 0.0), lines[:, 1], np.inf)


def _quotient(above: Floats, below: Floats, otherwise: float) -> Floats:
    """`otherwise` where `below` is not above 0."""
    return np.divide(above, below, out=np.full_like(above, otherwise), where=below > 0)


def _smallest_at(knee: Estimate | None, points: tuple[Point, ...]) -> int | None:
    """R / R_max is `w / (w + alpha / beta)`: 0.9 or more of it is a knee at or below `w`.

    So its 5 % quantile over the draws is 0.9 or more where the knee's 95 % quantile is `w` or less.
    """
    if knee is None or knee.high is None:
        return None
    return next((point.batch_size for point in points if point.work >= knee.high), None)


def _notes(points: tuple[Point, ...], alpha: float, beta: float) -> tuple[str, ...]:
    """What could not be given, or with less certainty, and which measurement would give it."""
    blocks = min(point.blocks for point in points)
    notes = []
    if len({point.work for point in points}) == 2:
        notes.append(
            "Two batch sizes give a line and no interval, since nothing shows how far the line is "
            "off: measure a third size."
        )
    elif blocks < _FEWEST_BLOCKS:
        notes.append(
            f"A batch size was timed fewer than {_FEWEST_BLOCKS} times, so no interval can be "
            f"given: time each size at least {_ENOUGH_BLOCKS} times."
        )
    elif blocks < _ENOUGH_BLOCKS:
        notes.append(
            f"A batch size was timed fewer than {_ENOUGH_BLOCKS} times, so the intervals may be "
            f"too narrow: time each size at least {_ENOUGH_BLOCKS} times."
        )
    if beta <= 0:
        notes.append(
            "A step takes no longer for a larger batch as far as was measured, so there is neither "
            "a ceiling nor a knee: measure larger sizes."
        )
    elif alpha <= 0:
        notes.append(
            "No fixed part of a step can be told from noise, so there is no knee: the measured "
            "sizes are all near the ceiling, or too noisy; measure smaller sizes."
        )
    return tuple(notes)
