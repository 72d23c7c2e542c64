"""Measure squared gradient norms at a small and a big batch size, for the gradient noise scale.

The loss is per sentence: the gradient over a batch is then a mean over independent sentences. With
a loss per token it would be a ratio. Dropout is off. The model is not changed, and torch's random
number generator is not used.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from s2s.config import Precision
from s2s.data.batches import Batches, PackedBatch
from s2s.data.corpus import Corpus
from s2s.training.precision import products_in
from s2s.translation.engines import teacher_forced
from s2s.translation.model import Seq2Seq

MICRO_BATCH = 32
"""Sentences in a small batch."""
BIG_BATCHES = 10
"""Enough for an interval. More of them would be smaller, and it is their size that lifts the
gradient out of its noise."""
SENTENCES = 10_240
LEAST_SENTENCES = 2 * MICRO_BATCH * BIG_BATCHES


@dataclass(frozen=True)
class GradientNorms:
    """Squared gradient norms of M big batches and of the K small batches that make up each."""

    small_batch: int
    """Sentences per small batch."""
    big_batch: int
    """Sentences per big batch."""
    small: npt.NDArray[np.float64]
    """Squared norms of the small batches, (M, K)."""
    big: npt.NDArray[np.float64]
    """Squared norms of the big batches, (M,)."""


def measure_gradients(
    model: Seq2Seq,
    corpus: Corpus,
    *,
    sentences: int = SENTENCES,
    seed: int = 0,
    progress: Callable[[float], object] = id,
) -> GradientNorms:
    """Measure gradient norms in float32, teacher-forced, on the training split.

    Args:
        sentences: About how many sentences to sample, with replacement, as training does.
        progress: Called with the fraction that is done.
    """
    device = model.decoder.out.weight.device
    batches, random = Batches(corpus, device), np.random.default_rng(seed)
    micro_batches = sentences // (BIG_BATCHES * MICRO_BATCH)

    def gradients() -> Sequence[Tensor]:
        rows = random.integers(0, len(corpus.training), MICRO_BATCH)
        return sentence_gradients(model, batches.packed(rows))

    with _without_dropout(model), products_in(Precision.FP32, device):
        small, big = gradient_norms(
            gradients, list(model.parameters()), (BIG_BATCHES, micro_batches), progress
        )
    return GradientNorms(MICRO_BATCH, MICRO_BATCH * micro_batches, small, big)


def gradient_norms(
    gradients: Callable[[], Sequence[Tensor]],
    parameters: Sequence[Tensor],
    shape: tuple[int, int],
    progress: Callable[[float], object] = id,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the squared norms of the small batches (M, K) and of the big batches (M,).

    Args:
        gradients: Makes the gradients of the next small batch, one per parameter. One set of them
            is held at a time, beside a running sum.
        shape: M big batches of K small batches each.
        progress: Called with the fraction that is done.
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


def sentence_gradients(model: Seq2Seq, batch: PackedBatch) -> Sequence[Tensor]:
    """Return the gradient of the mean loss per sentence for each parameter; set no `grad`."""
    hidden = teacher_forced(model, batch)
    loss_sum = functional.cross_entropy(
        model.decoder.out(hidden), batch.target.tokens, reduction="sum"
    )
    return torch.autograd.grad(loss_sum / batch.samples, list(model.parameters()))


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
