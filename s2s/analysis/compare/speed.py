"""The speed ratio of two batch sizes with its interval, and the verdict: which one is faster."""

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from s2s.analysis.estimate import Estimate, t_quantile
from s2s.records import Summary

_SAME_LOW, _SAME_HIGH = 0.95, 1.05
"""Speeds whose ratio lies between these count as the same."""


class Verdict(StrEnum):
    """The 90% interval of a speed ratio against the band from 0.95 to 1.05."""

    SAME = "same speed"
    """The interval lies inside."""
    FASTER = "faster"
    """It lies above."""
    SLOWER = "slower"
    """It lies below."""
    UNCLEAR = "unclear"
    """It crosses an end of the band, or there is no interval."""


def measure_speed_ratio(speeds: Sequence[float], baseline: Sequence[float]) -> Estimate:
    """Return the ratio of the geometric means, with Welch's t interval of the log difference.

    In simulation (10% log-normal spread, with and without one block at half speed) the interval
    covers 89% or more at a nominal 90% from two blocks on; a bootstrap of the medians covers 65%
    with two blocks.

    Args:
        speeds: Samples per second of each block (run or round); blocks need not be paired.
        baseline: The same for the other batch size.

    Returns:
        A ratio without an interval if either side has a single block.
    """
    sides = np.log(speeds), np.log(baseline)
    difference = float(sides[0].mean() - sides[1].mean())
    if min(map(len, sides)) == 1:
        return Estimate(math.exp(difference))
    variances = np.array([side.var(ddof=1) / len(side) for side in sides])
    variance, half = float(variances.sum()), 0.0
    if variance:
        # Welch 1947, with Satterthwaite's degrees of freedom.
        freedom = 1 / sum((variances / variance) ** 2 / [len(side) - 1 for side in sides])
        half = t_quantile(float(freedom)) * math.sqrt(variance)
    return Estimate(math.exp(difference), math.exp(difference - half), math.exp(difference + half))


def classify_ratio(ratio: Estimate) -> Verdict:
    low, high = ratio.ends
    if low >= _SAME_LOW and high <= _SAME_HIGH:
        return Verdict.SAME
    if low > _SAME_HIGH:
        return Verdict.FASTER
    return Verdict.SLOWER if high < _SAME_LOW else Verdict.UNCLEAR


def compare_speed(runs: Sequence[Summary], baseline: Sequence[Summary]) -> Verdict | None:
    """Return the verdict on the runs' speed; None if either side has no timed steps."""
    speeds, below = (
        [each.samples_per_second for each in side if each.samples_per_second]
        for side in (runs, baseline)
    )
    return classify_ratio(measure_speed_ratio(speeds, below)) if speeds and below else None
