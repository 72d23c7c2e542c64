"""Squared gradient norms at a small and a big batch size, for the gradient noise scale.

The loss is per sample: the gradient over a batch is then a mean over independent samples. With a
loss per token it would be a ratio. Dropout is off. Neither the model nor torch's random number
generator is changed.
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

MICRO_BATCH = 32
"""Samples per small batch."""
BIG_BATCHES = 10
"""Enough for an interval. With more of them each would be smaller, and only in a large batch does
the gradient stand out from its noise."""
SAMPLES = 10_240
LEAST_SAMPLES = 2 * MICRO_BATCH * BIG_BATCHES

Norms = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GradientNorms:
    """Squared gradient norms of M big batches and of the K small batches that make up each."""

    small_batch: int
    """Samples per small batch."""
    big_batch: int
    """Samples per big batch."""
    small: Norms
    """(M, K)."""
    big: Norms
    """(M,)."""


def measure_gradients(
    task: Task, progress: Callable[[float], object], *, samples: int = SAMPLES, seed: int = 0
) -> GradientNorms:
    """Measure gradient norms in float32 on the training split.

    Gradients of one small batch are in memory at a time, in addition to their sum.

    Args:
        progress: Called with the fraction done.
        samples: About how many samples to draw, with replacement, as training does.
    """
    random = np.random.default_rng(seed)
    shape = BIG_BATCHES, samples // (BIG_BATCHES * MICRO_BATCH)
    small, big = np.empty(shape), np.empty(shape[0])
    with _without_dropout(task.model), matmul_precision(Precision.FP32, task.device):
        sums = [torch.zeros_like(parameter) for parameter in task.model.parameters()]
        for outer in range(shape[0]):
            for total in sums:
                total.zero_()
            for inner in range(shape[1]):
                gradients = task.sample_gradients(
                    random.integers(0, len(task.lengths), MICRO_BATCH)
                )
                small[outer, inner] = _squared_norm(gradients)
                for total, gradient in zip(sums, gradients, strict=True):
                    total.add_(gradient)
                del gradients, gradient  # before the next ones need as much memory
                progress((outer * shape[1] + inner + 1) / (shape[0] * shape[1]))
            big[outer] = _squared_norm(sums) / shape[1] ** 2
    return GradientNorms(MICRO_BATCH, MICRO_BATCH * shape[1], small, big)


def _squared_norm(gradients: Sequence[Tensor]) -> float:
    """Return the squared norm of all gradients as one vector."""
    values = [each.coalesce().values() if each.is_sparse else each for each in gradients]
    return float(torch.stack([each.square().sum(dtype=torch.float64) for each in values]).sum())


@contextmanager
def _without_dropout(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    for module in modes:
        if isinstance(module, nn.GRU):  # cuDNN gives gradients in training only; it has no dropout
            module.training = True
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
