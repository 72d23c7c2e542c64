"""A fitted figure with its 90 % interval."""

import math
from dataclasses import dataclass

import numpy as np

from s2s.analysis.run.steps import Floats

CONFIDENCE = 0.90


@dataclass(frozen=True)
class Estimate:
    """In the figure's own unit; `low` and `high` are None where no interval can be given.

    An end that the measurements leave open is infinite, or None where only the other is known.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """`low` and `high`, infinite where they are open or not known."""
        return (
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
        )

    def times(self, factor: float) -> "Estimate":
        """`factor` is above 0."""
        ends = (None if end is None else factor * end for end in (self.low, self.high))
        return Estimate(factor * self.value, *ends)


def estimate(value: float, draws: Floats | None) -> Estimate:
    """The percentile interval of the bootstrap's draws, shape (draws,); none without draws."""
    if draws is None:
        return Estimate(value)
    low, high = interval(draws)
    return Estimate(value, float(low), float(high))


def interval(draws: Floats) -> tuple[Floats, Floats]:
    """What leaves 5 % of the draws, along the first axis, below it and 5 % above it.

    Draws themselves, not values between two of them, so that infinite ones do no harm.
    """
    ordered = np.sort(draws, axis=0)
    outside = math.floor((1 - CONFIDENCE) / 2 * len(ordered))
    return ordered[outside], ordered[-1 - outside]
