"""Timings and how much they vary: of repeated measurements, and of the steps of a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from s2s.analysis.run.steps import Steps

NOISY, VERY_NOISY = 0.10, 0.25
"""IQR over median above which torch.utils.benchmark's Timer warns, and warns strongly."""
_STRETCH_IQR = 0.05
_IQR_OF_NORMAL = 1.349
"""IQR of a normal distribution in standard deviations."""
_MIN_STRETCH_STEPS, _MIN_MIXED_STRETCH_STEPS = 8, 256
_MIN_STRETCHES = 5


class Variation(StrEnum):
    """How much a timing varies, by its IQR over its median."""

    STEADY = ""
    NOISY = "noisy"
    VERY_NOISY = "very noisy"


@dataclass(frozen=True)
class TimingSpread:
    """Repeated measurements of one quantity, in its unit."""

    median: float
    iqr: float | None
    """Third quartile minus first; `None` for a single value."""

    @property
    def relative_iqr(self) -> float | None:
        """The IQR over the median; `None` if there is no IQR or the median is 0."""
        return self.iqr / abs(self.median) if self.iqr is not None and self.median else None


def measure_spread(values: Sequence[float]) -> TimingSpread:
    """Return median and IQR of one or more values."""
    first, middle, third = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return TimingSpread(middle, third - first if len(values) > 1 else None)


def median(values: Sequence[float]) -> float | None:
    """Return the median, if there are values."""
    return measure_spread(values).median if values else None


def classify_variation(relative_iqr: float | None) -> Variation | None:
    """Return STEADY up to an IQR of 10% of the median, NOISY up to 25%, VERY_NOISY above."""
    if relative_iqr is None:
        return None
    if relative_iqr <= NOISY:
        return Variation.STEADY
    return Variation.NOISY if relative_iqr <= VERY_NOISY else Variation.VERY_NOISY


def measure_step_spread(steps: Steps, teacher_forcing: float = 1.0) -> TimingSpread | None:
    """Return the spread of the mean step time over stretches of successive timed steps.

    Steps differ in work because sentences differ in length, which is not timing variation.
    Dividing each step by its tokens would not correct for the lengths: most of a small batch's
    time is fixed, so a quiet machine would look noisy. Batches come in random order, however, so
    work evens out within a stretch, while interference lasts. A stretch is so long that the mean
    of its real tokens has an IQR of 5%; lengths alone then never reach the 10% that count as
    noisy. A stretch has at least 8 steps, to ignore single outliers, and 256 if only some batches
    are teacher-forced, because the other batches take several times as long.

    Returns:
        `None` if the run has fewer than five stretches.
    """
    timed = steps["timed"]
    seconds = steps["seconds"][timed]
    if not len(seconds):
        return None
    tokens = (steps["source_tokens"] + steps["target_tokens"])[timed]
    even_steps = math.ceil((_IQR_OF_NORMAL * tokens.std() / tokens.mean() / _STRETCH_IQR) ** 2)
    least = _MIN_STRETCH_STEPS if teacher_forcing in (0, 1) else _MIN_MIXED_STRETCH_STEPS
    size = max(least, even_steps)
    count = len(seconds) // size
    if count < _MIN_STRETCHES:
        return None
    stretches = seconds[: count * size].reshape(count, size)
    return measure_spread(stretches.mean(axis=1).tolist())
