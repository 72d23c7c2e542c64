"""Predicted training time to the target per batch size, and the recommended range."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

from s2s.analysis.advice.steps_fit import StepsFit, neighbour_sizes
from s2s.analysis.estimate import Estimate, estimate_from_draws, percentile_interval
from s2s.analysis.run.steps import Floats
from s2s.errors import UserError

TOLERANCE = 1.1
"""A size is recommended if it takes at most this many times the best one's time."""
_Number = TypeVar("_Number", float, Floats)
_DRAWS = 4000


class Standing(StrEnum):
    """A batch size against the recommended range."""

    RECOMMENDED = "recommended"
    """Even the upper end of its relative time is within 10% of the best."""
    SLOWER = "slower"
    """Even the lower end is more than 10% above the best."""
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Prediction:
    """The time to target of one batch size within the fitted range."""

    batch_size: int
    steps: float
    seconds: Estimate
    """Training time."""
    relative_time: Estimate
    """Its time over the least of all in the same draw. The lower end is relative to sizes within
    the measured range; the upper end also counts `neighbour_sizes`, which may be faster."""
    standing: Standing


@dataclass(frozen=True)
class TimeToTarget:
    """Predictions for all candidate sizes."""

    predictions: tuple[Prediction, ...]
    """By batch size: powers of two and the fitted sizes."""
    b_time: Estimate | None
    """The batch size with the least time, see `best_batch_size`. None if B_crit is not
    identifiable, or a step has no fixed or no variable time."""
    t_min: Estimate | None
    """Seconds at `b_time`."""
    faster_unmeasured: int | None
    """A size next to the measured range whose predicted time is the least of all, if any."""
    fastest_measured: int | None
    """Of the sizes at which every run crossed the target; None if there is none."""


def predict_time_to_target(fit: StepsFit, step_time_draws: Floats) -> TimeToTarget:
    """Predict T(B) = S(B) * t(B) with t(B) = alpha + beta * B.

    Draws of the steps follow Student's t about the log curve, along its slopes: between measured
    sizes this is sound even if B_crit has no bound. A size's standing comes from T(B) over the
    least T of the same draw, because an uncertain S_min or a slow machine moves all sizes alike:
    it widens the interval of the seconds but does not decide which size is best.

    Args:
        step_time_draws: Alpha and beta in seconds per draw, shape (draws, 2), such as from a
            bootstrap; their medians are the step time.

    Raises:
        UserError: A draw has no positive step time at a size in the fitted range.
    """
    alpha, beta = np.median(step_time_draws, axis=0).tolist()
    random = np.random.default_rng(0)
    lines = step_time_draws[random.integers(len(step_time_draws), size=_DRAWS)]
    inside = candidate_sizes(fit.sizes)
    if not all(_has_positive_time(lines, size) for size in inside):
        raise UserError("The step times vary too much to fit them. Sweep again with more repeats.")
    outside = [size for size in neighbour_sizes(fit.sizes) if _has_positive_time(lines, size)]
    sizes = np.array(inside + outside, np.float64)
    seconds = fit.expected_steps(sizes) * (alpha + beta * sizes)
    log_draws = _draw_logs(fit, random)
    draws = None
    if log_draws is not None:
        step_seconds = lines[:, :1] + lines[:, 1:] * sizes
        draws = fit.expected_steps(sizes) * np.exp(log_draws @ fit.slopes(sizes).T) * step_seconds
    fastest = int(np.argmin(seconds))
    b_time, t_min = _least_time(fit, alpha, beta, lines, log_draws)
    return TimeToTarget(
        _predictions(fit, inside, seconds, draws),
        b_time,
        t_min,
        faster_unmeasured=None if fastest < len(inside) else outside[fastest - len(inside)],
        fastest_measured=_fastest_measured(fit, alpha, beta),
    )


def candidate_sizes(sizes: Iterable[int]) -> list[int]:
    """Return the sizes and the powers of two between the smallest and the largest."""
    measured = set(sizes)
    powers = (1 << power for power in range(max(measured).bit_length()))
    return sorted(measured | {power for power in powers if power > min(measured)})


def best_batch_size(alpha: _Number, beta: _Number, b_crit: _Number) -> _Number:
    """Return B_time = sqrt(alpha * B_crit / beta).

    There the derivative of (1 + B_crit/B) * (alpha + beta*B), beta - alpha*B_crit/B**2, is 0.
    """
    size: _Number = np.sqrt(alpha * b_crit / beta)
    return size


def least_seconds(alpha: _Number, beta: _Number, s_min: _Number, b_crit: _Number) -> _Number:
    """Return T_min = S_min * (sqrt(alpha) + sqrt(beta * B_crit))**2: T at B_time."""
    seconds: _Number = s_min * (np.sqrt(alpha) + np.sqrt(beta * b_crit)) ** 2
    return seconds


def _has_positive_time(lines: Floats, size: int) -> bool:
    return bool((lines[:, 0] + lines[:, 1] * size > 0).all())


def _draw_logs(fit: StepsFit, random: np.random.Generator) -> Floats | None:
    """Return draws of log S_min and log B_crit about the fit, (draws, 2), if it has an interval."""
    if fit.log_covariance is None:
        return None
    values, vectors = np.linalg.eigh(fit.log_covariance)
    normal = random.standard_normal((_DRAWS, 2)) * np.sqrt(np.maximum(values, 0))
    chi_squared = random.chisquare(fit.degrees, (_DRAWS, 1))
    draws: Floats = normal @ vectors.T / np.sqrt(chi_squared / fit.degrees)
    return draws


def _predictions(
    fit: StepsFit, sizes: Sequence[int], seconds: Floats, draws: Floats | None
) -> tuple[Prediction, ...]:
    """Return the predictions of `sizes`, the first of `seconds`, (all,), and `draws`, (_, all)."""
    steps = fit.expected_steps(sizes)
    relative = seconds / seconds[: len(sizes)].min()
    contradicted = {point.batch_size for point in fit.contradicting}
    predictions = []
    for i, size in enumerate(sizes):
        relative_time = Estimate(float(relative[i]))
        if draws is not None:
            low, _ = percentile_interval(draws[:, i] / draws[:, : len(sizes)].min(axis=1))
            _, high = percentile_interval(draws[:, i] / draws.min(axis=1))
            relative_time = Estimate(relative_time.value, float(low), float(high))
        predictions.append(
            Prediction(
                size,
                float(steps[i]),
                estimate_from_draws(float(seconds[i]), None if draws is None else draws[:, i]),
                relative_time,
                _standing(relative_time, contradicted=size in contradicted),
            )
        )
    return tuple(predictions)


def _standing(relative_time: Estimate, *, contradicted: bool) -> Standing:
    """Return the standing; a size with a run that contradicts the fit is not recommended by it."""
    if relative_time.low is None or relative_time.high is None:
        return Standing.UNDECIDED
    if relative_time.low > TOLERANCE:
        return Standing.SLOWER
    if contradicted or relative_time.high > TOLERANCE:
        return Standing.UNDECIDED
    return Standing.RECOMMENDED


def _least_time(
    fit: StepsFit, alpha: float, beta: float, lines: Floats, log_draws: Floats | None
) -> tuple[Estimate | None, Estimate | None]:
    """Return B_time and T_min."""
    if alpha <= 0 or beta <= 0 or log_draws is None or not fit.is_identifiable:
        return None, None
    s_min, b_crit = fit.s_min.value, fit.b_crit.value
    size, seconds = best_batch_size(alpha, beta, b_crit), least_seconds(alpha, beta, s_min, b_crit)
    alphas, betas = np.maximum(lines.T, np.finfo(np.float64).tiny)
    s_mins, b_crits = np.exp(log_draws.T) * [[s_min], [b_crit]]
    return (
        estimate_from_draws(float(size), best_batch_size(alphas, betas, b_crits)),
        estimate_from_draws(float(seconds), least_seconds(alphas, betas, s_mins, b_crits)),
    )


def _fastest_measured(fit: StepsFit, alpha: float, beta: float) -> int | None:
    """Return the fastest size by the geometric mean of its own steps, without the curve."""
    missed = {point.batch_size for point in fit.points if not point.exact}
    seconds = {
        size: (alpha + beta * size)
        * np.exp(np.mean([np.log(p.steps) for p in fit.fitted if p.batch_size == size]))
        for size in fit.sizes
        if size not in missed
    }
    return min(seconds, key=seconds.__getitem__, default=None)
