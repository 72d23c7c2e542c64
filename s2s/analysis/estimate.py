"""Values with intervals: 90% by bootstrap draws or by Student's t, or the range of repeats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.run.steps import Floats

CONFIDENCE = 0.90


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; an end that is unknown or unbounded is `None` or infinite."""

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
    """The value that a fit without a batch size predicts there, and the measured value."""

    batch_size: int
    predicted: float | None
    """`None` if the other sizes allow no fit."""
    measured: float | None
    """`None` if a run did not reach the target."""

    @property
    def relative_error(self) -> float | None:
        """Above 0 if the prediction is too high."""
        if self.predicted is None or self.measured is None:
            return None
        return self.predicted / self.measured - 1


def estimate_from_draws(value: float, draws: Floats | None) -> Estimate:
    """Return the value with the percentile interval of bootstrap draws, shape (draws,)."""
    if draws is None:
        return Estimate(value)
    return Estimate(value, *map(float, percentile_interval(draws)))


def percentile_interval(draws: Floats) -> tuple[Floats, Floats]:
    """Return the ends between which the middle 90% of the draws lie, along the first axis.

    The ends are draws themselves, not interpolated between two, so infinite draws do no harm.
    """
    ordered = np.sort(draws, axis=0)
    outside = math.floor((1 - CONFIDENCE) / 2 * len(ordered))
    return ordered[outside], ordered[-1 - outside]


def estimate_mean(values: Sequence[float] | Floats) -> Estimate:
    """Return the mean with its t interval; a single value has none."""
    mean = float(np.mean(values))
    if len(values) == 1:
        return Estimate(mean)
    half = t_half_width(values)
    return Estimate(mean, mean - half, mean + half)


def t_half_width(values: Sequence[float] | Floats) -> float:
    """Return half the t interval of the mean of two or more values."""
    standard_error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return t_quantile(len(values) - 1) * standard_error


def t_quantile(degrees: float) -> float:
    """Return half the width of a 90% interval in standard errors, by degrees of freedom."""
    from scipy.special import stdtrit  # slow to import, and the command line needs it rarely

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))
