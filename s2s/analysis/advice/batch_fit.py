"""Least squares of log steps over batch sizes by S = S_min*(1 + B_crit/B), with its doubt."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import f as f_distribution
from scipy.stats import t as student

from s2s.analysis.estimate import CONFIDENCE, Estimate
from s2s.analysis.run.steps import Floats

_REACH = 1e3
"""How far beyond the measured sizes the fit looks: there the curve is straight to 0.1 %."""
_MOST_LOGS = 100.0
"""Half an interval's width from which on it has no bounds: powers of e beyond all sense."""


@dataclass(frozen=True)
class Fit:
    logs: Floats
    """(2,): log S_min, log B_crit."""
    squares: float
    """Sum over the residuals of log S."""
    variance: float | None
    """Of log S about the curve; None of two points."""
    degrees: int
    """Of freedom, of `variance`."""
    misfit: bool
    offsets: Floats
    """(sizes,): how far the law is moved, in log S, to meet each size's runs; 0 without misfit."""
    spread: Floats
    """(2, 2): (J'J)**-1; times the residual variance it is the covariance of `logs`."""

    @property
    def deviation(self) -> float | None:
        return None if self.variance is None else float(np.sqrt(self.variance))


def fit_logs(sizes: Floats, log_steps: Floats, profile: Floats) -> Fit:
    """Least squares from the lowest point of the profile, within its ends."""
    lowest = int(np.argmin(profile[2, 1:-1])) + 1

    def residuals(logs: Floats) -> Floats:
        return log_curve(logs, sizes) - log_steps

    def slopes(logs: Floats) -> Floats:
        return log_slopes(float(logs[1]), sizes)

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
    return Fit(logs, squares, *_variance(sizes, residuals(logs)), spread)


def profile_of(sizes: Floats, log_steps: Floats) -> Floats:
    """(3, grid): log B_crit far beyond all sizes and back, the best log S_min, sum of squares."""
    grid = np.linspace(np.log(sizes.min() / _REACH), np.log(sizes.max() * _REACH), 400)
    above = log_steps - np.log1p(np.exp(grid)[:, None] / sizes)
    best = above.mean(axis=1)
    return np.stack([grid, best, ((above - best[:, None]) ** 2).sum(axis=1)])


def estimate(fit: Fit, weights: tuple[int, int], *, bounded: bool = True) -> Estimate:
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


def _variance(sizes: Floats, residuals: Floats) -> tuple[float | None, int, bool, Floats]:
    """Of the residuals, its degrees of freedom, whether it is by sizes, not by runs, and offsets.

    Where the means of the sizes miss the curve by more than seeds explain (the F test for lack of
    fit, at 5 %), further seeds bring the law no closer to the truth. Then only the means count as
    measurements of it, so that the intervals say how far off they are, and what is expected of a
    size follows its mean, drawn towards the curve by the share that seeds explain (1/F, as
    Efron and Morris 1973 shrink means).
    """
    known, of, runs = np.unique(sizes, return_inverse=True, return_counts=True)
    means = np.bincount(of, residuals) / runs
    within, seeds = float(np.sum((residuals - means[of]) ** 2)), len(sizes) - len(known)
    between, free = float(np.sum(runs * means**2)), len(known) - 2
    if seeds and free and between / free > f_distribution.ppf(0.95, free, seeds) * within / seeds:
        by_seeds = (within / seeds) / (between / free)
        return between / free, free, True, (by_seeds - 1) * means
    degrees = len(sizes) - 2
    variance = (between + within) / degrees if degrees else None
    return variance, degrees, False, np.zeros_like(known)


def quantile_of_student(degrees: int) -> float:
    """Half the width of a 90 % interval, in standard errors."""
    return float(student.ppf((1 + CONFIDENCE) / 2, degrees))


def log_curve(logs: Floats, sizes: Floats) -> Floats:
    curve: Floats = logs[0] + np.log1p(np.exp(logs[1]) / sizes)
    return curve


def log_slopes(log_b_crit: float, sizes: Floats) -> Floats:
    b_crit = np.exp(log_b_crit)
    return np.stack([np.ones_like(sizes), b_crit / (b_crit + sizes)], axis=1)
