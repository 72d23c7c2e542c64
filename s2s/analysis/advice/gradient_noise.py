"""The gradient noise scale of a run.

Let G_B be the mean gradient over B independent samples, G its expectation and Sigma the covariance
of one sample's gradient. Then E|G_B|^2 = |G|^2 + tr(Sigma)/B, so two batch sizes determine both
terms (McCandlish et al. 2018, arXiv 1812.06162, appendix A.1). Gray et al. 2024 (arXiv 2411.00999)
use B = 1 as the smaller size. The noise scale is a cross-check of a measured critical batch size,
not a substitute: it can be off by orders of magnitude (Merrill et al. 2025, arXiv 2505.23971).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from s2s.analysis.estimate import Estimate, estimate_mean, t_half_width


@dataclass(frozen=True)
class NoiseScale:
    """Squared signal and variance of a gradient, and their ratio, the noise scale."""

    squared_gradient: Estimate
    """|G|^2, the squared norm of the expected gradient."""
    covariance_trace: Estimate
    """tr(Sigma), the variance of one sample's gradient, summed over the parameters."""
    batch_size: Estimate | None
    """The noise scale, B_simple = tr(Sigma) / |G|^2. At this batch size, noise makes up half of the
    expected squared norm. `None` if the interval of numerator or denominator reaches 0."""


@dataclass(frozen=True)
class RunNoise:
    """The gradient noise scale after a run's last iteration."""

    run_id: int
    iteration: int
    sentences: int
    """Number of training sentences, drawn with replacement, whose gradients were measured."""
    small_batch: int
    big_batch: int
    scale: NoiseScale

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RunNoise":
        """Rebuild an instance from the mapping that `dataclasses.asdict` made."""
        estimates: dict[str, Any] = {
            name: None if value is None else Estimate(**value)
            for name, value in values["scale"].items()
        }
        return cls(**{**values, "scale": NoiseScale(**estimates)})


def estimate_noise_scale(
    small_squared_norms: npt.ArrayLike,
    big_squared_norms: npt.ArrayLike,
    small_batch: int,
    big_batch: int,
) -> NoiseScale:
    """Estimate the gradient noise scale from squared gradient norms at two batch sizes.

    Each big batch, with its small batches, gives unbiased estimates of |G|^2 and tr(Sigma). Their
    ratio is taken only after averaging over the M big batches.

    Args:
        small_squared_norms: Squared norms of mean gradients over `small_batch` samples, K per big
            batch, shape (M, K) or (M,).
        big_squared_norms: Squared norms of mean gradients over `big_batch` samples, shape (M,).
    """
    big = np.asarray(big_squared_norms, np.float64)
    small = np.asarray(small_squared_norms, np.float64).reshape(len(big), -1).mean(1)
    gradient = (big_batch * big - small_batch * small) / (big_batch - small_batch)
    trace = (small - big) / (1 / small_batch - 1 / big_batch)
    squared_gradient, covariance_trace = estimate_mean(gradient), estimate_mean(trace)
    batch_size = None
    if squared_gradient.ends[0] > 0 and covariance_trace.ends[0] > 0:
        # Delta method on the logarithm, since the ratio itself cannot be negative:
        # var(log a/b) = var(a)/a^2 + var(b)/b^2 - 2 cov(a, b)/(a b).
        log_half_width = t_half_width(trace / trace.mean() - gradient / gradient.mean())
        ratio = covariance_trace.value / squared_gradient.value
        factor = math.exp(log_half_width)
        batch_size = Estimate(ratio, ratio / factor, ratio * factor)
    return NoiseScale(squared_gradient, covariance_trace, batch_size)
