"""Predicted training time to the target per batch size, and the recommendation."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from s2s.analysis.advice.steps_fit import StepsFit, list_neighbor_sizes, suggest_further_sizes
from s2s.analysis.estimate import Estimate, estimate_from_draws, percentile_interval
from s2s.analysis.run.steps import Floats
from s2s.errors import UserError

TOLERANCE = 1.1
"""A recommended size takes at most this multiple of the best size's time."""
_DRAWS = 4000


class Standing(StrEnum):
    """Whether a batch size is in the recommended range, by its `Prediction.relative_time`."""

    RECOMMENDED = "recommended"
    """The whole interval of the relative time is at most TOLERANCE."""
    SLOWER = "slower"
    """The whole interval of the relative time is above TOLERANCE."""
    UNDECIDED = "undecided"
    """Neither, or a run of this size contradicts the fit."""


@dataclass(frozen=True)
class Prediction:
    """The predicted training time to target at a batch size within the measured range."""

    batch_size: int
    steps: float
    seconds: Estimate
    relative_time: Estimate
    """The time divided by the least time of the sizes within the measured range. For the upper end
    the least time also covers `list_neighbor_sizes`, because one of them may be faster."""
    standing: Standing


@dataclass(frozen=True)
class Recommendation:
    """A recommended batch size and range, with the predictions behind them."""

    fit: StepsFit
    predictions: tuple[Prediction, ...]
    """Predictions for powers of two and the fitted sizes, by batch size."""
    best: Prediction
    """The prediction with the least time, from the recommended range unless that is empty."""
    range: tuple[int, ...]
    """The batch sizes of the recommended range, ascending; empty if none is reliably within 10%."""
    faster_unmeasured: int | None
    """The size with the least predicted time of all, if it is outside the measured range."""
    fastest_measured: int | None
    """The size with the least measured time, among those where every run crossed the target."""
    further_sizes: tuple[int, ...]
    """The batch sizes at which further runs would help most, the most helpful first."""


def recommend(fit: StepsFit, step_time_draws: Floats) -> Recommendation:
    """Recommend the batch size B with the least time to target T(B) = S(B) * t(B).

    S(B) are the steps to target and t(B) = alpha + beta * B is the step time. Draws of log S
    deviate from the fitted curve along its slopes by Student's t. Between measured sizes this is
    sound even if B_crit has no bound. A size's standing comes from its T(B) divided by the least T
    of the same draw. An uncertain S_min or a slow machine changes all sizes alike: it widens the
    intervals of the seconds, but does not decide which size is best.

    Args:
        step_time_draws: Alpha and beta in seconds, shape (draws, 2). Predictions use the medians.

    Raises:
        UserError: In a draw, some step time in the measured range is not above 0.
    """
    alpha, beta = np.median(step_time_draws, axis=0).tolist()
    random = np.random.default_rng(0)
    lines = step_time_draws[random.integers(len(step_time_draws), size=_DRAWS)]
    inside = list_candidate_sizes(fit.sizes)
    if not all(_has_positive_time(lines, size) for size in inside):
        raise UserError("The step times vary too much to fit them. Sweep again with more repeats.")
    outside = [size for size in list_neighbor_sizes(fit.sizes) if _has_positive_time(lines, size)]
    sizes = np.array(inside + outside, np.float64)
    steps = fit.expected_steps(sizes)
    seconds = steps * (alpha + beta * sizes)
    draws = None
    if fit.curve.variance is not None:
        step_seconds = lines[:, :1] + lines[:, 1:] * sizes
        covariance = fit.curve.variance * fit.curve.unscaled_covariance
        log_draws = _draw_from_t(covariance, fit.curve.degrees, random)
        # Without these limits a fit to very few runs has draws of 0 and infinity.
        deviations = np.clip(log_draws @ fit.curve.slopes(sizes).T, -300, 300)
        draws = steps * np.exp(deviations) * step_seconds
    fastest = int(np.argmin(seconds))
    predictions = []
    contradicted = {point.batch_size for point in fit.contradicting_points}
    for i, size in enumerate(inside):
        relative_time = Estimate(float(seconds[i] / seconds[: len(inside)].min()))
        if draws is not None:
            low, _ = percentile_interval(draws[:, i] / draws[:, : len(inside)].min(axis=1))
            _, high = percentile_interval(draws[:, i] / draws.min(axis=1))
            relative_time = Estimate(relative_time.value, float(low), float(high))
        predictions.append(
            Prediction(
                size,
                float(steps[i]),
                estimate_from_draws(float(seconds[i]), None if draws is None else draws[:, i]),
                relative_time,
                _classify(relative_time, contradicted=size in contradicted),
            )
        )
    recommended = [each for each in predictions if each.standing is Standing.RECOMMENDED]
    faster_unmeasured = None if fastest < len(inside) else outside[fastest - len(inside)]
    return Recommendation(
        fit,
        tuple(predictions),
        best=min(recommended or predictions, key=lambda each: each.seconds.value),
        range=tuple(each.batch_size for each in recommended),
        faster_unmeasured=faster_unmeasured,
        fastest_measured=_find_fastest_measured(fit, alpha, beta),
        further_sizes=suggest_further_sizes(fit, faster_unmeasured),
    )


def list_candidate_sizes(sizes: Iterable[int]) -> list[int]:
    """Return the sizes and the powers of two between the smallest and the largest."""
    measured = set(sizes)
    powers = (1 << power for power in range(max(measured).bit_length()))
    return sorted(measured | {power for power in powers if power > min(measured)})


def _has_positive_time(lines: Floats, size: int) -> bool:
    return bool((lines[:, 0] + lines[:, 1] * size > 0).all())


def _draw_from_t(covariance: Floats, degrees: int, random: np.random.Generator) -> Floats:
    """Return draws from a bivariate t distribution centered at 0, shape (draws, 2)."""
    values, vectors = np.linalg.eigh(covariance)
    normal = random.standard_normal((_DRAWS, 2)) * np.sqrt(np.maximum(values, 0))
    chi_squared = random.chisquare(degrees, (_DRAWS, 1))
    draws: Floats = normal @ vectors.T / np.sqrt(chi_squared / degrees)
    return draws


def _classify(relative_time: Estimate, *, contradicted: bool) -> Standing:
    """Return the standing. A size is not recommended if one of its runs contradicts the fit."""
    low, high = relative_time.ends
    if low > TOLERANCE:
        return Standing.SLOWER
    return Standing.UNDECIDED if contradicted or high > TOLERANCE else Standing.RECOMMENDED


def _find_fastest_measured(fit: StepsFit, alpha: float, beta: float) -> int | None:
    """Return the fastest size by measured steps, of those where every run crossed the target."""
    excluded = {point.batch_size for point in fit.points if not point.is_exact}
    seconds = {
        size: (alpha + beta * size)
        * np.exp(np.mean([np.log(p.steps) for p in fit.fitted_points if p.batch_size == size]))
        for size in fit.sizes
        if size not in excluded
    }
    return min(seconds, key=seconds.__getitem__, default=None)
