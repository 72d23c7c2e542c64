"""How the steps to a target loss fall with the batch size: the law, fitted, with its doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import f as f_distribution
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


_MOST_LOGS = 100.0
"""Half an interval's width from which on it has no bounds: powers of e beyond all sense."""


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
    """A value and the ends of its 90 % interval."""

    value: float
    low: float | None
    """None: without a bound on this side, or too few points to tell."""
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
    """Of freedom of `deviation`: runs in the fit less two, or sizes less two where `misfit`."""
    misfit: bool
    """Whether the sizes' means miss the curve by more than seeds of a size differ."""

    @property
    def fitted(self) -> tuple[StepsToTarget, ...]:
        return tuple(point for point in self.points if point.exact)

    @property
    def sizes(self) -> list[int]:
        """The batch sizes in the fit, ascending."""
        return sorted({point.batch_size for point in self.fitted})

    def steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """Expected at each size; one value each."""
        sizes = np.asarray(batch_sizes, np.float64)
        steps: Floats = self.s_min.value * (1 + self.b_crit.value / sizes)
        return steps

    def slopes(self, batch_sizes: npt.ArrayLike) -> Floats:
        """(sizes, 2): d log S / d (log S_min, log B_crit) at each size."""
        return _slopes(float(np.log(self.b_crit.value)), np.asarray(batch_sizes, np.float64))


def fit_batch_law(points: Sequence[StepsToTarget]) -> BatchLaw:
    """Least squares on log S over the exact points, each run one.

    The spread of S is multiplicative, and logs keep both parameters above 0. Intervals are 90 %,
    by Student's t from the covariance of the log parameters, and open where `_bounds` says. Runs that missed the target, and
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
    profile = _profile(sizes, log_steps)
    fit = _fit(sizes, log_steps, profile)
    open_end, b_crit = _bounds(sizes, profile, fit)
    return BatchLaw(
        points=ordered,
        s_min=_estimate(fit, (1, 0), bounded=open_end in (OpenEnd.NONE, OpenEnd.LOW)),
        b_crit=b_crit,
        e_min=_estimate(fit, (1, 1), bounded=open_end in (OpenEnd.NONE, OpenEnd.HIGH)),
        open_end=open_end,
        identifiable=open_end is OpenEnd.NONE and _narrow(b_crit) and len(set(sizes)) > 2,
        contradicting=_contradicting(ordered, fit),
        deviation=fit.deviation,
        log_covariance=None if fit.deviation is None else fit.deviation**2 * fit.spread,
        degrees=fit.degrees,
        misfit=fit.misfit,
    )


def most_helpful_size(law: BatchLaw) -> int:
    """At which size one more run would tell most about the critical batch size.

    Of the sizes in the fit and those next to them: the one whose run leaves log B_crit the least
    variance, (J'J + jj')**-1 with the slopes j of its log S.
    """
    candidates = [*law.sizes, *sizes_beyond(law.sizes)]
    slopes = law.slopes([point.batch_size for point in law.fitted])
    information = slopes.T @ slopes
    left = [
        np.linalg.inv(information + np.outer(each, each))[1, 1] for each in law.slopes(candidates)
    ]
    return candidates[int(np.argmin(left))]


def sizes_beyond(sizes: Sequence[int]) -> list[int]:
    """For a further run: a half and a quarter of the smallest, twice and 4 times the largest.

    `sizes` ascending; none of the result is below 1.
    """
    smallest, largest = sizes[0], sizes[-1]
    return [size for size in (smallest // 4, smallest // 2, 2 * largest, 4 * largest) if size >= 1]


def quantile_of_student(degrees: int) -> float:
    """Half the width of a 90 % interval, in standard errors."""
    return float(student.ppf((1 + CONFIDENCE) / 2, degrees))


def _log_curve(logs: Floats, sizes: Floats) -> Floats:
    curve: Floats = logs[0] + np.log1p(np.exp(logs[1]) / sizes)
    return curve


def _slopes(log_b_crit: float, sizes: Floats) -> Floats:
    b_crit = np.exp(log_b_crit)
    return np.stack([np.ones_like(sizes), b_crit / (b_crit + sizes)], axis=1)


@dataclass(frozen=True)
class _Fit:
    logs: Floats
    """(2,): log S_min, log B_crit."""
    squares: float
    """Sum over the residuals of log S."""
    variance: float | None
    """Of log S about the curve; None of two points."""
    degrees: int
    """Of freedom, of `variance`."""
    misfit: bool
    spread: Floats
    """(2, 2): (J'J)**-1; times the residual variance it is the covariance of `logs`."""

    @property
    def deviation(self) -> float | None:
        return None if self.variance is None else float(np.sqrt(self.variance))


def _profile(sizes: Floats, log_steps: Floats) -> Floats:
    """(3, grid): log B_crit far beyond all sizes and back, the best log S_min, sum of squares."""
    grid = np.linspace(np.log(sizes.min() / _REACH), np.log(sizes.max() * _REACH), 400)
    above = log_steps - np.log1p(np.exp(grid)[:, None] / sizes)
    best = above.mean(axis=1)
    return np.stack([grid, best, ((above - best[:, None]) ** 2).sum(axis=1)])


def _fit(sizes: Floats, log_steps: Floats, profile: Floats) -> _Fit:
    """Least squares from the lowest point of the profile, within its ends."""
    lowest = int(np.argmin(profile[2, 1:-1])) + 1

    def residuals(logs: Floats) -> Floats:
        return _log_curve(logs, sizes) - log_steps

    def slopes(logs: Floats) -> Floats:
        return _slopes(float(logs[1]), sizes)

    found = least_squares(
        residuals,
        (profile[1, lowest], profile[0, lowest]),
        jac=slopes,
        bounds=([-np.inf, profile[0, 0]], [np.inf, profile[0, -1]]),
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    logs = np.asarray(found.x, np.float64)
    spread = np.asarray(np.linalg.inv(slopes(logs).T @ slopes(logs)), np.float64)
    squares = float(np.sum(residuals(logs) ** 2))
    return _Fit(logs, squares, *_variance(sizes, residuals(logs)), spread)


def _variance(sizes: Floats, residuals: Floats) -> tuple[float | None, int, bool]:
    """Of the residuals, its degrees of freedom, and whether it is by sizes, not by runs.

    Where the means of the sizes miss the curve by more than seeds explain (the F test for lack of
    fit, at 5 %), further seeds bring the law no closer to the truth. Then only the means count as
    measurements of it, so that the intervals say how far off they are.
    """
    known, of, runs = np.unique(sizes, return_inverse=True, return_counts=True)
    means = np.bincount(of, residuals) / runs
    within, seeds = float(np.sum((residuals - means[of]) ** 2)), len(sizes) - len(known)
    between, free = float(np.sum(runs * means**2)), len(known) - 2
    if seeds and free and between / free > f_distribution.ppf(0.95, free, seeds) * within / seeds:
        return between / free, free, True
    degrees = len(sizes) - 2
    return ((between + within) / degrees if degrees else None), degrees, False


def _estimate(fit: _Fit, weights: tuple[int, int], *, bounded: bool = True) -> Estimate:
    """Of exp(weights . logs)."""
    value = float(np.dot(weights, fit.logs))
    if fit.deviation is None or not bounded:
        return Estimate(float(np.exp(value)), None, None)
    error = fit.deviation * float(np.sqrt(np.dot(weights, fit.spread @ np.asarray(weights))))
    half = quantile_of_student(fit.degrees) * error
    if half > _MOST_LOGS:
        return Estimate(float(np.exp(value)), None, None)
    low, middle, high = np.exp([value - half, value, value + half]).tolist()
    return Estimate(middle, low, high)


def _bounds(sizes: Floats, profile: Floats, fit: _Fit) -> tuple[OpenEnd, Estimate]:
    """Which end of B_crit is open, and B_crit with the ends that are not.

    A B_crit far beyond the sizes gives one of the law's two limits, S constant or S ~ 1/B. Such a
    limit fits as well as the curve where it raises the sum of squares by no more than F(1, n-2) =
    t**2 residual variances; the other end is then where this rise begins. Open, too, is the end
    on whose side the whole interval lies beyond the sizes: the law is not to be trusted there.
    """
    interval = _estimate(fit, (0, 1))
    if fit.variance is None:
        return OpenEnd.BOTH, interval
    most = fit.squares + quantile_of_student(fit.degrees) ** 2 * fit.variance
    fits = np.flatnonzero(profile[2] <= most)
    low, high = (
        bool(len(fits)) and fits[i] == end for i, end in ((0, 0), (-1, len(profile[0]) - 1))
    )
    if low and high:
        return OpenEnd.BOTH, Estimate(interval.value, None, None)
    if low:
        return OpenEnd.LOW, Estimate(interval.value, None, float(np.exp(profile[0, fits[-1]])))
    if high:
        return OpenEnd.HIGH, Estimate(interval.value, float(np.exp(profile[0, fits[0]])), None)
    if interval.high is not None and interval.high < sizes.min():
        return OpenEnd.LOW, Estimate(interval.value, None, interval.high)
    if interval.low is not None and interval.low > sizes.max():
        return OpenEnd.HIGH, Estimate(interval.value, interval.low, None)
    return OpenEnd.NONE, interval


def _narrow(estimate: Estimate) -> bool:
    if estimate.low is None or estimate.high is None:
        return False
    return estimate.high / estimate.low <= MOST_RATIO


def _contradicting(points: Sequence[StepsToTarget], fit: _Fit) -> tuple[StepsToTarget, ...]:
    """The points outside the fit that a run on the curve would hardly have given.

    A run's log S lies within t * deviation * sqrt(1 + j'(J'J)**-1 j) of the curve in 90 % of
    cases. A run without the target beyond that, or with it before that, speaks against the fit.
    """
    if fit.deviation is None:
        return ()
    against = []
    for point in points:
        if point.exact:
            continue
        size = np.array([point.batch_size], np.float64)
        slopes = _slopes(float(fit.logs[1]), size)[0]
        error = fit.deviation * np.sqrt(1 + slopes @ fit.spread @ slopes)
        above = (np.log(point.steps) - _log_curve(fit.logs, size)[0]) / error
        half = quantile_of_student(fit.degrees)
        if (not point.reached and above > half) or (point.early and above < -half):
            against.append(point)
    return tuple(against)
