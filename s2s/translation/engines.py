"""Engines: different ways to compute the same training step.

The encoder of the `article` engine processes padding too. So its loss equals that of the other
engines only if all sentences of a batch have the same length.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from s2s.config import Engine, Precision
from s2s.data.batches import Batch, BatchMaker, PackedBatch
from s2s.records import SOS, Remark, RemarkKind
from s2s.task import BatchCounts, Indices
from s2s.training.device import matmul_precision, raise_mmap_threshold
from s2s.translation.fast.cuda_graphs import CaptureError, GraphedSteps
from s2s.translation.fast.kernels import get_kernels
from s2s.translation.fast.projection import FixedProjection, ProjectionGradients
from s2s.translation.model import Seq2Seq


@dataclass(frozen=True)
class Forward:
    """Result of a forward pass. The backward pass starts from it."""

    loss_sum: Tensor
    """Scalar: the loss in nats, summed over the batch's real target tokens; detached."""
    outputs: Tensor
    """Start of the backward pass: decoder outputs, or (loss sum / batch size) itself."""
    gradient: Tensor | None
    """Gradient of (loss sum / batch size) with respect to `outputs`; `None` for the loss itself."""


class StepEngine(ABC):
    """Base class of the engines. An engine makes batches and takes a model's training steps."""

    def __init__(self, model: Seq2Seq, batches: BatchMaker, precision: Precision) -> None:
        self.model, self.batches, self.precision = model, batches, precision
        self.is_warming_up = False  # as in s2s.task.Task
        self.remarks: list[Remark] = []
        if not model.decoder.out.weight.is_cuda:
            raise_mmap_threshold()

    @abstractmethod
    def make_batch(self, indices: Indices) -> Batch | PackedBatch:
        """Return a batch of the pairs at `indices` (B,)."""

    @abstractmethod
    def forward(self, batch: Any, forced: bool) -> Forward:
        """Compute the loss of a batch.

        Args:
            forced: Whether the decoder's inputs are the reference's words (teacher forcing)
                or the words that it predicts itself.
        """

    def step(
        self, optimizer: Optimizer, indices: Indices, forced: bool, mark: Callable[[], None]
    ) -> tuple[BatchCounts, Tensor]:
        """Take one optimizer step on the pairs at `indices` (B,). See `s2s.task.Task.step`."""
        with matmul_precision(self.precision, self.model.decoder.out.weight.device):
            batch = self.make_batch(indices)
            mark()
            forward = self.forward(batch, forced)
            mark()
            torch.autograd.backward(forward.outputs, forward.gradient)
            mark()
            optimizer.step()
            optimizer.zero_grad()
            return batch, forward.loss_sum


class ArticleEngine(StepEngine):
    """Processes one token after another, padding included, as in the article."""

    def make_batch(self, indices: Indices) -> Batch:
        return self.batches.make_padded(indices, joint=True)

    def forward(self, batch: Batch, forced: bool, state: Tensor | None = None) -> Forward:
        """Compute the loss; `state` (L, B, H) replaces the encoder's initial state of zeros."""
        model = self.model
        state = model.build_initial_state(batch.samples) if state is None else state
        for words in batch.source:
            outputs = model.encoder(words.unsqueeze(0), state)
            state = torch.stack([output[-1] for output in outputs])
        words = torch.full_like(batch.target[0], SOS)
        loss_sum = state.new_zeros(())
        for target in batch.target:
            hidden, state = model.decoder(words.unsqueeze(0), state)
            log_probabilities = model.decoder.out(hidden[0]).log_softmax(1)
            at_targets = log_probabilities.gather(1, target.unsqueeze(1)).squeeze(1)
            is_real = target > SOS  # PAD and SOS have the two lowest ids
            loss_sum = loss_sum - (at_targets * is_real).sum()
            words = target if forced else log_probabilities.detach().argmax(1)
        return Forward(loss_sum.detach(), loss_sum / batch.samples, None)


class FusedEngine(StepEngine):
    """Processes each side in one pass over its real tokens, and computes the loss in chunks."""

    def __init__(self, model: Seq2Seq, batches: BatchMaker, precision: Precision) -> None:
        super().__init__(model, batches, precision)
        out = model.decoder.out
        projection_class = FixedProjection if out.weight.is_cuda else ProjectionGradients
        self._project = projection_class(out, bf16=precision is Precision.BF16)
        library = None if out.weight.is_cuda else get_kernels(out.weight.dtype)
        if isinstance(library, str):
            self.remarks.append(Remark(RemarkKind.SLOW_KERNELS, library))

    def make_batch(self, indices: Indices) -> PackedBatch:
        return self.batches.make_packed(indices)

    def forward(self, batch: PackedBatch, forced: bool) -> Forward:
        decode = decode_teacher_forced if forced else _decode_free_running
        hidden = decode(self.model, batch)
        tokens, scale = batch.target.tokens, 1 / batch.samples
        loss_sum, gradient = self._project(hidden.detach(), tokens, scale)
        return Forward(loss_sum, hidden, gradient)


def decode_teacher_forced(model: Seq2Seq, batch: PackedBatch) -> Tensor:
    """Feed the reference's words to the decoder, and return its (P, H) packed outputs."""
    state, target = model.encode_packed(batch), batch.target
    return model.decoder.forward_packed(target.inputs, state, target.batch_sizes)


def _decode_free_running(model: Seq2Seq, batch: PackedBatch) -> Tensor:
    """Feed the decoder its own most probable words, and return its (P, H) packed outputs."""
    state = model.encode_packed(batch)
    words = torch.full((1, batch.samples), SOS, device=state.device)
    outputs = []
    for size in batch.target.batch_sizes:
        hidden, state = model.decoder(words[:, :size], state[:, :size])
        outputs.append(hidden[0])
        with torch.no_grad():
            words = model.decoder.out(hidden).argmax(2)
    return torch.cat(outputs)


class GraphedEngine(FusedEngine):
    """Replays captured CUDA graphs, one for each of a few batch shapes.

    Without teacher forcing it computes a batch as `fused` does. On a CPU or after a failed capture
    it computes all batches like this, and a remark says so.
    """

    def __init__(self, model: Seq2Seq, batches: BatchMaker, precision: Precision) -> None:
        super().__init__(model, batches, precision)
        self._graphs: GraphedSteps | None
        if isinstance(self._project, FixedProjection):
            self._graphs = GraphedSteps(model, batches, self._project, precision)
        else:
            self._fall_back("graphs need a CUDA device")

    def step(
        self, optimizer: Optimizer, indices: Indices, forced: bool, mark: Callable[[], None]
    ) -> tuple[BatchCounts, Tensor]:
        self.is_warming_up = False
        if self._graphs and forced:
            try:
                result = self._graphs.step(optimizer, indices)
            except CaptureError as error:
                self.is_warming_up = True
                self._fall_back(f"a CUDA graph could not be captured: {error}")
            else:
                self.is_warming_up = self._graphs.is_warming_up
                return result
        return super().step(optimizer, indices, forced, mark)

    def _fall_back(self, reason: str) -> None:
        self._graphs = None
        self.remarks.append(Remark(RemarkKind.COMPUTED_BY_FUSED, reason))


ENGINES: dict[Engine, type[StepEngine]] = {
    Engine.ARTICLE: ArticleEngine,
    Engine.FUSED: FusedEngine,
    Engine.GRAPHED: GraphedEngine,
}
