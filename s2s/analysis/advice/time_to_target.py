"""How long each batch size takes to the target, and which sizes are good: steps times seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

from s2s.analysis.advice.batch_law import BatchLaw, sizes_beyond
from s2s.analysis.estimate import CONFIDENCE, Estimate
from s2s.analysis.run.steps import Floats
from s2s.errors import UserError

GOOD = 1.1
"""A good size takes at most this many times the best one's time."""
_Number = TypeVar("_Number", float, Floats)
_DRAWS = 4000
_ENDS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


class Standing(StrEnum):
    GOOD = "good"
    """Even at the upper end of `times_best` within 10 % of the best."""
    SLOW = "slow"
    """Even at its lower end more than 10 % above the best."""
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Prediction:
    """Of one batch size between the smallest and the largest in the law's fit."""

    batch_size: int
    steps: float
    seconds: Estimate
    """Training time to the target."""
    times_best: Estimate
    """Its time over the least of all, both of the same draw. The lower end is against the sizes
    measured and between; the upper end counts `sizes_beyond` too, which may be faster."""
    standing: Standing


@dataclass(frozen=True)
class TimeToTarget:
    predictions: tuple[Prediction, ...]
    """In order of size: powers of two and the sizes in the fit."""
    b_time: Estimate | None
    """Samples: where the time is least, by `best_size`. None where B_crit is not identifiable, or
    the step time has no fixed or no variable part."""
    t_min: Estimate | None
    """Seconds, at `b_time`."""
    beyond: int | None
    """A size next to the measured ones whose predicted time is less than that of them all."""
    fastest_measured: int | None
    """Of the sizes at which every run crossed the target; None where there is none."""


def time_to_target(law: BatchLaw, line_draws: Floats) -> TimeToTarget:
    """T(B) = S(B)*t(B), with t(B) = alpha + beta*B seconds a step and the S expected.

    `line_draws`: (draws, 2), alpha and beta together, such as a bootstrap gives them; their
    medians are the line. The law's draws are of Student's t about its log curve, carried along
    its slopes: between measured sizes that stays sound where B_crit itself has no bound.

    A size's standing is read from T(B) over the least T of the same draw. What moves all sizes
    alike, an uncertain S_min or a slow machine, says nothing on which of them is best; it widens
    the interval of the seconds only. Raises UserError where the line has no positive time.
    """
    alpha, beta = np.median(line_draws, axis=0).tolist()
    random = np.random.default_rng(0)
    lines = line_draws[random.integers(len(line_draws), size=_DRAWS)]
    within = candidates(law.sizes)
    if not all(_timed(lines, size) for size in within):
        raise UserError(
            "The step times are too noisy for a line over batch sizes: time the sizes again, "
            "with more repeats."
        )
    beyond = [size for size in sizes_beyond(law.sizes) if _timed(lines, size)]
    sizes = np.array(within + beyond, np.float64)
    step_seconds = lines[:, :1] + lines[:, 1:] * sizes
    seconds = law.expected_steps(sizes) * (alpha + beta * sizes)
    moves = _law_draws(law, random)
    draws = None
    if moves is not None:
        draws = law.expected_steps(sizes) * np.exp(moves @ law.slopes(sizes).T) * step_seconds
    predictions = _predictions(law, within, seconds, draws)
    fastest = int(np.argmin(seconds))
    b_time, t_min = _least(law, alpha, beta, lines, moves)
    return TimeToTarget(
        predictions,
        b_time,
        t_min,
        beyond=None if fastest < len(within) else beyond[fastest - len(within)],
        fastest_measured=_fastest_measured(law, alpha, beta),
    )


def candidates(sizes: Iterable[int]) -> list[int]:
    """The sizes themselves and the powers of two between the smallest and the largest."""
    known = set(sizes)
    powers = (1 << power for power in range(max(known).bit_length()))
    return sorted(known | {power for power in powers if power > min(known)})


def best_size(alpha: _Number, beta: _Number, b_crit: _Number) -> _Number:
    """B_time = sqrt(alpha*B_crit/beta), in samples: where (1 + B_crit/B)*(alpha + beta*B) is least.

    Its derivative, beta - alpha*B_crit/B**2, is 0 there.
    """
    size: _Number = np.sqrt(alpha * b_crit / beta)
    return size


def least_seconds(alpha: _Number, beta: _Number, s_min: _Number, b_crit: _Number) -> _Number:
    """T_min = S_min*(sqrt(alpha) + sqrt(beta*B_crit))**2: T at B_time, multiplied out."""
    seconds: _Number = s_min * (np.sqrt(alpha) + np.sqrt(beta * b_crit)) ** 2
    return seconds


def _timed(lines: Floats, size: int) -> bool:
    """Whether all the lines have a step of this size take time."""
    return bool((lines[:, 0] + lines[:, 1] * size > 0).all())


def _law_draws(law: BatchLaw, random: np.random.Generator) -> Floats | None:
    """(draws, 2): how far log S_min and log B_crit lie from the fit; None without an interval."""
    if law.log_covariance is None:
        return None
    values, vectors = np.linalg.eigh(law.log_covariance)
    normal = random.standard_normal((_DRAWS, 2)) * np.sqrt(np.maximum(values, 0))
    chi_squared = random.chisquare(law.degrees, (_DRAWS, 1))
    moves: Floats = normal @ vectors.T / np.sqrt(chi_squared / law.degrees)
    return moves


def _predictions(
    law: BatchLaw, sizes: Sequence[int], seconds: Floats, draws: Floats | None
) -> tuple[Prediction, ...]:
    """Of `sizes`, the first columns of `seconds`, (all,), and of `draws`, (draws, all)."""
    steps = law.expected_steps(sizes)
    ratios = seconds / seconds[: len(sizes)].min()
    against = {point.batch_size for point in law.contradicting}
    predictions = []
    for i, size in enumerate(sizes):
        time, times_best = (Estimate(float(each[i]), None, None) for each in (seconds, ratios))
        if draws is not None:
            time = _estimate(time.value, draws[:, i])
            low, high = (
                float(np.quantile(draws[:, i] / least, end))
                for least, end in zip(
                    (draws[:, : len(sizes)].min(axis=1), draws.min(axis=1)), _ENDS, strict=True
                )
            )
            times_best = Estimate(times_best.value, low, high)
        standing = _standing(times_best, trusted=size not in against)
        predictions.append(Prediction(size, float(steps[i]), time, times_best, standing))
    return tuple(predictions)


def _standing(times_best: Estimate, *, trusted: bool) -> Standing:
    """A size at which a run speaks against the curve is not called good by it."""
    if times_best.low is None or times_best.high is None:
        return Standing.UNDECIDED
    if times_best.low > GOOD:
        return Standing.SLOW
    return Standing.GOOD if trusted and times_best.high <= GOOD else Standing.UNDECIDED


def _least(
    law: BatchLaw, alpha: float, beta: float, lines: Floats, moves: Floats | None
) -> tuple[Estimate | None, Estimate | None]:
    """B_time and T_min."""
    if alpha <= 0 or beta <= 0 or moves is None or not law.identifiable:
        return None, None
    s_min, b_crit = law.s_min.value, law.b_crit.value
    size, seconds = best_size(alpha, beta, b_crit), least_seconds(alpha, beta, s_min, b_crit)
    alphas, betas = np.maximum(lines.T, np.finfo(np.float64).tiny)
    s_mins, b_crits = np.exp(moves.T) * [[law.s_min.value], [law.b_crit.value]]
    return (
        _estimate(size, best_size(alphas, betas, b_crits)),
        _estimate(seconds, least_seconds(alphas, betas, s_mins, b_crits)),
    )


def _fastest_measured(law: BatchLaw, alpha: float, beta: float) -> int | None:
    """By the geometric mean of a size's own steps and the line's seconds, without the curve."""
    missed = {point.batch_size for point in law.points if not point.exact}
    seconds = {
        size: (alpha + beta * size)
        * np.exp(np.mean([np.log(p.steps) for p in law.fitted if p.batch_size == size]))
        for size in law.sizes
        if size not in missed
    }
    return min(seconds, key=seconds.__getitem__, default=None)


def _estimate(value: float, draws: Floats) -> Estimate:
    low, high = np.quantile(draws, _ENDS).tolist()
    return Estimate(value, low, high)
