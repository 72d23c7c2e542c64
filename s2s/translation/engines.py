"""Engines: a training step, computed in different ways.

The objective is the same, but for one thing: under `article` the encoder runs on through the
padding, so the two agree exactly only on batches whose sentences all have one length.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from s2s.config import Engine, Precision
from s2s.data.batches import Batch, Batches, PackedBatch
from s2s.records import SOS
from s2s.task import BatchCounts, Indices
from s2s.training.device import matmul_precision, raise_mmap_threshold
from s2s.translation.fast.cuda_graphs import CaptureError, Graphs
from s2s.translation.fast.kernels import kernels
from s2s.translation.fast.projection import FixedProjection, ProjectionGradients
from s2s.translation.loss import masked_loss_sum
from s2s.translation.model import Seq2Seq

AnyBatch = Batch | PackedBatch


@dataclass(frozen=True)
class Forward:
    """What a backward pass starts from."""

    loss_sum: Tensor
    """Scalar, nats over the batch's real target tokens, detached."""
    outputs: Tensor
    gradient: Tensor | None
    """Of (loss sum / batch size) for `outputs`; None where they are that scalar."""


class StepEngine(ABC):
    """Batches and gradients of a model's training; a step ends with every gradient set."""

    def __init__(self, model: Seq2Seq, batches: Batches, precision: Precision) -> None:
        self.model, self.batches, self.precision = model, batches, precision
        self.warming_up = False
        """Whether the last step did work that the steps after it are spared."""
        self.notes: list[str] = []
        """What a user should know of how it computes, a sentence each; more may come."""
        if not model.decoder.out.weight.is_cuda:
            raise_mmap_threshold()

    @abstractmethod
    def batch(self, indices: Indices) -> AnyBatch:
        """The pairs at `indices` (B,), as this engine computes them."""

    @abstractmethod
    def forward(self, batch: Any, forced: bool) -> Forward:
        """`forced`: along the reference, else each step is fed the word found likeliest."""

    def step(
        self,
        optimizer: torch.optim.Optimizer,
        indices: Indices,
        forced: bool,
        mark: Callable[[], None],
    ) -> tuple[BatchCounts, Tensor]:
        """One optimizer step -> the batch and its loss sum. `mark` is called after each phase
        but the last (see records.PHASES), or not at all where they cannot be told apart."""
        with matmul_precision(self.precision, self.model.decoder.out.weight.device):
            batch = self.batch(indices)
            mark()
            forward = self.forward(batch, forced)
            mark()
            torch.autograd.backward(forward.outputs, forward.gradient)
            mark()
            optimizer.step()
            optimizer.zero_grad()
            return batch, forward.loss_sum


class ArticleEngine(StepEngine):
    """Token by token, through the padding, the softmax at every cell, as the article does."""

    def batch(self, indices: Indices) -> Batch:
        return self.batches.padded(indices, joint=True)

    def forward(self, batch: Batch, forced: bool, state: Tensor | None = None) -> Forward:
        """`state`: (L, B, H) initial states of the encoder; zeros where not given."""
        model = self.model
        state = model.initial_state(batch.samples) if state is None else state
        for words in batch.source:
            outputs = model.encoder(words.unsqueeze(0), state)
            state = torch.stack([output[-1] for output in outputs])
        words = torch.full_like(batch.target[0], SOS)
        loss_sum = state.new_zeros(())
        for target in batch.target:
            hidden, state = model.decoder(words.unsqueeze(0), state)
            log_probabilities = model.decoder.out(hidden[0]).log_softmax(1)
            loss_sum = loss_sum + masked_loss_sum(log_probabilities, target)
            words = target if forced else log_probabilities.detach().argmax(1)
        return Forward(loss_sum.detach(), loss_sum / batch.samples, None)


class FusedEngine(StepEngine):
    """One recurrent pass a side over real tokens only, then projection and loss in chunks."""

    def __init__(self, model: Seq2Seq, batches: Batches, precision: Precision) -> None:
        super().__init__(model, batches, precision)
        out, bf16 = model.decoder.out, precision is Precision.BF16
        self._project: ProjectionGradients | FixedProjection
        if out.weight.is_cuda:
            self._project = FixedProjection(out, bf16=bf16)
            return
        self._project = ProjectionGradients(out, bf16=bf16)
        library = kernels(out.weight.dtype)
        if isinstance(library, str):
            self.notes.append(f"Slower than it could be, for want of compiled kernels ({library}).")

    def batch(self, indices: Indices) -> PackedBatch:
        return self.batches.packed(indices)

    def forward(self, batch: PackedBatch, forced: bool) -> Forward:
        hidden = (teacher_forced if forced else _free_running)(self.model, batch)
        targets = batch.target.tokens
        loss_sum, gradient = self._project(hidden.detach(), targets, 1 / batch.samples)
        return Forward(loss_sum, hidden, gradient)


def teacher_forced(model: Seq2Seq, batch: PackedBatch) -> Tensor:
    """(P, H) packed decoder outputs when each step is fed the reference's word."""
    return model.decoder.packed(batch.target.before, _encoded(model, batch), batch.target.sizes)


def _encoded(model: Seq2Seq, batch: PackedBatch) -> Tensor:
    """(L, B, H) states of the source sentences, in the order of the target."""
    return model.encode_packed(batch.source.tokens, batch.source.sizes, batch.handover)


def _free_running(model: Seq2Seq, batch: PackedBatch) -> Tensor:
    """The same when each step is fed the word that the model found likeliest."""
    state = _encoded(model, batch)
    words = torch.full((1, batch.samples), SOS, device=state.device)
    outputs = []
    for size in batch.target.sizes:
        hidden, state = model.decoder(words[:, :size], state[:, :size])
        outputs.append(hidden[0])
        with torch.no_grad():
            words = model.decoder.out(hidden).argmax(2)
    return torch.cat(outputs)


class GraphedEngine(FusedEngine):
    """On a GPU, replays of captured graphs over a few shapes (see graphed.py).

    Free-running batches are computed as in `fused`, and so is everything, with a note, where or
    from when on no graph can be captured.
    """

    def __init__(self, model: Seq2Seq, batches: Batches, precision: Precision) -> None:
        super().__init__(model, batches, precision)
        self._graphs: Graphs | None = None
        if isinstance(self._project, FixedProjection):
            self._graphs = Graphs(model, batches, self._project, precision)
        else:
            self._fall_back("it needs a CUDA device")

    def step(
        self,
        optimizer: torch.optim.Optimizer,
        indices: Indices,
        forced: bool,
        mark: Callable[[], None],
    ) -> tuple[BatchCounts, Tensor]:
        self.warming_up = False
        if self._graphs and forced:
            try:
                result = self._graphs.step(optimizer, indices)
            except CaptureError as error:
                self.warming_up = True
                self._graphs = None
                self._fall_back(f"no CUDA graph could be captured: {error}")
            else:
                self.warming_up = self._graphs.warming_up
                return result
        return super().step(optimizer, indices, forced, mark)

    def _fall_back(self, reason: str) -> None:
        self.notes.append(f"Computed by the fused engine instead of graphed ({reason}).")


ENGINES: dict[Engine, type[StepEngine]] = {
    Engine.ARTICLE: ArticleEngine,
    Engine.FUSED: FusedEngine,
    Engine.GRAPHED: GraphedEngine,
}
