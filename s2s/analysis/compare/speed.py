"""Whether one batch size is faster than another, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.stats import t

from s2s.analysis.estimate import CONFIDENCE, Estimate
from s2s.analysis.run.steps import Floats

SAME_LOW, SAME_HIGH = 0.95, 1.05
"""Between them two speeds count as one."""


class Verdict(StrEnum):
    """Of the ratio's 90 % interval against the band from 0.95 to 1.05."""

    SAME = "same speed"
    """It lies inside."""
    FASTER = "faster"
    """It lies above."""
    SLOWER = "slower"
    """It lies below."""
    UNCLEAR = "unclear"
    """It reaches across an end of the band, or there is none."""


@dataclass(frozen=True)
class SpeedRatio:
    """How many times one size's samples a second are another's."""

    ratio: Estimate
    verdict: Verdict


def speed_ratio(speeds: Sequence[float], baseline: Sequence[float]) -> SpeedRatio:
    """From the samples a second of each block of either size; the blocks need not be pairs.

    The ratio of geometric means, and Welch's t interval of the difference of mean logarithms. In
    simulation (10 % log-normal spread, with and without a block at half speed) it covers 89 % or
    more at nominal 90 from two blocks on, where a bootstrap of the medians covers 65 % with two.
    No interval where a size has a single block. Raises ValueError where a size has none or a speed
    is not above 0.
    """
    if not speeds or not baseline or not all(speed > 0 for speed in (*speeds, *baseline)):
        raise ValueError("a ratio takes blocks of both sizes, with speeds above 0")
    ours, theirs = np.log(speeds), np.log(baseline)
    difference = float(ours.mean() - theirs.mean())
    ratio = Estimate(math.exp(difference))
    if min(len(ours), len(theirs)) > 1:
        half = _half_width(ours, theirs)
        ratio = Estimate(ratio.value, math.exp(difference - half), math.exp(difference + half))
    return SpeedRatio(ratio, verdict(ratio))


def _half_width(ours: Floats, theirs: Floats) -> float:
    """Welch 1947, with Satterthwaite's degrees of freedom."""
    variances = [each.var(ddof=1) / len(each) for each in (ours, theirs)]
    variance = sum(variances)
    if not variance:
        return 0.0
    shares = [each / variance for each in variances]
    freedom = 1 / sum(
        share**2 / (len(each) - 1) for share, each in zip(shares, (ours, theirs), strict=True)
    )
    return float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(variance)


def verdict(ratio: Estimate) -> Verdict:
    """UNCLEAR where the ratio has no interval."""
    if ratio.low is None or ratio.high is None:
        return Verdict.UNCLEAR
    if ratio.low >= SAME_LOW and ratio.high <= SAME_HIGH:
        return Verdict.SAME
    if ratio.low > SAME_HIGH:
        return Verdict.FASTER
    return Verdict.SLOWER if ratio.high < SAME_LOW else Verdict.UNCLEAR
