"""Intervals by Student's t, for a few independent values."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from s2s.analysis.estimate import CONFIDENCE, Estimate
from s2s.analysis.run.steps import Floats


def t_quantile(degrees: float) -> float:
    """Return half the width of a 90% interval, in standard errors.

    Args:
        degrees: Degrees of freedom; not necessarily whole (Welch).
    """
    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def standard_error(values: Sequence[float] | Floats) -> float:
    """Return the standard error of the mean of two or more values."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


def estimate_mean(values: Sequence[float] | Floats) -> Estimate:
    """Return the mean with its interval; a single value has none."""
    mean = float(np.mean(values))
    if len(values) == 1:
        return Estimate(mean)
    half = t_quantile(len(values) - 1) * standard_error(values)
    return Estimate(mean, mean - half, mean + half)
