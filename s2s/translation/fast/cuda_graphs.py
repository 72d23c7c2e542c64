"""CUDA graphs of a whole training step, one graph for each of a few batch shapes.

A small step runs many kernels of a few microseconds each, and Python takes longer to launch a
kernel. A captured graph runs the whole step, from gathering the sentences to the optimizer, in one
launch (see "CUDA Graphs" in https://docs.pytorch.org/docs/stable/notes/cuda.html).

The shapes of a graph are fixed, so a batch is padded to one of a few shapes: the recurrent steps of
each side to a multiple of 4, the rows for real target tokens to a multiple of 64, and large numbers
to coarser multiples that add at most 1/16. On fra-eng the first 1,000 steps need 12 to 18 shapes at
batch sizes 2 to 128, which adds 15% (batch 2) to 9% (32) to the recurrent steps.
"""

import math
from collections import Counter, OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.optim import Optimizer

from s2s.config import Precision
from s2s.data.batches import Batches, to_device
from s2s.errors import shorten
from s2s.task import Indices
from s2s.training.device import matmul_precision
from s2s.translation.fast.projection import FixedProjection
from s2s.translation.model import Seq2Seq

MAX_GRAPHS = 64
"""Maximum number of graphs, of some MB each. The least recently used graph is discarded."""
_STEP_UNIT, _ROW_UNIT = 4, 64


class CaptureError(Exception):
    """Error with the reason why a graph could not be captured."""


@dataclass(frozen=True)
class Shape:
    """A shape to which many batches can be padded."""

    samples: int
    source_steps: int
    target_steps: int
    rows: int
    """Number of rows for real target tokens."""


@dataclass(frozen=True)
class PlannedBatch:
    """A batch's shape and counts, computed without the device."""

    shape: Shape
    samples: int
    source_tokens: int
    """Number of real tokens, EOS included."""
    target_tokens: int
    padded_tokens: int
    """Number of positions of both sides, padding included."""


def round_up(number: int, unit: int, maximum: int) -> int:
    """Round up to a multiple of `unit`, but not above `maximum`.

    For a large number the unit is the power of two that is 1/32 to 1/16 of the number.
    """
    unit = max(unit, 2 ** (number.bit_length() - 1) // 16)
    return min(math.ceil(number / unit) * unit, maximum)


def plan(batches: Batches, indices: Indices) -> PlannedBatch:
    """Choose the shape to which the pairs at `indices` (B,) are padded."""
    samples, (source, target) = len(indices), batches.get_lengths(indices)
    source_tokens, target_tokens = int(source.sum()), int(target.sum())
    source_steps = round_up(int(source.max()), _STEP_UNIT, batches.longest_source)
    target_steps = round_up(int(target.max()), _STEP_UNIT, batches.longest_target)
    rows = round_up(target_tokens, _ROW_UNIT, samples * target_steps)
    shape = Shape(samples, source_steps, target_steps, rows)
    padded_tokens = samples * (source_steps + target_steps)
    return PlannedBatch(shape, samples, source_tokens, target_tokens, padded_tokens)


def take_fixed_step(
    model: Seq2Seq,
    batches: Batches,
    project: FixedProjection,
    optimizer: Optimizer,
    indices: Tensor,
    shape: Shape,
) -> Tensor:
    """Take one optimizer step on (B,) pairs of the corpus, and return the loss sum, a scalar.

    The operations and their order depend on `shape` alone. Gradients are `None` before and after
    the step, so a graph keeps them in its own memory.
    """
    batch = batches.make_fixed(indices, shape.source_steps, shape.target_steps, shape.rows)
    encoded = model.encoder(batch.source, model.build_initial_state(shape.samples))
    state = torch.stack(
        [each.flatten(0, 1).index_select(0, batch.source_end_positions) for each in encoded]
    )
    outputs, _ = model.decoder(batch.inputs, state)
    hidden = outputs.flatten(0, 1).index_select(0, batch.positions)
    loss_sum, gradient = project(hidden.detach(), batch.targets, 1 / shape.samples, batch.is_real)
    torch.autograd.backward(hidden, gradient)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss_sum


@dataclass(frozen=True)
class _Captured:
    """A captured graph with its input and output."""

    graph: torch.cuda.CUDAGraph
    indices: Tensor
    """(B,) pairs of the batch."""
    loss_sum: Tensor


_Key = tuple[Shape, tuple[float, ...]]
"""A shape and the learning rates, which are constants in a graph."""


class GraphedSteps:
    """The captured steps of one model on its GPU.

    The first batch of a shape is computed without a graph. This is an ordinary step, and the
    warm-up that torch requires before a capture. At the second batch the step is captured, which
    computes nothing, and then replayed. So weights, optimizer state and random numbers are the same
    as in ordinary training. A replay never waits for the device.

    All graphs share one memory pool. This is safe because the graphs run one after another, and
    weights, optimizer state, indices and losses are outside the pool. They must stay at the same
    place in memory, so optimizer state is loaded before the first step.
    """

    def __init__(
        self, model: Seq2Seq, batches: Batches, project: FixedProjection, precision: Precision
    ) -> None:
        self._model, self._batches, self._project = model, batches, project
        self._precision = precision
        self._device = model.decoder.out.weight.device
        self._stream = _capture_stream(self._device)
        self._pool = torch.cuda.graph_pool_handle()
        self._captured: OrderedDict[_Key, _Captured] = OrderedDict()
        self._warmups: Counter[_Key] = Counter()
        """Number of steps of each key without a graph; the second step captures the graph."""
        self.is_warming_up = False
        """Whether the last step was the first or second step of its shape."""

    def step(self, optimizer: Optimizer, indices: Indices) -> tuple[PlannedBatch, Tensor]:
        """Queue one optimizer step and return the batch and its loss sum, on the device.

        Raises:
            CaptureError: A graph could not be captured, and nothing was computed.
        """
        batch = plan(self._batches, indices)
        rates = tuple(float(group["lr"]) for group in optimizer.param_groups)
        key = (batch.shape, rates)
        captured = self._captured.get(key)
        self.is_warming_up = captured is None and self._warmups[key] < 2
        with torch.cuda.device(self._device):
            device_indices = to_device(indices, self._device)
            if captured is None:
                self._warmups[key] += 1
                with matmul_precision(self._precision, self._device):
                    if self._warmups[key] == 1:
                        return batch, self._run_uncaptured(optimizer, device_indices, batch.shape)
                    captured = self._captured[key] = self._capture(optimizer, batch.shape)
                if len(self._captured) > MAX_GRAPHS:
                    self._captured.popitem(last=False)
            self._captured.move_to_end(key)
            captured.indices.copy_(device_indices, non_blocking=True)
            captured.graph.replay()
            return batch, captured.loss_sum.clone()  # the next replay overwrites it

    def _run_uncaptured(self, optimizer: Optimizer, indices: Tensor, shape: Shape) -> Tensor:
        """Take a step on the capture stream, because autograd may stay on its first stream."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss_sum = self._step(optimizer, indices, shape)
        current.wait_stream(self._stream)
        return loss_sum

    def _capture(self, optimizer: Optimizer, shape: Shape) -> _Captured:
        indices = torch.zeros(shape.samples, dtype=torch.int64, device=self._device)
        graph, loss_sum = torch.cuda.CUDAGraph(), self._model.decoder.out.weight.new_zeros(())
        random_state = torch.cuda.get_rng_state(self._device)
        # "thread_local" allows other threads to work, on another GPU for example.
        capture = torch.cuda.graph(
            graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
        )
        try:
            # The first context restores the current stream, which a failed capture may not do.
            with torch.cuda.stream(torch.cuda.current_stream(self._device)), capture:
                loss_sum.copy_(self._step(optimizer, indices, shape))
        except RuntimeError as error:
            optimizer.zero_grad(set_to_none=True)
            _recover(graph, self._device, self._pool, random_state)
            # The end of a failed capture raises an error too. The first error has the reason.
            first = error.__context__ or error
            raise CaptureError(shorten(str(first).partition("\n")[0], 200)) from error
        return _Captured(graph, indices, loss_sum)

    def _step(self, optimizer: Optimizer, indices: Tensor, shape: Shape) -> Tensor:
        return take_fixed_step(self._model, self._batches, self._project, optimizer, indices, shape)


@cache
def _capture_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the only capture stream of a GPU, because cuBLAS keeps memory for every stream."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


_failed: list[torch.cuda.CUDAGraph] = []
"""Graphs whose capture failed, kept because torch's allocator may still refer to them."""


def _recover(
    graph: torch.cuda.CUDAGraph, device: torch.device, pool: tuple[int, int], random_state: Tensor
) -> None:
    """End a failed capture for torch's memory allocator and random number generator.

    As of torch 2.13, capture_end fails before it ends the capture for these two.
    """
    try:
        graph.pool()
    except RuntimeError:  # the allocator still allocates for the capture
        _failed.append(graph)
        for end in (torch._C._cuda_endAllocateToPool, torch._C._cuda_releasePool):
            with suppress(RuntimeError):  # already ended
                end(device.index, pool)
    generator = torch.Generator(device)
    generator.set_state(random_state)
    torch.cuda.default_generators[device.index].graphsafe_set_state(generator)
