"""Squared norms of a model's gradients at a small and a big batch, for its noise scale.

Of the per-sentence loss, whose gradient over a batch is a mean over independent sentences; a
per-token mean would make it a ratio. Dropout is off. The model and its optimizer are only looked
at, and torch's random numbers are not used.

RMSprop's square average v forgets within a hundred steps, so that of a word not seen lately is
next to nothing, and its next gradient divided by that outweighs everything: with many rare words
the preconditioned scale is huge, or not identifiable. An actual step is bounded, since v takes in
the gradient first; the linear form that the noise scale needs is not.
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
from s2s.model.seq2seq import Seq2Seq
from s2s.training.engines import teacher_forced
from s2s.training.lazy import LazyRMSprop
from s2s.training.precision import products_in

MICRO_BATCH = 32
"""Sentences of a small batch."""
BIG_BATCHES = 10
"""Enough for an interval. More of them would be smaller, and it is their size that brings the
gradient out of its noise."""
SENTENCES = 10_240
LEAST_SENTENCES = 2 * MICRO_BATCH * BIG_BATCHES

Denominator = Callable[[Tensor, Tensor | None], Tensor]
"""A parameter, and which of its rows (all where None) -> sqrt(v) + eps there."""


@dataclass(frozen=True)
class Norms:
    """Squared ones, of M big batches and of the K small batches that make up each."""

    small: npt.NDArray[np.float64]
    """(M, K)"""
    big: npt.NDArray[np.float64]
    """(M,)"""


@dataclass(frozen=True)
class GradientNorms:
    small_batch: int
    """Sentences."""
    big_batch: int
    raw: Norms
    preconditioned: Norms | None
    """Of g / (sqrt(v) + eps), with the optimizer's square average v; None where it has none."""


def measure_gradients(
    model: Seq2Seq,
    corpus: Corpus,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    sentences: int = SENTENCES,
    seed: int = 0,
    progress: Callable[[float], object] = id,
) -> GradientNorms:
    """On about so many sentences of the training part, drawn as training draws them.

    In float32, teacher-forced. Calls `progress` with the share that is done.
    """
    device = model.decoder.out.weight.device
    batches, random = Batches(corpus, device), np.random.default_rng(seed)
    micro_batches = sentences // (BIG_BATCHES * MICRO_BATCH)

    def gradients() -> Sequence[Tensor]:
        drawn = random.integers(0, len(corpus.training), MICRO_BATCH)
        return sentence_gradients(model, batches.packed(drawn))

    with _without_dropout(model), products_in(Precision.FP32, device):
        raw, preconditioned = gradient_norms(
            gradients,
            list(model.parameters()),
            denominator(optimizer) if optimizer else None,
            (BIG_BATCHES, micro_batches),
            progress,
        )
    return GradientNorms(MICRO_BATCH, MICRO_BATCH * micro_batches, raw, preconditioned)


def gradient_norms(
    gradients: Callable[[], Sequence[Tensor]],
    parameters: Sequence[Tensor],
    denominator: Denominator | None,
    shape: tuple[int, int],
    progress: Callable[[float], object] = id,
) -> tuple[Norms, Norms | None]:
    """Raw and preconditioned norms of M big batches of K small ones each, `shape` = (M, K).

    `gradients` makes those of the next small batch, one for each of the parameters. One set of
    them is held at a time, beside a running sum.
    """
    kinds = [None, denominator] if denominator else [None]
    small, big = np.empty((len(kinds), *shape)), np.empty((len(kinds), shape[0]))
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    for outer in range(shape[0]):
        for total in sums:
            total.zero_()
        for inner in range(shape[1]):
            found = gradients()
            small[:, outer, inner] = [_squared_norm(found, parameters, kind) for kind in kinds]
            _add(sums, found)
            del found  # before the next ones take as much
            progress((outer * shape[1] + inner + 1) / (shape[0] * shape[1]))
        big[:, outer] = [_squared_norm(sums, parameters, kind) for kind in kinds]
    raw, *others = (Norms(*pair) for pair in zip(small, big / shape[1] ** 2, strict=True))
    return raw, others[0] if others else None


def sentence_gradients(model: Seq2Seq, batch: PackedBatch) -> Sequence[Tensor]:
    """Of the batch's loss sum over its sentences, for each parameter; sets no `grad`."""
    hidden = teacher_forced(model, batch)
    loss_sum = functional.cross_entropy(
        model.decoder.out(hidden), batch.target.tokens, reduction="sum"
    )
    return torch.autograd.grad(loss_sum / batch.samples, list(model.parameters()))


def denominator(optimizer: torch.optim.Optimizer) -> Denominator | None:
    """What RMSprop or Adam would divide a gradient by; None for others and before the first step.

    Rows that a lazy optimizer has left behind are read as if they had missed nothing.
    """
    if not optimizer.state:
        return None
    if isinstance(optimizer, LazyRMSprop):
        lazy = optimizer
        return lambda parameter, rows: _root(optimizer, lazy.square_average(parameter, rows))
    if isinstance(optimizer, torch.optim.RMSprop):
        return lambda parameter, rows: _root(
            optimizer, _rows(optimizer.state[parameter]["square_avg"], rows)
        )
    if isinstance(optimizer, torch.optim.Adam):
        return lambda parameter, rows: _root(
            optimizer, _rows(_unbiased_square_average(optimizer, parameter), rows)
        )
    return None


def _root(optimizer: torch.optim.Optimizer, square_average: Tensor) -> Tensor:
    return square_average.sqrt().add_(optimizer.param_groups[0]["eps"])


def _unbiased_square_average(optimizer: torch.optim.Optimizer, parameter: Tensor) -> Tensor:
    """v / (1 - beta2**t) (Kingma and Ba 2015, arXiv:1412.6980)."""
    state, (_, beta) = optimizer.state[parameter], optimizer.param_groups[0]["betas"]
    average: Tensor = state["exp_avg_sq"] / (1 - beta ** float(state["step"]))
    return average


def _rows(values: Tensor, rows: Tensor | None) -> Tensor:
    return values if rows is None else values.index_select(0, rows)


def _squared_norm(
    gradients: Sequence[Tensor], parameters: Sequence[Tensor], denominator: Denominator | None
) -> float:
    """Of all gradients as one vector, each divided by its denominator where there is one."""
    parts = []
    for gradient, parameter in zip(gradients, parameters, strict=True):
        values, rows = gradient, None
        if gradient.is_sparse:
            whole = gradient.coalesce()
            values, rows = whole.values(), whole.indices()[0]
        if denominator:
            values = values / denominator(parameter, rows)
        parts.append(values.square().sum(dtype=torch.float64))
    return float(torch.stack(parts).sum())


def _add(sums: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    for total, gradient in zip(sums, gradients, strict=True):
        total.add_(gradient)


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
