"""CUDA graphs of a whole training step, one graph for each of a few batch shapes.

A small step runs many kernels of a few microseconds each, and Python needs longer to launch them
than the GPU to run them. A captured graph runs the whole step, from gathering the sentences to the
optimizer, in one launch (see "CUDA Graphs" in https://docs.pytorch.org/docs/stable/notes/cuda.html).

A graph has fixed shapes, so a batch is padded to one of a few. The recurrent steps of each side are
rounded up to a multiple of 4, the rows for real target tokens to a multiple of 64, and large
numbers to coarser multiples that add at most 1/16. On fra-eng the first 1,000 steps need 12 to 18
shapes at batch sizes 2 to 128. The padding adds 15% to the recurrent steps at batch size 2, and 9%
at batch size 32.
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
from s2s.data.batches import BatchMaker, to_device
from s2s.errors import shorten
from s2s.task import Indices
from s2s.training.device import matmul_precision
from s2s.translation.fast.projection import FixedProjection
from s2s.translation.model import Seq2Seq

MAX_GRAPHS = 64
"""Maximum number of graphs; each takes some MB. Beyond it, the least recently used is discarded."""
_STEP_UNIT, _ROW_UNIT = 4, 64


class CaptureError(Exception):
    """A graph could not be captured. The message says why."""


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
    """Shape and counts of a batch, computed on the CPU before the batch exists."""

    shape: Shape
    samples: int
    source_tokens: int
    """Real tokens, EOS included."""
    target_tokens: int
    padded_tokens: int
    """Positions of both sides, padding included."""


def round_up(number: int, unit: int, maximum: int) -> int:
    """Round up to a multiple of `unit`, but not above `maximum`.

    For a large number, the unit is the power of two between 1/32 and 1/16 of the number.
    """
    unit = max(unit, 2 ** (number.bit_length() - 1) // 16)
    return min(math.ceil(number / unit) * unit, maximum)


def plan_batch(batches: BatchMaker, indices: Indices) -> PlannedBatch:
    """Choose a shape for the pairs at `indices` (B,), and count their tokens."""
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
    batches: BatchMaker,
    project: FixedProjection,
    optimizer: Optimizer,
    indices: Tensor,
    shape: Shape,
) -> Tensor:
    """Take one optimizer step on the pairs at `indices` (B,), and return the scalar loss sum.

    The operations and their order depend on `shape` alone. Gradients are `None` before and after
    the step, so that a graph allocates them in its own memory.
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
class _CapturedStep:
    """A captured graph with its input and output."""

    graph: torch.cuda.CUDAGraph
    indices: Tensor
    """(B,) indices of the batch's pairs. Written before a replay."""
    loss_sum: Tensor


_Key = tuple[Shape, tuple[float, ...]]
"""A batch shape and the learning rates. A graph contains both as constants."""


class GraphedSteps:
    """Takes training steps of one model on its GPU, by capturing and replaying graphs.

    The first batch of a shape is computed without a graph. This ordinary step is also the warm-up
    that torch requires before a capture. At the second batch the step is captured and then
    replayed. The capture itself computes nothing, so weights, optimizer state and random numbers
    are the same as in ordinary training. A replay never waits for the device.

    All graphs share one memory pool. This is safe because the graphs run one after another, and
    weights, optimizer state, indices and losses are outside the pool. These must keep their place
    in memory, so optimizer state is loaded before the first step.
    """

    def __init__(
        self, model: Seq2Seq, batches: BatchMaker, project: FixedProjection, precision: Precision
    ) -> None:
        self._model, self._batches, self._project = model, batches, project
        self._precision = precision
        self._device = model.decoder.out.weight.device
        self._stream = _capture_stream(self._device)
        self._pool = torch.cuda.graph_pool_handle()
        self._captured: OrderedDict[_Key, _CapturedStep] = OrderedDict()
        self._warmups: Counter[_Key] = Counter()
        """Steps per key that found no graph: first the warm-up, then the capture."""
        self.is_warming_up = False
        """Whether the last step was the first or second of its key."""

    def step(self, optimizer: Optimizer, indices: Indices) -> tuple[PlannedBatch, Tensor]:
        """Queue one optimizer step. Return the planned batch, and its loss sum on the device.

        Raises:
            CaptureError: A graph could not be captured, and nothing was computed.
        """
        batch = plan_batch(self._batches, indices)
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
            return batch, captured.loss_sum.clone()  # the next replay overwrites the original

    def _run_uncaptured(self, optimizer: Optimizer, indices: Tensor, shape: Shape) -> Tensor:
        """Take a step on the capture stream, because autograd may keep using its first stream."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss_sum = self._step(optimizer, indices, shape)
        current.wait_stream(self._stream)
        return loss_sum

    def _capture(self, optimizer: Optimizer, shape: Shape) -> _CapturedStep:
        indices = torch.zeros(shape.samples, dtype=torch.int64, device=self._device)
        graph, loss_sum = torch.cuda.CUDAGraph(), self._model.decoder.out.weight.new_zeros(())
        random_state = torch.cuda.get_rng_state(self._device)
        # "thread_local" lets other threads use CUDA during the capture, on another GPU for example.
        capture = torch.cuda.graph(
            graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
        )
        try:
            # The first context restores the current stream. A failed capture may not do that.
            with torch.cuda.stream(torch.cuda.current_stream(self._device)), capture:
                loss_sum.copy_(self._step(optimizer, indices, shape))
        except RuntimeError as error:
            optimizer.zero_grad(set_to_none=True)
            _recover(graph, self._device, self._pool, random_state)
            # Ending a failed capture raises a second error. The first one tells the reason.
            first = error.__context__ or error
            raise CaptureError(shorten(str(first).partition("\n")[0], 200)) from error
        return _CapturedStep(graph, indices, loss_sum)

    def _step(self, optimizer: Optimizer, indices: Tensor, shape: Shape) -> Tensor:
        return take_fixed_step(self._model, self._batches, self._project, optimizer, indices, shape)


@cache
def _capture_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the GPU's only capture stream. cuBLAS would keep memory for each further stream."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


_failed_graphs: list[torch.cuda.CUDAGraph] = []
"""Graphs that could not be captured. They are kept: torch's allocator may still refer to them."""


def _recover(
    graph: torch.cuda.CUDAGraph, device: torch.device, pool: tuple[int, int], random_state: Tensor
) -> None:
    """End a failed capture for torch's memory allocator and random number generator.

    As of torch 2.13, capture_end fails before it ends the capture for these two.
    """
    try:
        graph.pool()
    except RuntimeError:  # the allocator still allocates for the capture
        _failed_graphs.append(graph)
        for end in (torch._C._cuda_endAllocateToPool, torch._C._cuda_releasePool):
            with suppress(RuntimeError):  # already ended
                end(device.index, pool)
    generator = torch.Generator(device)
    generator.set_state(random_state)
    torch.cuda.default_generators[device.index].graphsafe_set_state(generator)
