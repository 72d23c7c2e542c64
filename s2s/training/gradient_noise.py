"""Squared gradient norms at two batch sizes, from which the gradient noise scale is estimated.

The estimate needs gradients that are means over independent samples, so the loss is averaged over
samples, not over tokens. Dropout is off. The model and torch's random number generator do not
change.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from s2s.config import Precision
from s2s.task import Task
from s2s.training.device import matmul_precision

SMALL_BATCH = 32
"""Samples per small batch."""
BIG_BATCHES = 10
"""Number of big batches. With more of them, each would be smaller and its gradient noisier."""
SAMPLES = 10_240
"""Default number of samples."""
MIN_SAMPLES = 2 * SMALL_BATCH * BIG_BATCHES

_Norms = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GradientNorms:
    """Squared gradient norms of M big batches and of the K small batches in each of them."""

    small_batch: int
    """Samples per small batch."""
    big_batch: int
    small_squared_norms: _Norms
    """(M, K)"""
    big_squared_norms: _Norms
    """(M,)"""


def measure_gradients(
    task: Task, progress: Callable[[float], object], *, samples: int = SAMPLES, seed: int = 0
) -> GradientNorms:
    """Measure squared gradient norms in float32 on the training split.

    Args:
        progress: Called with the fraction done.
        samples: Samples to draw with replacement, rounded down to equal batches.
    """
    random = np.random.default_rng(seed)
    small_per_big = samples // (BIG_BATCHES * SMALL_BATCH)
    small, big = np.empty((BIG_BATCHES, small_per_big)), np.empty(BIG_BATCHES)
    with _without_dropout(task.model), matmul_precision(Precision.FP32, task.device):
        sums = [torch.zeros_like(parameter) for parameter in task.model.parameters()]
        for big_index, small_index in np.ndindex(small.shape):
            indices = random.integers(0, len(task.lengths), SMALL_BATCH)
            gradients = task.sample_gradients(indices)
            small[big_index, small_index] = _squared_norm(gradients)
            for total, gradient in zip(sums, gradients, strict=True):
                total.add_(gradient)
            del gradients, gradient  # free them before the next ones are allocated
            if small_index == small_per_big - 1:
                big[big_index] = _squared_norm(sums) / small_per_big**2
                for total in sums:
                    total.zero_()
            progress((big_index * small_per_big + small_index + 1) / small.size)
    return GradientNorms(SMALL_BATCH, SMALL_BATCH * small_per_big, small, big)


def _squared_norm(gradients: Sequence[Tensor]) -> float:
    """Return the squared norm of the vector that all gradients form together."""
    values = [each.coalesce().values() if each.is_sparse else each for each in gradients]
    return float(torch.stack([each.square().sum(dtype=torch.float64) for each in values]).sum())


@contextmanager
def _without_dropout(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    for module in modes:
        if isinstance(module, nn.GRU):  # it has no dropout, and cuDNN needs this for gradients
            module.training = True
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
