"""The gradient noise scale: signal against noise in gradients, and what that says of batch sizes.

The mean gradient over B independent samples has E|G_B|^2 = |G|^2 + tr(Sigma)/B, so two batch
sizes tell the gradient and its noise apart (McCandlish et al. 2018, arXiv:1812.06162, appendix
A.1; with B = 1, Gray et al. 2024, arXiv:2411.00999). It is a cross-check of a measured critical
batch size and no substitute: at times it is off by orders of magnitude (Merrill et al. 2025,
arXiv:2505.23971).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from s2s.analysis.estimate import CONFIDENCE, Estimate
from s2s.analysis.run.steps import Floats
from s2s.formatting import format_estimate


@dataclass(frozen=True)
class NoiseScale:
    """Signal and noise of a gradient, in the squared unit of whatever its norms were taken of."""

    squared_gradient: Estimate
    """|G|^2, of the gradient over all samples there are."""
    covariance_trace: Estimate
    """tr(Sigma), of one sample's gradient."""
    batch_size: Estimate | None
    """B_simple = tr(Sigma) / |G|^2 in samples: where a batch's gradient is half noise. None: not
    identifiable, since one of the two cannot be told from 0."""


@dataclass(frozen=True)
class RunNoise:
    """Signal and noise of the gradient after a run's last iteration, in sentences."""

    run_id: int
    iteration: int
    sentences: int
    """Gradients were taken of so many, drawn from the training part with replacement."""
    small_batch: int
    big_batch: int
    scale: NoiseScale

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RunNoise":
        """Read it back from the JSON of its `dataclasses.asdict`."""
        estimates = {name: value and Estimate(**value) for name, value in values["scale"].items()}
        return cls(**{**values, "scale": NoiseScale(**estimates)})


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
    identifiable = squared_gradient.ends[0] > 0 and covariance_trace.ends[0] > 0
    return NoiseScale(
        squared_gradient, covariance_trace, _ratio(trace, gradient) if identifiable else None
    )


def agreement(noise: NoiseScale, critical: Estimate, name: str = "The gradient noise scale") -> str:
    """Whether the noise scale agrees with a critical batch size, in one sentence.

    They agree where the two intervals overlap; an end of `critical` may be open, not both.
    """
    scale = noise.batch_size
    if critical.ends == (-math.inf, math.inf):
        found = "not identifiable" if scale is None else _with_interval(scale)
        return f"{name} is {found}; there is no critical batch size to hold against it."
    other = f"the critical batch size, {_with_interval(critical)}"
    if scale is None:
        return f"{name} is not identifiable, so it neither supports nor contradicts {other}."
    said = f"{name}, {_with_interval(scale)},"
    (low, high), (least, most) = scale.ends, critical.ends
    if low <= most and least <= high:
        return f"{said} agrees with {other}."
    if math.isinf(least) or math.isinf(most):
        return f"{said} disagrees with {other}."
    factor = max(scale.value / critical.value, critical.value / scale.value)
    return f"{said} disagrees with {other}, by a factor of {format_estimate(factor)}."


def noise_sentence(noise: RunNoise, critical: Estimate) -> str:
    """Compare a run's gradient noise scale with a measured critical batch size."""
    name = f"The gradient noise scale after {noise.iteration:,} steps of run {noise.run_id}"
    return agreement(noise.scale, critical, name)


def noise_scale_text(noise: NoiseScale) -> str:
    """`310 sentences (250 to 390)`, or why there is none."""
    if noise.batch_size:
        scale = noise.batch_size
        return f"{format_estimate(scale.value)} sentences ({_interval_text(scale)})"
    which = "gradient" if noise.squared_gradient.ends[0] <= 0 else "noise"
    return f"not identifiable: on so few sentences the {which} cannot be told from 0"


def _mean(values: Floats) -> Estimate:
    """Of the M values, with Student's t."""
    mean = float(values.mean())
    reach = _students_t(len(values)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(mean, mean - reach, mean + reach)


def _ratio(above: Floats, below: Floats) -> Estimate:
    """mean(above) / mean(below), both above 0.

    By the delta method on its logarithm, since it cannot be negative and its spread is
    multiplicative: var(log r) = var(a)/a^2 + var(b)/b^2 - 2 cov(a, b)/(a b).
    """
    share = above / above.mean() - below / below.mean()
    reach = _students_t(len(share)) * float(share.std(ddof=1)) / math.sqrt(len(share))
    ratio = float(above.mean() / below.mean())
    return Estimate(ratio, ratio * math.exp(-reach), ratio * math.exp(reach))


def _students_t(values: int) -> float:
    return float(stdtrit(values - 1, (1 + CONFIDENCE) / 2))


def _with_interval(estimate: Estimate) -> str:
    """Without its value where an end is open: that is then anywhere."""
    low, high = estimate.ends
    if math.isinf(low) or math.isinf(high):
        return _interval_text(estimate)
    return f"{format_estimate(estimate.value)} ({_interval_text(estimate)})"


def _interval_text(estimate: Estimate) -> str:
    low, high = estimate.ends
    if math.isinf(high):
        return f"{format_estimate(low)} or more"
    if math.isinf(low):
        return f"{format_estimate(high)} or less"
    return f"{format_estimate(low)} to {format_estimate(high)}"
