"""Throughput against the batch size: measured speeds, and the fit of a step's time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from s2s.analysis.estimate import Estimate, estimate_from_draws, percentile_interval
from s2s.analysis.run.steps import Floats
from s2s.analysis.sweep.runs import SizeMedian, collect_figures, list_finished_runs, measure_medians
from s2s.records import Run, Sweep

KNEE_SHARE = 0.9
"""Share of the ceiling that defines the throughput knee."""
_KNEE_FACTOR = KNEE_SHARE / (1 - KNEE_SHARE)
"""The knee as a multiple of alpha / beta."""
MIN_BLOCKS, ENOUGH_BLOCKS = 3, 5
"""Fewest blocks (runs or timing passes) per batch size for an interval, and for a sound one.

In simulation (10% log-normal spread; three, five and nine sizes) the nominal 90% intervals cover
59 to 73% with two blocks, 84 to 94% with three and 89 to 97% with five to twelve, at most one of
them slow; if one block of every size is slow, the intervals are too wide."""
_DRAWS = 2000


class Unit(StrEnum):
    """The unit of a throughput."""

    SAMPLES = "samples"
    TOKENS = "tokens"
    """Target tokens without padding."""


class ThroughputCaveat(StrEnum):
    """Why part of a fit is missing or less certain."""

    ONE_SIZE = "one size"
    """There is no fit to fewer than two batch sizes."""
    TWO_SIZES = "two sizes"
    """The fit passes through both points, so it has no interval."""
    TOO_FEW_BLOCKS = "too few blocks"
    """A size has fewer than MIN_BLOCKS, so there is no interval."""
    FEW_BLOCKS = "few blocks"
    """A size has fewer than ENOUGH_BLOCKS, so the intervals may be too narrow."""
    NO_CEILING = "no ceiling"
    """A step takes no longer for a larger batch, so there is neither ceiling nor knee."""
    NO_FIXED_TIME = "no fixed time"
    """The fixed part of a step is not above 0, so there is no knee."""


@dataclass(frozen=True)
class FitBand:
    """A fit at several batch sizes, with the ends of its interval if it has any."""

    batch_sizes: Floats
    value: Floats
    low: Floats | None
    high: Floats | None


@dataclass(frozen=True)
class ThroughputFit:
    """Step time `t = alpha + beta * B` in seconds, as in AdaptDL, and so a throughput of `B / t`.

    Estimates are `None` if the measurements do not determine them; `caveats` say why.
    """

    batch_sizes: tuple[int, ...]
    """The measured batch sizes, ascending."""
    alpha_seconds: Estimate | None = None
    """Fixed time per step."""
    beta_seconds: Estimate | None = None
    """Time per sample."""
    ceiling_per_second: Estimate | None = None
    """The throughput of an infinite batch, `1 / beta`."""
    knee: Estimate | None = None
    """The batch size with 90% of the ceiling, `9 * alpha / beta`."""
    smallest_at_knee: int | None = None
    """The smallest measured batch size with 90% of the ceiling in 95% of the draws, if any."""
    draws: Floats | None = field(default=None, compare=False, repr=False)
    """Alpha and beta per bootstrap draw, shape (draws, 2); `None` without an interval."""
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
        """Return the throughput; NaN where the fitted time is not above 0."""
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
    """Measured and fitted throughput of one engine."""

    label: str
    points: tuple[SizeMedian, ...]
    """Throughputs by batch size, over runs or short timing passes."""
    fit: ThroughputFit
    """For tokens, alpha and beta are those of a step with one token per sentence; throughput,
    ceiling and knee are in the unit of the curve."""
    unit: Unit = Unit.SAMPLES


def fit_speed_curves(sweep: Sweep, unit: Unit = Unit.SAMPLES) -> list[SpeedCurve]:
    """Return a curve per engine, each run one block."""
    return [
        fit_speed_curve(engine.value, collect_speeds(list_finished_runs(sweep, engine), unit), unit)
        for engine in sweep.config.engines
    ]


def collect_speeds(runs: Sequence[Run], unit: Unit = Unit.SAMPLES) -> dict[int, list[float]]:
    """Return the throughput of each timed run by batch size."""
    if unit is Unit.TOKENS:
        return collect_figures(runs, lambda each: each.target_tokens_per_second)
    return collect_figures(runs, lambda each: each.samples_per_second)


def fit_speed_curve(
    label: str, speeds: Mapping[int, Sequence[float]], unit: Unit = Unit.SAMPLES
) -> SpeedCurve:
    """Fit a curve to the throughputs of one or more blocks per batch size."""
    ordered = dict(sorted(speeds.items()))
    seconds = {size: [size / speed for speed in blocks] for size, blocks in ordered.items()}
    return SpeedCurve(label, measure_medians(ordered), fit_throughput(seconds), unit)


def fit_throughput(step_seconds: Mapping[int, Sequence[float]]) -> ThroughputFit:
    """Fit the median step times by least squares on relative residuals.

    Intervals come from resampling the blocks of each batch size, with a fixed seed.

    Args:
        step_seconds: Seconds per step of each block, by ascending batch size.
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
    # R / R_max is B / (B + alpha / beta), so its 5% quantile over the draws is 0.9 or more exactly
    # where the knee's 95% quantile is B or less.
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
    """Return alpha and beta, shape (..., 2), of the lines through `seconds`, shape (..., sizes).

    The relative residuals `(alpha + beta * B) / seconds - 1` count, because the uncertainty of a
    timing is proportional to it. Centering on the weighted means keeps precision.
    """
    weights = seconds**-2.0
    weights /= weights.sum(axis=-1, keepdims=True)
    center = (weights * sizes).sum(axis=-1, keepdims=True)
    mean = (weights * seconds).sum(axis=-1, keepdims=True)
    slopes = weights * (sizes - center)
    beta = (slopes * (seconds - mean)).sum(axis=-1) / (slopes * (sizes - center)).sum(axis=-1)
    return np.stack([mean[..., 0] - beta * center[..., 0], beta], axis=-1)


def _draw_lines(sizes: Floats, blocks: Sequence[Floats]) -> Floats:
    """Return bootstrap lines, shape (draws, 2), through medians, which one slow block cannot move.

    In simulation 90% intervals cover 84 to 94% with medians, but only 64 to 85% with means.
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
