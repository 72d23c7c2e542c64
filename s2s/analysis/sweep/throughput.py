"""Throughput per batch size: measured speeds, and the fit of step time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from s2s.analysis.estimate import Estimate, estimate_from_draws, percentile_interval
from s2s.analysis.run.steps import Floats
from s2s.analysis.sweep.runs import SizeMedian, collect_values, list_finished_runs, measure_medians
from s2s.records import Run, Sweep

KNEE_SHARE = 0.9
"""The throughput knee is the batch size whose throughput is this share of the ceiling."""
_KNEE_FACTOR = KNEE_SHARE / (1 - KNEE_SHARE)
"""The knee as a multiple of alpha / beta."""
MIN_BLOCKS, ENOUGH_BLOCKS = 3, 5
"""Fewest blocks (runs or timing passes) per batch size for an interval, and for a reliable one.

In simulation (10% log-normal spread; three, five and nine sizes) nominal 90% intervals cover the
truth in 59 to 73% of cases with two blocks, 84 to 94% with three and 89 to 97% with five to twelve,
of which at most one is slow. If one block of every size is slow, the intervals are too wide."""
_DRAWS = 2000


class Unit(StrEnum):
    """The unit of a throughput."""

    SAMPLES = "samples"
    TOKENS = "tokens"
    """Target tokens without padding."""


class ThroughputCaveat(StrEnum):
    """Why part of a fit is missing or less certain."""

    ONE_SIZE = "one size"
    """There are fewer than two batch sizes, so there is no fit."""
    TWO_SIZES = "two sizes"
    """The fit passes through both points, so it has no interval."""
    TOO_FEW_BLOCKS = "too few blocks"
    """A size has fewer than MIN_BLOCKS, so there is no interval."""
    FEW_BLOCKS = "few blocks"
    """A size has fewer than ENOUGH_BLOCKS, so the intervals may be too narrow."""
    NO_CEILING = "no ceiling"
    """Steps of larger batches take no longer, so there is neither a ceiling nor a knee."""
    NO_FIXED_TIME = "no fixed time"
    """The fixed part of a step is not above 0, so there is no knee."""


@dataclass(frozen=True)
class FitBand:
    """The values of a fit at several batch sizes, and the ends of their intervals, if known."""

    batch_sizes: Floats
    value: Floats
    low: Floats | None
    high: Floats | None


@dataclass(frozen=True)
class ThroughputFit:
    """Fit of step time, `t = alpha + beta * B` as in AdaptDL, and so of throughput, `B / t`.

    An estimate is `None` if the measurements do not determine it. `caveats` say why.
    """

    batch_sizes: tuple[int, ...]
    """The measured batch sizes, ascending."""
    alpha_seconds: Estimate | None = None
    """Time per step that does not depend on the batch size."""
    beta_seconds: Estimate | None = None
    """Additional time per sample."""
    ceiling_per_second: Estimate | None = None
    """The limit of the throughput for large batches, `1 / beta`."""
    knee: Estimate | None = None
    """The batch size whose throughput is 90% of the ceiling, `9 * alpha / beta`."""
    smallest_at_knee: int | None = None
    """The smallest measured size that has 90% of the ceiling in at least 95% of the draws."""
    draws: Floats | None = field(default=None, compare=False, repr=False)
    """Bootstrap draws of alpha and beta, shape (draws, 2); `None` without an interval."""
    caveats: tuple[ThroughputCaveat, ...] = ()

    @property
    def is_knee_extrapolated(self) -> bool:
        """Whether the knee is above the largest measured batch size."""
        return self.knee is not None and self.knee.value > self.batch_sizes[-1]

    def step_seconds(self, batch_sizes: Sequence[float] | Floats) -> FitBand | None:
        """Return the seconds per step with their 90% interval; `None` without a fit."""
        if self.alpha_seconds is None or self.beta_seconds is None:
            return None
        sizes = np.asarray(batch_sizes, np.float64)
        value = self.alpha_seconds.value + self.beta_seconds.value * sizes
        if self.draws is None:
            return FitBand(sizes, value, None, None)
        ends = percentile_interval(self.draws[:, :1] + self.draws[:, 1:] * sizes)
        return FitBand(sizes, value, *ends)

    def per_second(self, batch_sizes: Sequence[float] | Floats) -> FitBand | None:
        """Return the throughput; NaN where the fitted step time is not above 0."""
        band = self.step_seconds(batch_sizes)
        if band is None:
            return None
        # The longest step is the lowest throughput.
        low, high = (
            None if end is None else _divide(band.batch_sizes, end, np.nan)
            for end in (band.high, band.low)
        )
        value = _divide(band.batch_sizes, band.value, np.nan)
        return FitBand(band.batch_sizes, value, low, high)


@dataclass(frozen=True)
class SpeedCurve:
    """Measured and fitted throughput, usually of one engine."""

    label: str
    points: tuple[SizeMedian, ...]
    """Throughputs by batch size, over runs or short timing passes."""
    fit: ThroughputFit
    """Throughput and ceiling are in the curve's unit. For tokens, step times are divided by the
    mean number of tokens per sentence."""
    unit: Unit = Unit.SAMPLES


def fit_speed_curves(sweep: Sweep, unit: Unit = Unit.SAMPLES) -> list[SpeedCurve]:
    """Return one curve per engine of the sweep. Each run is a block."""
    return [
        fit_speed_curve(engine.value, collect_speeds(list_finished_runs(sweep, engine), unit), unit)
        for engine in sweep.config.engines
    ]


def collect_speeds(runs: Sequence[Run], unit: Unit = Unit.SAMPLES) -> dict[int, list[float]]:
    """Return the throughput of each timed run by batch size."""
    if unit is Unit.TOKENS:
        return collect_values(runs, lambda summary: summary.target_tokens_per_second)
    return collect_values(runs, lambda summary: summary.samples_per_second)


def fit_speed_curve(
    label: str, speeds: Mapping[int, Sequence[float]], unit: Unit = Unit.SAMPLES
) -> SpeedCurve:
    """Fit a curve to throughputs by batch size, one or more blocks each."""
    ordered = dict(sorted(speeds.items()))
    seconds = {size: [size / speed for speed in blocks] for size, blocks in ordered.items()}
    return SpeedCurve(label, measure_medians(ordered), fit_throughput(seconds), unit)


def fit_throughput(step_seconds: Mapping[int, Sequence[float]]) -> ThroughputFit:
    """Fit the median step times by least squares of the relative residuals.

    Intervals are from a bootstrap: the blocks of each batch size are resampled, with a fixed seed.

    Args:
        step_seconds: Seconds per step of each block, by batch size, ascending.
    """
    batch_sizes = tuple(step_seconds)
    if len(batch_sizes) < 2:
        return ThroughputFit(batch_sizes, caveats=(ThroughputCaveat.ONE_SIZE,))
    blocks = [np.array(each, np.float64) for each in step_seconds.values()]
    sizes = np.array(batch_sizes, np.float64)
    alpha, beta = _fit_lines(sizes, np.array([np.median(each) for each in blocks])).tolist()
    fewest = min(map(len, blocks))
    draws = alphas = betas = ceilings = knees = None
    if len(sizes) > 2 and fewest >= MIN_BLOCKS:
        draws = _draw_lines(sizes, blocks)
        alphas, betas = draws.T
        ceilings = _divide(np.ones_like(betas), betas, np.inf)
        knees = _divide(_KNEE_FACTOR * np.maximum(alphas, 0.0), betas, np.inf)
    ceiling = estimate_from_draws(1 / beta, ceilings) if beta > 0 else None
    knee = None
    if alpha > 0 and beta > 0:
        knee = estimate_from_draws(_KNEE_FACTOR * alpha / beta, knees)
    # Throughput / ceiling is B / (B + alpha / beta). So in at least 95% of the draws it is 0.9 or
    # more exactly if the upper end of the knee's interval is B or less.
    at_knee = [size for size in batch_sizes if knee and size >= knee.ends[1]]
    caveats = {
        ThroughputCaveat.TWO_SIZES: len(sizes) == 2,
        ThroughputCaveat.TOO_FEW_BLOCKS: len(sizes) > 2 and fewest < MIN_BLOCKS,
        ThroughputCaveat.FEW_BLOCKS: len(sizes) > 2 and MIN_BLOCKS <= fewest < ENOUGH_BLOCKS,
        ThroughputCaveat.NO_CEILING: beta <= 0,
        ThroughputCaveat.NO_FIXED_TIME: alpha <= 0 < beta,
    }
    return ThroughputFit(
        batch_sizes,
        estimate_from_draws(alpha, alphas),
        estimate_from_draws(beta, betas),
        ceiling,
        knee,
        min(at_knee, default=None),
        draws,
        tuple(caveat for caveat, applies in caveats.items() if applies),
    )


def _fit_lines(sizes: Floats, seconds: Floats) -> Floats:
    """Return alpha and beta, shape (..., 2), of the fits to `seconds`, shape (..., sizes).

    The squares of the relative residuals `(alpha + beta * B) / seconds - 1` are minimized, because
    the uncertainty of a timing is proportional to it. Centering on weighted means keeps precision.
    """
    weights = seconds**-2.0
    weights /= weights.sum(axis=-1, keepdims=True)
    center = (weights * sizes).sum(axis=-1, keepdims=True)
    mean = (weights * seconds).sum(axis=-1, keepdims=True)
    slopes = weights * (sizes - center)
    beta = (slopes * (seconds - mean)).sum(axis=-1) / (slopes * (sizes - center)).sum(axis=-1)
    return np.stack([mean[..., 0] - beta * center[..., 0], beta], axis=-1)


def _draw_lines(sizes: Floats, blocks: Sequence[Floats]) -> Floats:
    """Return alpha and beta of fits to medians of resampled blocks, shape (draws, 2).

    One slow block cannot move a median. In simulation, 90% intervals cover the truth in 84 to 94%
    of cases; with means, in only 64 to 85%.
    """
    random = np.random.default_rng(0)
    medians = [
        np.median(seconds[random.integers(0, len(seconds), (_DRAWS, len(seconds)))], axis=1)
        for seconds in blocks
    ]
    return _fit_lines(sizes, np.stack(medians, axis=1))


def _divide(numerator: Floats, denominator: Floats, otherwise: float) -> Floats:
    """Return the quotient, and `otherwise` where the denominator is not above 0."""
    quotient = np.full_like(numerator, otherwise)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
