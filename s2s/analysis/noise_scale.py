"""The gradient noise scale: signal against noise in gradients, and what that says of batch sizes.

The mean gradient over B independent samples has E|G_B|^2 = |G|^2 + tr(Sigma)/B, so two batch
sizes tell the gradient and its noise apart (McCandlish et al. 2018, arXiv:1812.06162, appendix
A.1; with B = 1, Gray et al. 2024, arXiv:2411.00999). It is a cross-check of a measured critical
batch size and no substitute: at times it is off by orders of magnitude (Merrill et al. 2025,
arXiv:2505.23971).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from s2s.analysis.words import two_digits

CONFIDENCE = 0.90
"""Of the intervals."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A figure and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class NoiseScale:
    """Signal and noise of a gradient, in the squared unit of whatever its norms were taken of."""

    squared_gradient: Measured
    """|G|^2, of the gradient over all samples there are."""
    covariance_trace: Measured
    """tr(Sigma), of one sample's gradient."""
    batch_size: Measured | None
    """B_simple = tr(Sigma) / |G|^2 in samples: where a batch's gradient is half noise. None: not
    identifiable, since one of the two cannot be told from 0."""


def noise_scale(
    small_norms: npt.ArrayLike, big_norms: npt.ArrayLike, small_batch: int, big_batch: int
) -> NoiseScale:
    """From squared gradient norms at two batch sizes, both on the same weights.

    `big_norms` (M,): each of the mean gradient over `big_batch` samples. `small_norms` (M, K) or
    (M,): beside each of them K of `small_batch` samples; of single samples where that is 1. Each
    of the M pairs gives both figures without bias, and they are averaged before the ratio is
    taken. Raises ValueError for fewer than two pairs and for batches that are not small and big.
    """
    big = np.asarray(big_norms, np.float64)
    small = np.asarray(small_norms, np.float64).reshape(len(big), -1).mean(1)
    if len(big) < 2 or not 0 < small_batch < big_batch:
        raise ValueError("A noise scale takes two pairs or more of a small and a big batch.")
    gradient = (big_batch * big - small_batch * small) / (big_batch - small_batch)
    trace = (small - big) / (1 / small_batch - 1 / big_batch)
    squared_gradient, covariance_trace = _mean(gradient), _mean(trace)
    identifiable = squared_gradient.low > 0 and covariance_trace.low > 0
    return NoiseScale(
        squared_gradient, covariance_trace, _ratio(trace, gradient) if identifiable else None
    )


def agreement(noise: NoiseScale, critical: float, low: float, high: float) -> str:
    """Whether the noise scale agrees with a critical batch size, in one sentence.

    `low` and `high` are that one's interval, and `high` may be infinite. They agree where the two
    intervals overlap.
    """
    other = f"the critical batch size, {_with_interval(Measured(critical, low, high))}"
    scale = noise.batch_size
    if scale is None:
        return (
            "The gradient noise scale is not identifiable, so it neither supports nor contradicts "
            f"{other}."
        )
    said = f"The gradient noise scale, {_with_interval(scale)},"
    if scale.low <= high and low <= scale.high:
        return f"{said} agrees with {other}."
    factor = max(scale.value / critical, critical / scale.value)
    return f"{said} disagrees with {other}, by a factor of {two_digits(factor)}."


def noise_scale_text(noise: NoiseScale) -> str:
    """`310 sentences (250 to 390)`, or why there is none."""
    if noise.batch_size:
        scale = noise.batch_size
        return f"{two_digits(scale.value)} sentences ({_interval_text(scale)})"
    which = "gradient" if noise.squared_gradient.low <= 0 else "noise"
    return f"not identifiable: on so few sentences the {which} cannot be told from 0"


def _mean(values: Floats) -> Measured:
    """Of the M values, with Student's t."""
    mean = float(values.mean())
    reach = _students_t(len(values)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Measured(mean, mean - reach, mean + reach)


def _ratio(above: Floats, below: Floats) -> Measured:
    """mean(above) / mean(below), both above 0.

    By the delta method on its logarithm, since it cannot be negative and its spread is
    multiplicative: var(log r) = var(a)/a^2 + var(b)/b^2 - 2 cov(a, b)/(a b).
    """
    share = above / above.mean() - below / below.mean()
    reach = _students_t(len(share)) * float(share.std(ddof=1)) / math.sqrt(len(share))
    ratio = float(above.mean() / below.mean())
    return Measured(ratio, ratio * math.exp(-reach), ratio * math.exp(reach))


def _students_t(values: int) -> float:
    return float(stdtrit(values - 1, (1 + CONFIDENCE) / 2))


def _with_interval(measured: Measured) -> str:
    return f"{two_digits(measured.value)} ({_interval_text(measured)})"


def _interval_text(measured: Measured) -> str:
    if math.isinf(measured.high):
        return f"{two_digits(measured.low)} or more"
    return f"{two_digits(measured.low)} to {two_digits(measured.high)}"
