"""Fit of the steps to target, as a function of the batch size."""

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
"""B_crit is identifiable if its interval's upper end is at most this multiple of the lower end. The
fastest batch size grows with the root of B_crit, so beyond 10 it is not known to a factor of 3. In
simulated studies of 5 sizes with 3 seeds, the multiple is below 2 if seeds differ by 10%, and above
10 if seeds differ as much as sizes."""
_FURTHER_RUNS = 3
_SEARCH_FACTOR = 1e3
"""B_crit is searched up to this factor outside the measured sizes. There, the curve deviates from
its limit (S constant, or S ~ 1/B) by at most 0.1%."""
_MAX_LOG_HALF_WIDTH = 100.0
"""An interval of log B_crit with a larger half-width is treated as unbounded."""


@dataclass(frozen=True)
class LogCurve:
    """Least-squares fit of log S = log S_min + log(1 + B_crit / B): S steps at batch size B."""

    log_parameters: Floats
    """Log S_min and log B_crit, shape (2,)."""
    residual_sum: float
    """Sum of the squared residuals of log S."""
    unscaled_covariance: Floats
    """Covariance of `log_parameters` divided by `variance`: (J'J)**-1, J the Jacobian of log S."""
    variance: float | None
    """Variance of log S about the curve; `None` if there are only two runs."""
    degrees: int
    """Degrees of freedom of `variance`: number of runs, or with `has_misfit` of sizes, minus 2."""
    has_misfit: bool
    """Whether the means per size deviate from the curve by more than the seeds explain."""
    offsets: Floats
    """Log of (expected / fitted steps) at each size, shape (sizes,); all 0 without `has_misfit`."""

    def log_steps(self, sizes: Floats) -> Floats:
        """Return log S at each size."""
        curve: Floats = self.log_parameters[0] + np.log1p(np.exp(self.log_parameters[1]) / sizes)
        return curve

    def slopes(self, sizes: npt.ArrayLike) -> Floats:
        """Return the derivatives of log S by both `log_parameters`, shape (sizes, 2)."""
        return _log_slopes(float(self.log_parameters[1]), np.asarray(sizes, np.float64))


@dataclass(frozen=True)
class StepsFit:
    """Fit of `S = S_min * (1 + B_crit / B)` to steps to target (McCandlish et al. 2018)."""

    points: tuple[StepsToTarget, ...]
    """All runs, sorted by batch size and seed. Those with `is_exact` are fitted."""
    curve: LogCurve
    b_crit: Estimate
    """Critical batch size, with 2 * S_min steps to target and twice the fewest possible samples.

    `high` is `None` if only perfect scaling was measured: doubling the batch halves the steps.
    `low` is `None` if only the plateau was measured: larger batches save no steps."""

    @property
    def fitted_points(self) -> tuple[StepsToTarget, ...]:
        """The exact points, to which the curve is fitted."""
        return tuple(point for point in self.points if point.is_exact)

    @property
    def sizes(self) -> list[int]:
        """The batch sizes of the exact points, ascending."""
        return sorted({point.batch_size for point in self.fitted_points})

    @property
    def is_identifiable(self) -> bool:
        """Whether B_crit is known: at least three sizes, and a bounded, narrow enough interval."""
        low, high = self.b_crit.low, self.b_crit.high
        if low is None or high is None or len(self.sizes) < 3:
            return False
        return high / low <= IDENTIFIABLE_RATIO

    @property
    def contradicting_points(self) -> tuple[StepsToTarget, ...]:
        """Points outside the fit whose known bound on the steps contradicts it.

        With 90% probability, log S is within t * sqrt(variance * (1 + j'(J'J)**-1 j)) of the curve,
        where j are the `slopes` at the run's size. A run contradicts the fit if it had missed the
        target for longer than that, or had reached it earlier.
        """
        excluded = [point for point in self.points if not point.is_exact]
        if self.curve.variance is None or not excluded:
            return ()
        sizes = np.array([point.batch_size for point in excluded], np.float64)
        slopes = self.curve.slopes(sizes)
        variances = self.curve.variance * (
            1 + np.sum(slopes @ self.curve.unscaled_covariance * slopes, axis=1)
        )
        deviations = np.log([point.steps for point in excluded]) - self.curve.log_steps(sizes)
        limits = t_quantile(self.curve.degrees) * np.sqrt(variances)
        return tuple(
            point
            for point, deviation, limit in zip(excluded, deviations, limits, strict=True)
            if (deviation < -limit if point.is_early else deviation > limit)
        )

    def steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """Return the fitted steps at each size."""
        steps: Floats = np.exp(self.curve.log_steps(np.asarray(batch_sizes, np.float64)))
        return steps

    def expected_steps(self, batch_sizes: npt.ArrayLike) -> Floats:
        """Return the fitted steps, moved toward the measured means if the curve has a misfit.

        Offsets are interpolated linearly in log B and are constant outside the measured sizes.
        """
        offsets = np.interp(np.log(batch_sizes), np.log(self.sizes), self.curve.offsets)
        expected: Floats = self.steps(batch_sizes) * np.exp(offsets)
        return expected


def fit_steps(points: Sequence[StepsToTarget]) -> StepsFit:
    """Fit log S by least squares over the exact points, one per run.

    Logs suit the spread of S, which is multiplicative, and keep both parameters above 0. The 90%
    interval of B_crit comes from Student's t.

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
    log_s_min = log_steps - np.log1p(np.exp(grid)[:, None] / sizes)  # as each run implies it
    residual_sums = ((log_s_min - log_s_min.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    lowest = int(np.argmin(residual_sums[1:-1])) + 1  # not an end: it needs both neighbors
    log_b_crit, ends = grid[lowest], (grid[lowest - 1], grid[lowest + 1])

    def gradient(log_b_crit: float) -> float:
        """Return the derivative of the sum of squared residuals, divided by -2."""
        log_s_min = log_steps - np.log1p(np.exp(log_b_crit) / sizes)
        return float((log_s_min - log_s_min.mean()) @ _log_slopes(log_b_crit, sizes)[:, 1])

    if gradient(ends[0]) * gradient(ends[1]) < 0:  # else a limit of the curve fits best
        log_b_crit = brentq(gradient, *ends)
    curve = _build_curve(float(log_b_crit), sizes, log_steps)
    return StepsFit(ordered, curve, _bound_b_crit(curve, sizes, grid, residual_sums))


def suggest_further_sizes(fit: StepsFit, first: int | None = None) -> tuple[int, ...]:
    """Return the batch sizes at which three more runs would narrow B_crit the most.

    The sizes are chosen one after the other from the fitted sizes and `list_neighbor_sizes`. Each
    minimizes the variance of log B_crit, an element of (J'J + jj')**-1 for `slopes` j at that size.

    Args:
        first: The size of the first run, if it is already decided.
    """
    candidates = [*fit.sizes, *list_neighbor_sizes(fit.sizes)]
    slopes = fit.curve.slopes([point.batch_size for point in fit.fitted_points])
    information = slopes.T @ slopes
    sizes: list[int] = [] if first is None else [first]
    information += sum(np.outer(each, each) for each in fit.curve.slopes(sizes))
    while len(sizes) < _FURTHER_RUNS:
        extended = [information + np.outer(each, each) for each in fit.curve.slopes(candidates)]
        best = int(np.argmin([np.linalg.inv(each)[1, 1] for each in extended]))
        sizes.append(candidates[best])
        information = extended[best]
    return tuple(sizes)


def list_neighbor_sizes(sizes: Sequence[int]) -> list[int]:
    """Return 1/4 and 1/2 of the smallest size and 2 and 4 times the largest; `sizes` ascend."""
    smallest, largest = sizes[0], sizes[-1]
    return [size for size in (smallest // 4, smallest // 2, 2 * largest, 4 * largest) if size >= 1]


def _build_curve(log_b_crit: float, sizes: Floats, log_steps: Floats) -> LogCurve:
    """Return the best curve with this B_crit, and how far the runs deviate from it.

    An F test for lack of fit, at 5%, tells whether the means per size deviate from the curve by
    more than the seeds explain. If so, more seeds bring the fit no closer to the truth. Then only
    the means count as measurements, so the intervals cover the misfit, and the expected steps at a
    size follow its mean, shrunk toward the curve by the share that the seeds explain (1/F; Efron
    and Morris 1973).
    """
    log_factors = np.log1p(np.exp(log_b_crit) / sizes)
    log_s_min = (log_steps - log_factors).mean()
    slopes = _log_slopes(log_b_crit, sizes)
    residuals = log_s_min + log_factors - log_steps
    distinct, index, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    means = np.bincount(index, residuals) / counts
    within = float(np.sum((residuals - means[index]) ** 2))
    between = float(np.sum(counts * means**2))
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
        float((residuals**2).sum()),
        np.asarray(np.linalg.inv(slopes.T @ slopes), np.float64),
        variance,
        degrees,
        has_misfit,
        offsets,
    )


def _bound_b_crit(curve: LogCurve, sizes: Floats, grid: Floats, residual_sums: Floats) -> Estimate:
    """Return B_crit with its interval; an unbounded end is `None`.

    A B_crit far outside the sizes gives one of the curve's two limits, S constant or S ~ 1/B. A
    limit fits as well as the curve if its sum of squared residuals is larger by no more than
    F(1, n-2) = t**2 residual variances. Then the interval is unbounded on that side, and its other
    end is where the fit becomes worse than that. An end is also unbounded if the whole interval is
    outside the sizes on its side, because it would be an extrapolation.

    Args:
        grid: Values of log B_crit, from far below to far above the sizes.
        residual_sums: The sum of squared residuals at each of them.
    """
    value = math.exp(curve.log_parameters[1])
    if curve.variance is None:
        return Estimate(value)
    t = t_quantile(curve.degrees)
    good = np.flatnonzero(residual_sums <= curve.residual_sum + t**2 * curve.variance)
    if len(good) and (good[0] == 0 or good[-1] == len(grid) - 1):
        low = None if good[0] == 0 else math.exp(grid[good[0]])
        high = None if good[-1] == len(grid) - 1 else math.exp(grid[good[-1]])
        return Estimate(value, low, high)
    log_half_width = t * math.sqrt(curve.variance * curve.unscaled_covariance[1, 1])
    if log_half_width > _MAX_LOG_HALF_WIDTH:
        return Estimate(value)
    low, high = value * math.exp(-log_half_width), value * math.exp(log_half_width)
    return Estimate(value, None if high < sizes.min() else low, None if low > sizes.max() else high)


def _log_slopes(log_b_crit: float, sizes: Floats) -> Floats:
    """Return the derivatives of log S by log S_min and by log B_crit, shape (sizes, 2)."""
    b_crit = np.exp(log_b_crit)
    return np.stack([np.ones_like(sizes), b_crit / (b_crit + sizes)], axis=1)


def _build_too_few_sizes_error(points: Sequence[StepsToTarget]) -> UserError:
    """Return the error that says why there is no fit and what to do."""
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
