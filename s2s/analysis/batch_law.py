"""How the steps to a target loss fall with the batch size: the law, fitted, with its doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import t as student

from s2s.analysis.steps import Floats
from s2s.analysis.target import StepsToTarget
from s2s.config import UserError

CONFIDENCE = 0.9
MOST_RATIO = 10.0
"""Of an interval's ends. In the simulations 5 sizes with 3 seeds each and a spread of 10 % give 2
on average and never 4; from 10 on, B_time = sqrt(B_half*B_crit) is not known to a factor of 3."""
_REACH = 1e3
"""How far beyond the measured sizes the fit looks: there the curve is straight to 0.1 %."""
_BEYOND = 4
"""A further size is this many times the largest, or this part of the smallest."""


class OpenEnd(StrEnum):
    """On which side the critical batch size has no bound."""

    NONE = "none"
    LOW = "low"
    """Only the plateau was seen: more samples a step saved no steps."""
    HIGH = "high"
    """Only perfect scaling was seen: twice the batch halved the steps."""
    BOTH = "both"


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 90 % interval; None where no doubt can be given."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class BatchLaw:
    """S = S_min*(1 + B_crit/B): steps S to the target at batch size B (McCandlish et al. 2018)."""

    points: tuple[StepsToTarget, ...]
    """All that were given, in order of size."""
    s_min: Estimate
    """Steps that no batch size can save."""
    b_crit: Estimate
    """Samples; E_min/S_min, where twice the least steps and twice the least samples are needed."""
    e_min: Estimate
    """Samples that a batch of one would need, by the law: S_min*B_crit."""
    open_end: OpenEnd
    identifiable: bool
    """Whether `b_crit` is known: no open end, and its interval's ends within MOST_RATIO."""
    contradicting: tuple[StepsToTarget, ...]
    """Runs that missed the target, or reached it early, where the fit says otherwise."""
    deviation: float | None
    """Standard deviation of log S about the curve; None of two points."""
    log_covariance: Floats | None
    """(2, 2), of log S_min and log B_crit; None of two points."""
    degrees: int
    """Of freedom: points in the fit less two."""

    @property
    def fitted(self) -> tuple[StepsToTarget, ...]:
        return tuple(point for point in self.points if point.exact)

    @property
    def sizes(self) -> list[int]:
        """The batch sizes in the fit, ascending."""
        return sorted({point.batch_size for point in self.fitted})

    def steps(self, batch_sizes: Sequence[float]) -> Floats:
        """Expected at each size; one value each."""
        sizes = np.asarray(batch_sizes, np.float64)
        return self.s_min.value * (1 + self.b_crit.value / sizes)

    def slopes(self, batch_sizes: Sequence[float]) -> Floats:
        """(sizes, 2): d log S / d (log S_min, log B_crit) at each size."""
        return _slopes(np.log(self.b_crit.value), np.asarray(batch_sizes, np.float64))


def fit_batch_law(points: Sequence[StepsToTarget]) -> BatchLaw:
    """Least squares on log S over the exact points, each run one.

    The spread of S is multiplicative, and logs keep both parameters above 0. Intervals are 90 %,
    by Student's t from the covariance of the log parameters. Runs that missed the target, and
    those that had it at their first evaluation, are left out and then held against the curve.
    Raises UserError where fewer than two batch sizes have an exact point.
    """
    ordered = tuple(sorted(points, key=lambda point: (point.batch_size, point.seed)))
    exact = [point for point in ordered if point.exact]
    if len({point.batch_size for point in exact}) < 2:
        raise UserError(
            "The law needs runs of two batch sizes or more that cross the target between two "
            "evaluations: train longer, evaluate more often, or choose another target."
        )
    sizes = np.array([point.batch_size for point in exact], np.float64)
    log_steps = np.log([point.steps for point in exact])
    logs = _least_squares(sizes, log_steps)
    slopes = _slopes(logs[1], sizes)
    degrees = len(exact) - 2
    squares = float(np.sum((log_steps - _log_curve(logs, sizes)) ** 2))
    deviation = float(np.sqrt(squares / degrees)) if degrees else None
    spread = np.linalg.inv(slopes.T @ slopes)
    covariance = None if deviation is None else deviation**2 * spread
    b_crit = _estimate(logs, covariance, degrees, (0.0, 1.0))
    open_end = _open_end(sizes, log_steps, squares, b_crit)
    return BatchLaw(
        points=ordered,
        s_min=_estimate(logs, covariance, degrees, (1.0, 0.0)),
        b_crit=b_crit,
        e_min=_estimate(logs, covariance, degrees, (1.0, 1.0)),
        open_end=open_end,
        identifiable=open_end is OpenEnd.NONE and _narrow(b_crit) and len(set(sizes)) > 2,
        contradicting=_contradicting(ordered, logs, spread, deviation, degrees),
        deviation=deviation,
        log_covariance=covariance,
        degrees=degrees,
    )


def most_helpful_size(law: BatchLaw) -> int:
    """At which size one more run would tell most about the critical batch size.

    Of the sizes in the fit, one well below and one well above them: the one whose run leaves
    log B_crit the least variance, (J'J + jj')**-1 with the slopes j of its log S.
    """
    sizes = law.sizes
    candidates = [max(1, sizes[0] // _BEYOND), *sizes, sizes[-1] * _BEYOND]
    slopes = law.slopes([point.batch_size for point in law.fitted])
    information = slopes.T @ slopes
    left = [
        np.linalg.inv(information + np.outer(each, each))[1, 1]
        for each in law.slopes(candidates)
    ]
    return candidates[int(np.argmin(left))]


def quantile_of_student(degrees: int) -> float:
    """Half the width of a 90 % interval, in standard errors."""
    return float(student.ppf((1 + CONFIDENCE) / 2, degrees))


def _log_curve(logs: Floats, sizes: Floats) -> Floats:
    curve: Floats = logs[0] + np.log1p(np.exp(logs[1]) / sizes)
    return curve


def _slopes(log_b_crit: float, sizes: Floats) -> Floats:
    b_crit = np.exp(log_b_crit)
    return np.stack([np.ones_like(sizes), b_crit / (b_crit + sizes)], axis=1)


def _least_squares(sizes: Floats, log_steps: Floats) -> Floats:
    """Log S_min and log B_crit; the latter at most a factor of _REACH beyond the sizes.

    log S_min has a closed form given log B_crit, so a grid over the one finds the valley to
    start in, however far away it is.
    """
    low, high = np.log(sizes.min() / _REACH), np.log(sizes.max() * _REACH)
    grid = np.linspace(low, high, 202)[1:-1]
    rises = np.log1p(np.exp(grid)[:, None] / sizes)
    starts = (log_steps - rises).mean(axis=1)
    best = int(np.argmin(((log_steps - rises - starts[:, None]) ** 2).sum(axis=1)))
    found = least_squares(
        lambda logs: _log_curve(logs, sizes) - log_steps,
        (starts[best], grid[best]),
        jac=lambda logs: _slopes(logs[1], sizes),
        bounds=([-np.inf, low], [np.inf, high]),
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    logs: Floats = found.x
    return logs


def _estimate(
    logs: Floats, covariance: Floats | None, degrees: int, weights: tuple[float, float]
) -> Estimate:
    """Of exp(weights . logs)."""
    value = float(weights @ logs)
    if covariance is None:
        return Estimate(float(np.exp(value)), None, None)
    error = float(np.sqrt(np.asarray(weights) @ covariance @ np.asarray(weights)))
    half = quantile_of_student(degrees) * error
    with np.errstate(over="ignore"):  # an end beyond all numbers is open
        low, middle, high = np.exp([value - half, value, value + half]).tolist()
    return Estimate(middle, low, high)


def _open_end(sizes: Floats, log_steps: Floats, squares: float, b_crit: Estimate) -> OpenEnd:
    """Which of the law's two limits fits as well, or lies on the far side of all sizes.

    A limit, S constant or S ~ 1/B, has one parameter less: it fits as well where the sum of
    squares grows by no more than F(1, n-2) = t**2 residual variances.
    """
    degrees = len(sizes) - 2
    if not degrees or b_crit.low is None or b_crit.high is None:
        return OpenEnd.BOTH
    most = squares * (1 + quantile_of_student(degrees) ** 2 / degrees)
    plateau, scaling = (
        float(np.sum((each - each.mean()) ** 2)) <= most
        for each in (log_steps, log_steps + np.log(sizes))
    )
    low = plateau or b_crit.high < sizes.min()
    high = scaling or b_crit.low > sizes.max()
    if low and high:
        return OpenEnd.BOTH
    return OpenEnd.LOW if low else OpenEnd.HIGH if high else OpenEnd.NONE


def _narrow(estimate: Estimate) -> bool:
    if estimate.low is None or estimate.high is None or not estimate.low:
        return False
    return estimate.high / estimate.low <= MOST_RATIO


def _contradicting(
    points: Sequence[StepsToTarget],
    logs: Floats,
    spread: Floats,
    deviation: float | None,
    degrees: int,
) -> tuple[StepsToTarget, ...]:
    """The points outside the fit that a run on the curve would hardly have given.

    A run's log S lies within t * deviation * sqrt(1 + j'(J'J)**-1 j) of the curve in 90 % of
    cases. A run without the target beyond that, or with it before that, speaks against the fit.
    """
    if deviation is None:
        return ()
    against = []
    for point in points:
        if point.exact:
            continue
        size = np.array([point.batch_size], np.float64)
        slopes = _slopes(logs[1], size)[0]
        half = quantile_of_student(degrees) * deviation * np.sqrt(1 + slopes @ spread @ slopes)
        above = np.log(point.steps) - _log_curve(logs, size)[0]
        if (not point.reached and above > half) or (point.early and above < -half):
            against.append(point)
    return tuple(against)
