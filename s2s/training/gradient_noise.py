"""Measure squared gradient norms at a small and a big batch size, for the gradient noise scale.

The loss is per sample: the gradient over a batch is then a mean over independent samples. With a
loss per token it would be a ratio. Dropout is off. The model is not changed, and torch's random
number generator is not used.
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
"""Enough for an interval. More of them would be smaller, and only a large batch lifts the gradient
out of its noise."""
SAMPLES = 10_240
LEAST_SAMPLES = 2 * MICRO_BATCH * BIG_BATCHES

Progress = Callable[[float], object]
"""Called with the fraction done."""
Norms = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GradientNorms:
    """Squared gradient norms of M big batches and of the K small batches that make up each."""

    small_batch: int
    """Samples per small batch."""
    big_batch: int
    """Samples per big batch."""
    small: Norms
    """Squared norms of the small batches, (M, K)."""
    big: Norms
    """Squared norms of the big batches, (M,)."""


def measure_gradients(
    task: Task, progress: Progress, *, samples: int = SAMPLES, seed: int = 0
) -> GradientNorms:
    """Measure gradient norms in float32 on the training split.

    Args:
        samples: About how many samples to draw, with replacement, as training does.
    """
    random = np.random.default_rng(seed)
    micro_batches = samples // (BIG_BATCHES * MICRO_BATCH)

    def gradients() -> Sequence[Tensor]:
        return task.sample_gradients(random.integers(0, len(task.lengths), MICRO_BATCH))

    with _without_dropout(task.model), matmul_precision(Precision.FP32, task.device):
        small, big = gradient_norms(
            gradients, list(task.model.parameters()), (BIG_BATCHES, micro_batches), progress
        )
    return GradientNorms(MICRO_BATCH, MICRO_BATCH * micro_batches, small, big)


def gradient_norms(
    gradients: Callable[[], Sequence[Tensor]],
    parameters: Sequence[Tensor],
    shape: tuple[int, int],
    progress: Progress,
) -> tuple[Norms, Norms]:
    """Return the squared norms of the small batches (M, K) and of the big batches (M,).

    Args:
        gradients: Makes the gradients of the next small batch, one per parameter. One set of them
            is held at a time, beside a running sum.
        shape: M big batches of K small batches each.
    """
    small, big = np.empty(shape), np.empty(shape[0])
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    for outer in range(shape[0]):
        for total in sums:
            total.zero_()
        for inner in range(shape[1]):
            parts = gradients()
            small[outer, inner] = _squared_norm(parts)
            for total, part in zip(sums, parts, strict=True):
                total.add_(part)
            del parts, part  # before the next ones take as much memory
            progress((outer * shape[1] + inner + 1) / (shape[0] * shape[1]))
        big[outer] = _squared_norm(sums) / shape[1] ** 2
    return small, big


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
