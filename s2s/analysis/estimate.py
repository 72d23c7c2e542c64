"""Estimates: a value with its 90% interval (bootstrap or Student's t), or its range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.run.steps import Floats

CONFIDENCE = 0.90


@dataclass(frozen=True)
class Estimate:
    """A value with its interval. An unknown or unbounded end is `None` or infinite."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """`low` and `high`, infinite where they are unknown."""
        low = -math.inf if self.low is None else self.low
        return low, math.inf if self.high is None else self.high

    @property
    def has_interval(self) -> bool:
        return self.low is not None and self.high is not None

    def overlaps(self, other: "Estimate") -> bool:
        """Return whether the intervals have a point in common."""
        return self.ends[0] <= other.ends[1] and other.ends[0] <= self.ends[1]


@dataclass(frozen=True)
class LeaveOneOutCheck:
    """The measured value at a batch size, and the value that a fit to other sizes predicts."""

    batch_size: int
    predicted: float | None
    """`None` if the other sizes allow no fit."""
    measured: float | None
    """`None` if a run at this size did not reach the target."""

    @property
    def relative_error(self) -> float | None:
        """Predicted / measured - 1, so above 0 if the prediction is too high."""
        if self.predicted is None or self.measured is None:
            return None
        return self.predicted / self.measured - 1


def estimate_from_draws(value: float, draws: Floats | None) -> Estimate:
    """Return the value with the percentile interval of its bootstrap draws, if there are any."""
    if draws is None:
        return Estimate(value)
    return Estimate(value, *map(float, percentile_interval(draws)))


def percentile_interval(draws: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the middle 90% of the draws, along the first axis.

    Each end is one of the draws. Interpolation between infinite draws would give NaN.
    """
    ordered = np.sort(draws, axis=0)
    cut_off = math.floor((1 - CONFIDENCE) / 2 * len(ordered))
    return ordered[cut_off], ordered[-1 - cut_off]


def estimate_mean(values: Sequence[float] | Floats) -> Estimate:
    """Return the mean with its t interval, or without one for a single value."""
    mean = float(np.mean(values))
    if len(values) == 1:
        return Estimate(mean)
    half_width = t_half_width(values)
    return Estimate(mean, mean - half_width, mean + half_width)


def t_half_width(values: Sequence[float] | Floats) -> float:
    """Return half the width of the t interval of the mean of two or more values."""
    standard_error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return t_quantile(len(values) - 1) * standard_error


def t_quantile(degrees: float) -> float:
    """Return half the width of a 90% interval, in standard errors, for these degrees of freedom."""
    from scipy.special import stdtrit  # slow to import, and most commands do not need it

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))
