"""The speed ratio of two batch sizes with its interval, and the verdict on which is faster."""

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from s2s.analysis.estimate import Estimate, t_quantile
from s2s.records import Summary

_SAME_LOW, _SAME_HIGH = 0.95, 1.05
"""Speeds whose ratio lies between these limits count as the same."""


class Verdict(StrEnum):
    """The position of a speed ratio's 90% interval: between the limits, above, below or neither."""

    SAME = "same speed"
    FASTER = "faster"
    SLOWER = "slower"
    UNCLEAR = "unclear"


def measure_speed_ratio(speeds: Sequence[float], baseline: Sequence[float]) -> Estimate:
    """Return the ratio of the geometric means, with Welch's t interval of the log difference.

    There is no interval if either side has a single block. In simulation (10% log-normal spread,
    with and without one block at half speed) the interval covers 89% or more at a nominal 90% from
    two blocks on; a bootstrap of the medians covers 65% with two blocks.

    Args:
        speeds: Samples per second of each run or round.
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
    """Return the verdict on the runs' speed, if both sides have timed steps."""
    speeds, below = (
        [each.samples_per_second for each in side if each.samples_per_second]
        for side in (runs, baseline)
    )
    return classify_ratio(measure_speed_ratio(speeds, below)) if speeds and below else None
