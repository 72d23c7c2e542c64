"""A fitted value with its 90% interval."""

import math
from dataclasses import dataclass

import numpy as np

from s2s.analysis.run.steps import Floats

CONFIDENCE = 0.90


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, in its own unit.

    `low` and `high` are None without an interval. An end that the measurements leave open is
    infinite, or None if only the other end is known.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """`low` and `high`, infinite where they are open or unknown."""
        return (
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
        )

    @property
    def has_interval(self) -> bool:
        return self.low is not None and self.high is not None

    def times(self, factor: float) -> "Estimate":
        """Return the estimate multiplied by a factor above 0."""
        ends = (None if end is None else factor * end for end in (self.low, self.high))
        return Estimate(factor * self.value, *ends)


def estimate_from_draws(value: float, draws: Floats | None) -> Estimate:
    """Return the value with the percentile interval of bootstrap draws, shape (draws,)."""
    if draws is None:
        return Estimate(value)
    low, high = percentile_interval(draws)
    return Estimate(value, float(low), float(high))


def percentile_interval(draws: Floats) -> tuple[Floats, Floats]:
    """Return the ends between which the middle 90% of the draws lie, along the first axis.

    The ends are draws themselves, not interpolated between two, so infinite draws do no harm.
    """
    ordered = np.sort(draws, axis=0)
    outside = math.floor((1 - CONFIDENCE) / 2 * len(ordered))
    return ordered[outside], ordered[-1 - outside]
