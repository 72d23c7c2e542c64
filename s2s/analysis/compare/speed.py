"""The ratio of two speeds with its interval, and the verdict on which is faster."""

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from s2s.analysis.estimate import Estimate, t_quantile
from s2s.records import Summary

_SAME_LOW, _SAME_HIGH = 0.95, 1.05
"""Two speeds count as the same if their ratio is between these limits."""


class Verdict(StrEnum):
    """Where the 90% interval of a speed ratio is: between the limits, above, below or neither."""

    SAME = "same speed"
    FASTER = "faster"
    SLOWER = "slower"
    UNCLEAR = "unclear"


def measure_speed_ratio(speeds: Sequence[float], baseline: Sequence[float]) -> Estimate:
    """Return the ratio of the geometric means, with Welch's t interval of the log difference.

    There is no interval if either side has a single speed. In simulation (10% log-normal spread,
    with and without one run at half speed), the nominal 90% interval covers the true ratio in at
    least 89% of cases if both sides have two or more runs. A bootstrap of medians covers it in 65%.

    Args:
        speeds, baseline: Samples per second of each run or round.
    """
    sides = np.log(speeds), np.log(baseline)
    difference = float(sides[0].mean() - sides[1].mean())
    if min(map(len, sides)) == 1:
        return Estimate(math.exp(difference))
    variances = np.array([side.var(ddof=1) / len(side) for side in sides])
    variance, half_width = float(variances.sum()), 0.0
    if variance:
        # Welch 1947, with Satterthwaite's degrees of freedom.
        degrees = 1 / sum((variances / variance) ** 2 / [len(side) - 1 for side in sides])
        half_width = t_quantile(float(degrees)) * math.sqrt(variance)
    low, high = math.exp(difference - half_width), math.exp(difference + half_width)
    return Estimate(math.exp(difference), low, high)


def classify_ratio(ratio: Estimate) -> Verdict:
    """Return the verdict on a speed ratio by its interval."""
    low, high = ratio.ends
    if low >= _SAME_LOW and high <= _SAME_HIGH:
        return Verdict.SAME
    if low > _SAME_HIGH:
        return Verdict.FASTER
    return Verdict.SLOWER if high < _SAME_LOW else Verdict.UNCLEAR


def compare_speed(runs: Sequence[Summary], baseline: Sequence[Summary]) -> Verdict | None:
    """Return the verdict on the runs' speed relative to the baseline, if both have timed steps."""
    speeds, baseline_speeds = (
        [each.samples_per_second for each in side if each.samples_per_second]
        for side in (runs, baseline)
    )
    if not speeds or not baseline_speeds:
        return None
    return classify_ratio(measure_speed_ratio(speeds, baseline_speeds))
