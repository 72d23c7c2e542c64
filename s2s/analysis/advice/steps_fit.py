"""Fit of the optimizer steps to a target loss against the batch size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import f as f_distribution

from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.estimate import Estimate, t_quantile
from s2s.analysis.run.steps import Floats
from s2s.errors import UserError

IDENTIFIABLE_RATIO = 10.0
"""Largest ratio of the ends of an identifiable interval. Above it, the fastest batch size, which
grows with the root of B_crit, is not known to a factor of 3. Simulated studies of 5 sizes with 3
seeds and 10% spread stay below 2; studies whose seeds differ as much as the sizes exceed it."""
_FURTHER_RUNS = 3
_SEARCH_FACTOR = 1e3
"""B_crit is searched up to this factor outside the measured sizes, where the curve is straight to
0.1%."""
_MAX_LOG_HALF_WIDTH = 100.0
"""An interval of log B_crit with a larger half-width is treated as unbounded."""


@dataclass(frozen=True)
class LogCurve:
    """Least-squares fit of log S = log S_min + log(1 + B_crit / B)."""

    log_parameters: Floats
    """Log S_min and log B_crit, shape (2,)."""
    squares: float
    """Sum of the squared residuals of log S."""
    unscaled_covariance: Floats
    """Covariance of `log_parameters` over the variance, (J'J)**-1 for the Jacobian J."""
    variance: float | None
    """Variance of log S about the curve; `None` with two points."""
    degrees: int
    """Degrees of freedom of `variance`: runs less two, or sizes less two with `has_misfit`."""
    has_misfit: bool
    """Whether the means per size deviate from the curve by more than the seeds explain."""
    offsets: Floats
    """Log of expected over fitted steps, shape (sizes,); all 0 without `has_misfit`."""

    def log_steps(self, sizes: Floats) -> Floats:
        """Return log S at each size."""
        curve: Floats = self.log_parameters[0] + np.log1p(np.exp(self.log_parameters[1]) / sizes)
        return curve

    def slopes(self, sizes: npt.ArrayLike) -> Floats:
        """Return d log S / d `logs` at each size, shape (sizes, 2)."""
        return _log_slopes(float(self.log_parameters[1]), np.asarray(sizes, np.float64))


@dataclass(frozen=True)
class StepsFit:
    """Steps to target `S = S_min * (1 + B_crit / B)` (McCandlish et al. 2018, arXiv 1812.06162)."""

    points: tuple[StepsToTarget, ...]
    """All runs by batch size and seed; the fit uses the exact ones."""
    curve: LogCurve
    b_crit: Estimate
    """Critical batch size, at which a run takes 2 * S_min steps and twice the fewest samples.

    `high` is `None` if only perfect scaling was measured (doubling the batch halves the steps),
    `low` is `None` if only the plateau was measured (larger batches save no steps)."""

    @property
    def fitted_points(self) -> tuple[StepsToTarget, ...]:
        """The points in the fit."""
        return tuple(point for point in self.points if point.is_exact)

    @property
    def sizes(self) -> list[int]:
        """The batch sizes in the fit, ascending."""
        return sorted({point.batch_size for point in self.fitted_points})

    @property
    def is_identifiable(self) -> bool:
        """Whether B_crit is known: checked by a third size, bounded, and narrow enough."""
        low, high = self.b_crit.low, self.b_crit.high
        if low is None or high is None or len(self.sizes) < 3:
            return False
        return high / low <= IDENTIFIABLE_RATIO

    @property
    def contradicting_points(self) -> tuple[StepsToTarget, ...]:
        """Excluded runs that missed the target too late, or reached it too early, for the fit.

        In 90% of cases log S of a run is within t * deviation * sqrt(1 + j'(J'J)**-1 j) of the
        curve.
        """
        excluded = [point for point in self.points if not point.is_exact]
        if self.curve.variance is None or not excluded:
            return ()
        sizes = np.array([point.batch_size for point in excluded], np.float64)
        slopes = self.curve.slopes(sizes)
        variance = self.curve.variance * (
            1 + np.sum(slopes @ self.curve.unscaled_covariance * slopes, axis=1)
        )
        above = np.log([point.steps for point in excluded]) - self.curve.log_steps(sizes)
        unlikely = t_quantile(self.curve.degrees) * np.sqrt(variance)
        return tuple(
            point
            for point, rise, limit in zip(excluded, above, unlikely, strict=True)
            if (rise < -limit if point.is_early else rise > limit)
        )

    def steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """Return the fitted steps at each size."""
        steps: Floats = np.exp(self.curve.log_steps(np.asarray(batch_sizes, np.float64)))
        return steps

    def expected_steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """Return the fitted steps, moved toward the measured means if the curve fits poorly.

        Offsets are interpolated linearly in log B, and constant outside the measured sizes.
        """
        offsets = np.interp(np.log(batch_sizes), np.log(self.sizes), self.curve.offsets)
        expected: Floats = self.steps(batch_sizes) * np.exp(offsets)
        return expected


def fit_steps(points: Sequence[StepsToTarget]) -> StepsFit:
    """Fit log S by least squares over the exact points, one per run.

    The spread of S is multiplicative, and logs keep both parameters above 0. Intervals are 90%,
    by Student's t from the covariance of the log parameters.

    Raises:
        UserError: Fewer than two batch sizes have an exact point.
    """
    ordered = tuple(sorted(points, key=lambda point: (point.batch_size, point.seed)))
    exact = [point for point in ordered if point.is_exact]
    if len({point.batch_size for point in exact}) < 2:
        raise _build_too_few_sizes_error(ordered)
    sizes = np.array([point.batch_size for point in exact], np.float64)
    log_steps = np.log([point.steps for point in exact])
    grid = np.linspace(
        np.log(sizes.min() / _SEARCH_FACTOR), np.log(sizes.max() * _SEARCH_FACTOR), 400
    )
    above = log_steps - np.log1p(np.exp(grid)[:, None] / sizes)
    squares = ((above - above.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    lowest = int(np.argmin(squares[1:-1])) + 1  # with a neighbor on either side
    log_b_crit, ends = grid[lowest], (grid[lowest - 1], grid[lowest + 1])

    def gradient(log_b_crit: float) -> float:
        """Return the derivative of the sum of squares, divided by -2."""
        above = log_steps - np.log1p(np.exp(log_b_crit) / sizes)
        return float((above - above.mean()) @ _log_slopes(log_b_crit, sizes)[:, 1])

    if gradient(ends[0]) * gradient(ends[1]) < 0:  # else the best curve is a limit
        log_b_crit = brentq(gradient, *ends)
    curve = _build_curve(float(log_b_crit), sizes, log_steps)
    return StepsFit(ordered, curve, _bound_b_crit(curve, sizes, grid, squares))


def suggest_further_sizes(fit: StepsFit, first: int | None = None) -> tuple[int, ...]:
    """Return the batch sizes at which three more runs would narrow B_crit the most.

    Each run in turn minimizes the variance of log B_crit, (J'J + jj')**-1 with the slopes j of its
    log S, among the fitted sizes and `list_neighbor_sizes`.

    Args:
        first: The size of the first run, if it is already decided.
    """
    candidates = [*fit.sizes, *list_neighbor_sizes(fit.sizes)]
    slopes = fit.curve.slopes([point.batch_size for point in fit.fitted_points])
    information = slopes.T @ slopes
    sizes: list[int] = [] if first is None else [first]
    information += sum(np.outer(each, each) for each in fit.curve.slopes(sizes))
    while len(sizes) < _FURTHER_RUNS:
        more = [information + np.outer(each, each) for each in fit.curve.slopes(candidates)]
        best = int(np.argmin([np.linalg.inv(each)[1, 1] for each in more]))
        sizes.append(candidates[best])
        information = more[best]
    return tuple(sizes)


def list_neighbor_sizes(sizes: Sequence[int]) -> list[int]:
    """Return a half and a quarter of the smallest size, and twice and 4 times the largest."""
    smallest, largest = sizes[0], sizes[-1]
    return [size for size in (smallest // 4, smallest // 2, 2 * largest, 4 * largest) if size >= 1]


def _build_curve(log_b_crit: float, sizes: Floats, log_steps: Floats) -> LogCurve:
    """Return the best curve with this B_crit, and how far the runs deviate from it.

    If the means per size miss the curve by more than the seeds explain (F test for lack of fit,
    at 5%), more seeds bring the fit no closer to the truth. Then only the means count as
    measurements, so the intervals cover the misfit. The steps expected at a size then follow its
    mean, shrunk toward the curve by the share that seeds explain (1/F; Efron and Morris 1973).
    """
    above = log_steps - np.log1p(np.exp(log_b_crit) / sizes)
    log_s_min = above.mean()
    slopes = _log_slopes(log_b_crit, sizes)
    residuals = log_s_min + np.log1p(np.exp(log_b_crit) / sizes) - log_steps
    distinct, index, runs = np.unique(sizes, return_inverse=True, return_counts=True)
    means = np.bincount(index, residuals) / runs
    within = float(np.sum((residuals - means[index]) ** 2))
    between = float(np.sum(runs * means**2))
    within_degrees, between_degrees = len(sizes) - len(distinct), len(distinct) - 2
    degrees, offsets, has_misfit = len(sizes) - 2, np.zeros_like(distinct), False
    variance = (between + within) / degrees if degrees else None
    if within_degrees and between_degrees:
        limit = f_distribution.ppf(0.95, between_degrees, within_degrees)
        has_misfit = bool(between / between_degrees > limit * within / within_degrees)
    if has_misfit:
        degrees, variance = between_degrees, between / between_degrees
        offsets = (within / within_degrees / variance - 1) * means
    return LogCurve(
        np.array([log_s_min, log_b_crit]),
        float(((above - log_s_min) ** 2).sum()),
        np.asarray(np.linalg.inv(slopes.T @ slopes), np.float64),
        variance,
        degrees,
        has_misfit,
        offsets,
    )


def _bound_b_crit(curve: LogCurve, sizes: Floats, grid: Floats, squares: Floats) -> Estimate:
    """Return B_crit with the ends that are bounded.

    A B_crit far beyond the sizes gives one of the two limits, S constant or S ~ 1/B. A limit fits
    as well as the curve if it raises the sum of squares by no more than F(1, n-2) = t**2 residual
    variances; the other end of the interval is where that rise begins. An end is also open if the
    whole interval is outside the sizes on its side: that would be extrapolation.

    Args:
        grid: Values of log B_crit, from far below to far above the sizes.
        squares: The sum of squared residuals at each of them.
    """
    value = math.exp(curve.log_parameters[1])
    if curve.variance is None:
        return Estimate(value)
    t = t_quantile(curve.degrees)
    good = np.flatnonzero(squares <= curve.squares + t**2 * curve.variance)
    if len(good) and (good[0] == 0 or good[-1] == len(grid) - 1):
        low = None if good[0] == 0 else math.exp(grid[good[0]])
        high = None if good[-1] == len(grid) - 1 else math.exp(grid[good[-1]])
        return Estimate(value, low, high)
    half = t * math.sqrt(curve.variance * curve.unscaled_covariance[1, 1])
    if half > _MAX_LOG_HALF_WIDTH:
        return Estimate(value)
    low, high = value * math.exp(-half), value * math.exp(half)
    return Estimate(value, None if high < sizes.min() else low, None if low > sizes.max() else high)


def _log_slopes(log_b_crit: float, sizes: Floats) -> Floats:
    b_crit = np.exp(log_b_crit)
    return np.stack([np.ones_like(sizes), b_crit / (b_crit + sizes)], axis=1)


def _build_too_few_sizes_error(points: Sequence[StepsToTarget]) -> UserError:
    """Say why there is no fit, and what to do."""
    remedies = []
    if missed := sum(not point.reached for point in points):
        remedies.append(
            f"{missed} of {len(points)} runs missed it: train longer or choose a higher target."
        )
    if early := sum(point.is_early for point in points):
        remedies.append(
            f"{early} of {len(points)} runs had reached it by their first evaluation: evaluate "
            "more often or choose a lower target."
        )
    return UserError(
        "A recommendation needs at least two batch sizes with runs that cross the target between "
        f"two evaluations. {' '.join(remedies) or 'Sweep more batch sizes.'}"
    )
