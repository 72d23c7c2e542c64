"""Repeated timings in figures: median, spread, and a verdict on noise."""

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
