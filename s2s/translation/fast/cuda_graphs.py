"""CUDA graphs of a whole training step, one for each of a few batch shapes.

A small step is many kernels of a few microseconds each, and Python takes longer than that to
launch one. A graph is captured once; from then on a single launch runs the whole step, from
gathering the sentences to the optimizer (see "CUDA Graphs" in
https://docs.pytorch.org/docs/stable/notes/cuda.html).

A graph's shapes are fixed, so a batch is padded to the next larger of a few: recurrent steps per
side to multiples of 4, rows for real target tokens to multiples of 64, and both to at most 1/16
more if that is coarser. On fra-eng (up to 19 words) the first 1,000 steps need 12 to 18 shapes at
batch sizes 2 to 128 and 2 to 4 from 512 up, for 15% (batch 2), 9% (32) and 5% (512) more recurrent
steps; multiples of 2 would need 40 to 50 shapes for 5%. More rows cost little: at small sizes most
of the time goes into reading and writing the output layer's parameters.
"""

from collections import Counter, OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.optim import Optimizer

from s2s.config import Precision
from s2s.data.batches import Batches, to_device
from s2s.task import Indices
from s2s.training.device import matmul_precision
from s2s.translation.fast.projection import FixedProjection
from s2s.translation.model import Seq2Seq

MOST_GRAPHS = 64
"""Maximum number of graphs; the least recently used is discarded. Each takes some MB."""
_STEP_GRAIN, _ROW_GRAIN = 4, 64
_FINEST_SHARE = 16


class CaptureError(Exception):
    """A graph could not be captured; the message says why."""


@dataclass(frozen=True)
class Shape:
    """A shape that many batches fit in."""

    samples: int
    source_steps: int
    target_steps: int
    rows: int
    """Rows for real target tokens."""


@dataclass(frozen=True)
class PlannedBatch:
    """A batch's shape and counts, computed without the device."""

    shape: Shape
    source_tokens: int
    """Real tokens, EOS included."""
    target_tokens: int

    @property
    def samples(self) -> int:
        return self.shape.samples

    @property
    def padded_tokens(self) -> int:
        """Positions of both sides, padding included."""
        return self.samples * (self.shape.source_steps + self.shape.target_steps)


def round_up(number: int, grain: int, most: int) -> int:
    """Round up to a multiple of `grain`, or of a larger power of two, but not above `most`.

    The power of two is 1/32 to 1/16 of `number`, which must not exceed `most`.
    """
    grain = max(grain, 2 ** (number.bit_length() - 1) // _FINEST_SHARE)
    return min(-(-number // grain) * grain, most)


def plan(batches: Batches, indices: Indices) -> PlannedBatch:
    """Return the shape on the grid to which the pairs at `indices` (B,) are padded."""
    samples, (source, target) = len(indices), batches.get_lengths(indices)
    source_tokens, target_tokens = int(source.sum()), int(target.sum())
    target_steps = round_up(int(target.max()), _STEP_GRAIN, batches.longest_target)
    shape = Shape(
        samples,
        round_up(int(source.max()), _STEP_GRAIN, batches.longest_source),
        target_steps,
        round_up(target_tokens, _ROW_GRAIN, samples * target_steps),
    )
    return PlannedBatch(shape, source_tokens, target_tokens)


def fixed_step(
    model: Seq2Seq,
    batches: Batches,
    project: FixedProjection,
    optimizer: Optimizer,
    indices: Tensor,
    shape: Shape,
) -> Tensor:
    """Take one optimizer step and return the loss sum, a scalar.

    The operations and their order depend on `shape` alone. Gradients are None before and after: in
    a graph they are in the graph's own memory, and are written instead of added to.

    Args:
        indices: (B,) pairs, on the device.
    """
    batch = batches.make_fixed(indices, shape.source_steps, shape.target_steps, shape.rows)
    encoded = model.encoder(batch.source, model.initial_state(shape.samples))
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
    graph: torch.cuda.CUDAGraph
    indices: Tensor
    """(B,) input of the graph."""
    loss_sum: Tensor
    """Scalar output of the graph."""


_Key = tuple[Shape, tuple[float, ...]]


class GraphedSteps:
    """The captured steps of one model on its GPU.

    A shape's first batch is computed without a graph, on the stream of the captures: it is an
    ordinary step, and the warm-up that torch requires before a capture. At the second batch the
    step is captured, which computes nothing, and replayed from then on. So weights, optimizer state
    and random numbers are those of ordinary training, and a shape that occurs once needs no
    capture. A replay never waits for the device.

    All graphs share one memory pool. This is safe because they run one after another, in stream
    order, and nothing in the pool outlives a replay: weights, optimizer state, indices and losses
    are outside. Memory that a graph was captured with must stay in place, so optimizer state is
    loaded before the first step. A learning rate is part of a graph: a new one needs new graphs.
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
        self.is_warming_up = False
        """Whether the last step was the first or second of its shape. A step whose graph was
        discarded for others, and captured again, does not count."""

    def step(self, optimizer: Optimizer, indices: Indices) -> tuple[PlannedBatch, Tensor]:
        """Queue one optimizer step and return the batch and its loss sum, on the device.

        Raises:
            CaptureError: A graph could not be captured. Nothing was computed.
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
                if len(self._captured) > MOST_GRAPHS:
                    self._captured.popitem(last=False)
            self._captured.move_to_end(key)
            captured.indices.copy_(device_indices, non_blocking=True)
            captured.graph.replay()
            return batch, captured.loss_sum.clone()  # the next replay overwrites it

    def _run_uncaptured(self, optimizer: Optimizer, indices: Tensor, shape: Shape) -> Tensor:
        """Compute on the capture stream, because autograd may stay on a weight's first stream."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss_sum = self._step(optimizer, indices, shape)
        current.wait_stream(self._stream)
        return loss_sum

    def _capture(self, optimizer: Optimizer, shape: Shape) -> _Captured:
        indices = torch.zeros(shape.samples, dtype=torch.int64, device=self._device)
        captured = _Captured(
            torch.cuda.CUDAGraph(), indices, self._model.decoder.out.weight.new_zeros(())
        )
        random = torch.cuda.get_rng_state(self._device)
        current = torch.cuda.current_stream(self._device)
        try:
            # The outer `with` restores the current stream, which a failed capture may not.
            # Thread-local: work of other threads, on another GPU for example, is allowed.
            with (
                torch.cuda.stream(current),
                torch.cuda.graph(
                    captured.graph,
                    pool=self._pool,
                    stream=self._stream,
                    capture_error_mode="thread_local",
                ),
            ):
                captured.loss_sum.copy_(self._step(optimizer, indices, shape))
        except RuntimeError as error:
            optimizer.zero_grad(set_to_none=True)
            _restore_allocator(captured.graph, self._device, self._pool)
            _restore_random_state(self._device, random)
            # Ending the capture raises an error too; the first one has the reason.
            first = error.__context__ or error
            reason = (str(first).splitlines() or [type(first).__name__])[0][:200]
            raise CaptureError(reason) from error
        return captured

    def _step(self, optimizer: Optimizer, indices: Tensor, shape: Shape) -> Tensor:
        return fixed_step(self._model, self._batches, self._project, optimizer, indices, shape)


@cache
def _capture_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the process's one capture stream of a GPU, which is used by one run at a time.

    cuBLAS keeps memory for every stream it has ever seen.
    """
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


_failed: list[torch.cuda.CUDAGraph] = []
"""Graphs whose capture failed. torch's allocators may still refer to them."""


def _restore_allocator(
    graph: torch.cuda.CUDAGraph, device: torch.device, pool: tuple[int, int]
) -> None:
    """Make torch stop allocating for a capture that failed, and release its memory.

    Needed as of torch 2.13, whose capture_end fails before it tells the allocator.
    """
    try:
        graph.pool()
    except RuntimeError:  # the allocator still believes in the capture
        _failed.append(graph)
        for end in (torch._C._cuda_endAllocateToPool, torch._C._cuda_releasePool):
            with suppress(RuntimeError):  # already ended
                end(device.index, pool)


def _restore_random_state(device: torch.device, state: Tensor) -> None:
    """Replace torch's generator, which after a failed capture still waits for its end."""
    generator = torch.Generator(device)
    generator.set_state(state)
    torch.cuda.default_generators[device.index].graphsafe_set_state(generator)
