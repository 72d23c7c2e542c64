"""Fit of the optimizer steps to a target loss against the batch size."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import f as f_distribution

from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.steps import Floats
from s2s.analysis.student_t import t_quantile
from s2s.errors import UserError

IDENTIFIABLE_RATIO = 10.0
"""Limit for the ratio of an interval's ends. Beyond it, B_time, which grows with the root of
B_crit, is not known to a factor of 3. Simulated studies of 5 sizes with 3 seeds and 10% spread
stay below 2; studies whose seeds differ as much as the sizes exceed it."""
_FURTHER_RUNS = 3
_SEARCH_FACTOR = 1e3
"""How far beyond the measured sizes B_crit is searched: there the curve is straight to 0.1%."""
_MAX_LOG_HALF_WIDTH = 100.0
"""Wider intervals, in powers of e, are treated as unbounded."""


class OpenEnd(StrEnum):
    """The side on which the critical batch size has no bound."""

    NONE = "none"
    LOW = "low"
    """Only the plateau was measured: larger batches saved no steps."""
    HIGH = "high"
    """Only perfect scaling was measured: doubling the batch halved the steps."""
    BOTH = "both"


@dataclass(frozen=True)
class StepsFit:
    """Steps to target `S = S_min * (1 + B_crit / B)` (McCandlish et al. 2018, arXiv 1812.06162)."""

    points: tuple[StepsToTarget, ...]
    """All runs, by batch size and seed; those that are not exact are excluded from the fit."""
    s_min: Estimate
    """Steps that no batch size can save."""
    b_crit: Estimate
    """Critical batch size, E_min / S_min: it takes twice S_min steps and twice E_min samples."""
    e_min: Estimate
    """Samples that no batch size can save: S_min * B_crit."""
    open_end: OpenEnd
    contradicting: tuple[StepsToTarget, ...]
    """Excluded runs that are unlikely under the fit."""
    deviation: float | None
    """Standard deviation of log S about the curve; None with two points."""
    log_covariance: Floats | None
    """(2, 2), of log S_min and log B_crit; None with two points."""
    degrees: int
    """Degrees of freedom of `deviation`: runs less two, or sizes less two with `misfit`."""
    misfit: bool
    """Whether the means per size deviate from the curve by more than the seeds explain."""
    offsets: Floats
    """(sizes,): see `expected_steps`; all 0 without `misfit`."""

    @property
    def fitted(self) -> tuple[StepsToTarget, ...]:
        """The exact points."""
        return tuple(point for point in self.points if point.exact)

    @property
    def sizes(self) -> list[int]:
        """The batch sizes in the fit, ascending."""
        return sorted({point.batch_size for point in self.fitted})

    @property
    def is_identifiable(self) -> bool:
        """Whether B_crit is known: checked by a third size, bounded, and narrow enough."""
        low, high = self.b_crit.low, self.b_crit.high
        if low is None or high is None or len(self.sizes) < 3:
            return False
        return high / low <= IDENTIFIABLE_RATIO

    def steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """Return the fitted steps at each size."""
        sizes = np.asarray(batch_sizes, np.float64)
        steps: Floats = self.s_min.value * (1 + self.b_crit.value / sizes)
        return steps

    def expected_steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """Return the fitted steps moved towards the measured means where the fit misses them.

        Offsets are interpolated linearly in log B, and constant beyond the measured sizes.
        """
        sizes = np.asarray(batch_sizes, np.float64)
        moved: Floats = np.exp(np.interp(np.log(sizes), np.log(self.sizes), self.offsets))
        return self.steps(sizes) * moved

    def slopes(self, batch_sizes: npt.ArrayLike) -> Floats:
        """Return d log S / d (log S_min, log B_crit) at each size, shape (sizes, 2)."""
        return _log_slopes(float(np.log(self.b_crit.value)), np.asarray(batch_sizes, np.float64))


def fit_steps(points: Sequence[StepsToTarget]) -> StepsFit:
    """Fit log S by least squares over the exact points, one per run.

    The spread of S is multiplicative, and logs keep both parameters above 0. Intervals are 90%,
    by Student's t from the covariance of the log parameters.

    Raises:
        UserError: Fewer than two batch sizes have an exact point.
    """
    ordered = tuple(sorted(points, key=lambda point: (point.batch_size, point.seed)))
    exact = [point for point in ordered if point.exact]
    if len({point.batch_size for point in exact}) < 2:
        raise UserError(_too_few_sizes(ordered))
    sizes = np.array([point.batch_size for point in exact], np.float64)
    log_steps = np.log([point.steps for point in exact])
    profile = _profile(sizes, log_steps)
    fit = _fit_logs(sizes, log_steps, profile)
    open_end, b_crit = _bound_b_crit(sizes, profile, fit)
    return StepsFit(
        points=ordered,
        s_min=fit.estimate((1, 0), bounded=open_end in (OpenEnd.NONE, OpenEnd.LOW)),
        b_crit=b_crit,
        e_min=fit.estimate((1, 1), bounded=open_end in (OpenEnd.NONE, OpenEnd.HIGH)),
        open_end=open_end,
        contradicting=tuple(
            point for point in ordered if not point.exact and _contradicts(point, fit)
        ),
        deviation=fit.deviation,
        log_covariance=None if fit.variance is None else fit.variance * fit.spread,
        degrees=fit.degrees,
        misfit=fit.misfit,
        offsets=fit.offsets,
    )


def suggest_further_sizes(fit: StepsFit, first: int | None = None) -> tuple[int, ...]:
    """Return the batch sizes at which three more runs would narrow B_crit the most.

    Out of the fitted sizes and `neighbour_sizes`, greedily: each time the one whose run leaves
    log B_crit the least variance, (J'J + jj')**-1 with the slopes j of its log S.

    Args:
        first: The size of the first run, if it is already decided.
    """
    candidates = [*fit.sizes, *neighbour_sizes(fit.sizes)]
    slopes = fit.slopes([point.batch_size for point in fit.fitted])
    information = slopes.T @ slopes
    sizes: list[int] = [] if first is None else [first]
    information += sum(np.outer(each, each) for each in fit.slopes(sizes))
    while len(sizes) < _FURTHER_RUNS:
        more = [information + np.outer(each, each) for each in fit.slopes(candidates)]
        best = int(np.argmin([np.linalg.inv(each)[1, 1] for each in more]))
        sizes.append(candidates[best])
        information = more[best]
    return tuple(sizes)


def neighbour_sizes(sizes: Sequence[int]) -> list[int]:
    """Return a half and a quarter of the smallest size, and twice and 4 times the largest."""
    smallest, largest = sizes[0], sizes[-1]
    return [size for size in (smallest // 4, smallest // 2, 2 * largest, 4 * largest) if size >= 1]


@dataclass(frozen=True)
class _LogFit:
    logs: Floats
    """(2,): log S_min, log B_crit."""
    squares: float
    """Sum of the squared residuals of log S."""
    variance: float | None
    """Of log S about the curve; None with two points."""
    degrees: int
    misfit: bool
    offsets: Floats
    spread: Floats
    """(2, 2): (J'J)**-1; times the residual variance it is the covariance of `logs`."""

    @property
    def deviation(self) -> float | None:
        return None if self.variance is None else float(np.sqrt(self.variance))

    def estimate(self, weights: tuple[int, int], *, bounded: bool = True) -> Estimate:
        """Return exp(weights . logs)."""
        value = float(np.dot(weights, self.logs))
        if self.deviation is None or not bounded:
            return Estimate(float(np.exp(value)))
        error = self.deviation * float(np.sqrt(np.dot(weights, self.spread @ np.asarray(weights))))
        half = t_quantile(self.degrees) * error
        if half > _MAX_LOG_HALF_WIDTH:
            return Estimate(float(np.exp(value)))
        low, middle, high = np.exp([value - half, value, value + half]).tolist()
        return Estimate(middle, low, high)


def _fit_logs(sizes: Floats, log_steps: Floats, profile: Floats) -> _LogFit:
    """Minimize the squares from the lowest point of the profile, within its ends."""
    lowest = int(np.argmin(profile[2, 1:-1])) + 1

    def residuals(logs: Floats) -> Floats:
        return _log_curve(logs, sizes) - log_steps

    def slopes(logs: Floats) -> Floats:
        return _log_slopes(float(logs[1]), sizes)

    result = least_squares(
        residuals,
        (profile[1, lowest], profile[0, lowest]),
        jac=slopes,
        bounds=([-np.inf, profile[0, 0]], [np.inf, profile[0, -1]]),
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    logs = np.asarray(result.x, np.float64)
    spread = np.asarray(np.linalg.inv(slopes(logs).T @ slopes(logs)), np.float64)
    squares = float(np.sum(residuals(logs) ** 2))
    return _LogFit(logs, squares, *_residual_variance(sizes, residuals(logs)), spread)


def _profile(sizes: Floats, log_steps: Floats) -> Floats:
    """Return (3, grid): log B_crit, the best log S_min, and the sum of squares there."""
    grid = np.linspace(
        np.log(sizes.min() / _SEARCH_FACTOR), np.log(sizes.max() * _SEARCH_FACTOR), 400
    )
    above = log_steps - np.log1p(np.exp(grid)[:, None] / sizes)
    best = above.mean(axis=1)
    return np.stack([grid, best, ((above - best[:, None]) ** 2).sum(axis=1)])


def _residual_variance(sizes: Floats, residuals: Floats) -> tuple[float | None, int, bool, Floats]:
    """Return variance, degrees of freedom, misfit, and offsets per size.

    If the means per size miss the curve by more than the seeds explain (F test for lack of fit,
    at 5%), more seeds bring the fit no closer to the truth. Then only the means count as
    measurements, so that the intervals cover the misfit, and the steps expected at a size follow
    its mean, shrunk towards the curve by the share that seeds explain (1/F; Efron and Morris
    1973).
    """
    distinct, index, runs = np.unique(sizes, return_inverse=True, return_counts=True)
    means = np.bincount(index, residuals) / runs
    within, seeds = float(np.sum((residuals - means[index]) ** 2)), len(sizes) - len(distinct)
    between, free = float(np.sum(runs * means**2)), len(distinct) - 2
    if seeds and free and between / free > f_distribution.ppf(0.95, free, seeds) * within / seeds:
        by_seeds = (within / seeds) / (between / free)
        return between / free, free, True, (by_seeds - 1) * means
    degrees = len(sizes) - 2
    variance = (between + within) / degrees if degrees else None
    return variance, degrees, False, np.zeros_like(distinct)


def _bound_b_crit(sizes: Floats, profile: Floats, fit: _LogFit) -> tuple[OpenEnd, Estimate]:
    """Return the open side of B_crit, and B_crit with the ends that are bounded.

    A B_crit far beyond the sizes gives one of the two limits, S constant or S ~ 1/B. A limit fits
    as well as the curve if it raises the sum of squares by no more than F(1, n-2) = t**2 residual
    variances; the other end of the interval is where that rise begins. An end is also open if the
    whole interval lies beyond the sizes on its side: that would be extrapolation.
    """
    interval = fit.estimate((0, 1))
    if fit.variance is None:
        return OpenEnd.BOTH, interval
    limit = fit.squares + t_quantile(fit.degrees) ** 2 * fit.variance
    good = np.flatnonzero(profile[2] <= limit)
    low = bool(len(good)) and good[0] == 0
    high = bool(len(good)) and good[-1] == len(profile[0]) - 1
    if low and high:
        return OpenEnd.BOTH, Estimate(interval.value)
    if low:
        return OpenEnd.LOW, Estimate(interval.value, None, float(np.exp(profile[0, good[-1]])))
    if high:
        return OpenEnd.HIGH, Estimate(interval.value, float(np.exp(profile[0, good[0]])), None)
    if interval.high is not None and interval.high < sizes.min():
        return OpenEnd.LOW, Estimate(interval.value, None, interval.high)
    if interval.low is not None and interval.low > sizes.max():
        return OpenEnd.HIGH, Estimate(interval.value, interval.low, None)
    return OpenEnd.NONE, interval


def _contradicts(point: StepsToTarget, fit: _LogFit) -> bool:
    """Return whether a run on the curve would hardly have given this excluded point.

    A run's log S lies within t * deviation * sqrt(1 + j'(J'J)**-1 j) of the curve in 90% of cases.
    A run that missed the target beyond that, or had it before that, contradicts the fit.
    """
    if fit.deviation is None:
        return False
    size = np.array([point.batch_size], np.float64)
    slopes = _log_slopes(float(fit.logs[1]), size)[0]
    error = fit.deviation * np.sqrt(1 + slopes @ fit.spread @ slopes)
    above = (np.log(point.steps) - _log_curve(fit.logs, size)[0]) / error
    half = t_quantile(fit.degrees)
    return bool(above < -half if point.early else above > half)


def _log_curve(logs: Floats, sizes: Floats) -> Floats:
    curve: Floats = logs[0] + np.log1p(np.exp(logs[1]) / sizes)
    return curve


def _log_slopes(log_b_crit: float, sizes: Floats) -> Floats:
    b_crit = np.exp(log_b_crit)
    return np.stack([np.ones_like(sizes), b_crit / (b_crit + sizes)], axis=1)


def _too_few_sizes(points: Sequence[StepsToTarget]) -> str:
    """Return why there is no fit, and what to do."""
    missed = sum(not point.reached for point in points)
    early = sum(point.early for point in points)
    remedies = []
    if missed:
        remedies.append(
            f"{missed} of {len(points)} runs missed it: train longer or choose a higher target."
        )
    if early:
        remedies.append(
            f"{early} of {len(points)} runs had reached it by their first evaluation: evaluate "
            "more often or choose a lower target."
        )
    return " ".join(
        [
            "A recommendation needs at least two batch sizes with runs that cross the target "
            "between two evaluations.",
            *(remedies or ["Sweep more batch sizes."]),
        ]
    )
