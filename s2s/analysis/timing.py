"""Repeated timings in figures: median, spread, a verdict on noise, and ratios pair by pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NOISY, VERY_NOISY = 0.10, 0.25
"""IQR over median above which torch.utils.benchmark's Timer warns, and warns strongly."""


@dataclass(frozen=True)
class Spread:
    """Of repeated measurements of one thing, in their unit."""

    median: float
    iqr: float | None
    """Third quartile less first, between values interpolated linearly; None of a single value."""
    count: int

    @property
    def relative_iqr(self) -> float | None:
        """The IQR as a share of the median; None where there is no IQR or the median is 0."""
        return self.iqr / abs(self.median) if self.iqr is not None and self.median else None

    @property
    def noise(self) -> str | None:
        return noise(self.relative_iqr)


def spread(values: Sequence[float]) -> Spread:
    """Raises ValueError of no values."""
    if not values:
        raise ValueError("no values have a spread")
    first, median, third = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return Spread(median, third - first if len(values) > 1 else None, len(values))


def median(values: Sequence[float]) -> float | None:
    """None of no values."""
    return spread(values).median if values else None


def noise(relative_iqr: float | None) -> str | None:
    """`""` up to 10 %, `noisy` up to 25 %, else `very noisy`; None where it is not known."""
    if relative_iqr is None:
        return None
    if relative_iqr <= NOISY:
        return ""
    return "noisy" if relative_iqr <= VERY_NOISY else "very noisy"


@dataclass(frozen=True)
class Ratio:
    """How many times one thing is another, from pairs measured one right after the other."""

    median: float
    low: float
    """The lowest of the pairs' ratios."""
    high: float
    pairs: int


def ratio_of_pairs(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """ours / theirs, pair by pair: what slows a machine for minutes slows both of a pair.

    `low` to `high` is the range of all pairs. Whatever the distribution, the range of n
    independent pairs holds its median with probability 1 - 2**(1 - n): 94 % with five, since it
    fails only where all pairs fall on one side. Raises ValueError where there are none, the
    lengths differ, or a value is not above 0.
    """
    if not len(ours) == len(theirs) > 0 or not all(value > 0 for value in (*ours, *theirs)):
        raise ValueError("ratios are of as many values on either side, all above 0")
    ratios = np.divide(ours, theirs)
    return Ratio(float(np.median(ratios)), float(ratios.min()), float(ratios.max()), len(ratios))
