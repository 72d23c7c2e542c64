"""The gradient noise scale of a run.

The mean gradient over B independent samples has E|G_B|^2 = |G|^2 + tr(Sigma)/B, so two batch
sizes determine both terms (McCandlish et al. 2018, arXiv 1812.06162, appendix A.1; with B = 1,
Gray et al. 2024, arXiv 2411.00999). The noise scale is a cross-check of a measured critical batch
size, not a substitute: it can be off by orders of magnitude (Merrill et al. 2025, arXiv
2505.23971).
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
    """Signal and noise of a gradient, in the squared unit of its norms."""

    squared_gradient: Estimate
    """|G|^2 of the gradient over all samples."""
    covariance_trace: Estimate
    """tr(Sigma) of one sample's gradient."""
    batch_size: Estimate | None
    """B_simple = tr(Sigma) / |G|^2: at this batch size half of a squared gradient is noise. `None`
    if it is not identifiable, because the interval of either part touches 0."""


@dataclass(frozen=True)
class RunNoise:
    """The gradient noise scale after a run's last iteration."""

    run_id: int
    iteration: int
    sentences: int
    """Number of training sentences whose gradients were measured, sampled with replacement."""
    small_batch: int
    big_batch: int
    scale: NoiseScale

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RunNoise":
        """Read the JSON of `dataclasses.asdict`."""
        estimates: dict[str, Any] = {
            name: None if value is None else Estimate(**value)
            for name, value in values["scale"].items()
        }
        return cls(**{**values, "scale": NoiseScale(**estimates)})


def estimate_noise_scale(
    small_norms: npt.ArrayLike, big_norms: npt.ArrayLike, small_batch: int, big_batch: int
) -> NoiseScale:
    """Estimate the gradient noise scale from squared gradient norms at two batch sizes.

    Each of the M pairs gives both terms without bias; they are averaged before the ratio is taken.

    Args:
        small_norms: Squared norms of K small-batch gradients per big batch, shape (M, K) or (M,).
        big_norms: Squared norms of the mean gradients over `big_batch` samples, shape (M,).
    """
    big = np.asarray(big_norms, np.float64)
    small = np.asarray(small_norms, np.float64).reshape(len(big), -1).mean(1)
    gradient = (big_batch * big - small_batch * small) / (big_batch - small_batch)
    trace = (small - big) / (1 / small_batch - 1 / big_batch)
    squared_gradient, covariance_trace = estimate_mean(gradient), estimate_mean(trace)
    batch_size = None
    if squared_gradient.ends[0] > 0 and covariance_trace.ends[0] > 0:
        # By the delta method on the logarithm of the ratio, which cannot be negative:
        # var(log a/b) = var(a)/a^2 + var(b)/b^2 - 2 cov(a, b)/(a b).
        half = t_half_width(trace / trace.mean() - gradient / gradient.mean())
        ratio = covariance_trace.value / squared_gradient.value
        batch_size = Estimate(ratio, ratio * math.exp(-half), ratio * math.exp(half))
    return NoiseScale(squared_gradient, covariance_trace, batch_size)
