"""Timing variation of repeated measurements and of the steps of a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from s2s.analysis.run.steps import Steps

NOISY, VERY_NOISY = 0.10, 0.25
"""torch.utils.benchmark's Timer warns if IQR / median is above these, and then more strongly."""
_STRETCH_IQR = 0.05
"""IQR / mean of the tokens per stretch, by which the length of stretches is chosen."""
_IQR_OF_NORMAL = 1.349
"""IQR of a normal distribution in standard deviations."""
_MIN_STRETCH_STEPS, _MIN_MIXED_STRETCH_STEPS = 8, 256
_MIN_STRETCHES = 5


class Variation(StrEnum):
    """How much a timing varies, classified by IQR / median."""

    STEADY = ""
    NOISY = "noisy"
    VERY_NOISY = "very noisy"


@dataclass(frozen=True)
class TimingSpread:
    """Median and IQR of repeated measurements, in their unit."""

    median: float
    iqr: float | None
    """Interquartile range, third minus first quartile; `None` for a single value."""

    @property
    def relative_iqr(self) -> float | None:
        """IQR / median; `None` if there is no IQR or the median is 0."""
        return self.iqr / abs(self.median) if self.iqr is not None and self.median else None


def measure_spread(values: Sequence[float]) -> TimingSpread:
    """Return the median and IQR of one or more values."""
    lower, middle, upper = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return TimingSpread(middle, upper - lower if len(values) > 1 else None)


def median(values: Sequence[float]) -> float | None:
    """Return the median, or `None` without values."""
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

    Sentences differ in length, so steps differ in work, which is not timing variation. Time per
    token would not correct for it: most of a small batch's time is fixed, so a quiet machine would
    look noisy. But batches come in random order, so work evens out within a stretch, while
    interference lasts longer. A stretch is long enough for its mean of real tokens per step to have
    an IQR of 5%. Then lengths alone do not reach the 10% above which timing counts as noisy. A
    stretch has at least 8 steps, to limit the effect of single outliers. It has at least 256 if
    only some batches are teacher-forced, because the others take several times as long.

    Returns:
        The spread, or `None` if the run has fewer than five stretches.
    """
    timed = steps["timed"]
    seconds = steps["seconds"][timed]
    if not len(seconds):
        return None
    tokens = (steps["source_tokens"] + steps["target_tokens"])[timed]
    balanced_steps = math.ceil((_IQR_OF_NORMAL * tokens.std() / tokens.mean() / _STRETCH_IQR) ** 2)
    min_steps = _MIN_STRETCH_STEPS if teacher_forcing in (0, 1) else _MIN_MIXED_STRETCH_STEPS
    size = max(min_steps, balanced_steps)
    count = len(seconds) // size
    if count < _MIN_STRETCHES:
        return None
    stretches = seconds[: count * size].reshape(count, size)
    return measure_spread(stretches.mean(axis=1).tolist())
