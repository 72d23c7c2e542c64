"""Captured CUDA graphs of a whole training step, one for each of a few shapes of batches.

A small step is many kernels of a few microseconds each, and telling the GPU to start one takes
Python longer than that. A graph is a step told once: from then on one call starts all of it, from
drawing the sentences out of the resident corpus to the optimizer (see "CUDA Graphs" in
https://docs.pytorch.org/docs/stable/notes/cuda.html).

A graph's shapes are fixed, so a batch is padded to the next larger of a few. `round_up` sets the
grid: the recurrent steps of a side to multiples of 4, the places for real target tokens to
multiples of 64, and both to 1/16 at most where that is more. On fra-eng (fra.txt, up to 19 words)
the first 1,000 steps then meet 12 to 18 shapes at batch 2 to 128 and 2 to 4 from 512 up, for 15 %
(batch 2), 9 % (32) and 5 % (512) more recurrent steps than the batches have; multiples of 2 would
make 40 to 50 shapes for 5 %. More places for target tokens cost little: where they are few,
reading and writing the output layer's parameters is what takes the time.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s2s.config import Precision
from s2s.data.batches import Batches, FixedBatch, sent
from s2s.training.device import matmul_precision
from s2s.translation.fast.projection import FixedProjection
from s2s.translation.model import Seq2Seq

MOST_GRAPHS = 64
"""Kept at a time, the last used ones. Each holds some MB of its own on the device."""
_STEP_GRAIN, _ROW_GRAIN = 4, 64
_FINEST_SHARE = 16

Indices = npt.NDArray[np.int64]
Project = Callable[[Tensor, Tensor, float, Tensor], tuple[Tensor, Tensor]]
"""FixedProjection, or a function that computes the same."""


class CaptureError(Exception):
    """No graph can be captured here; the text says why."""


@dataclass(frozen=True)
class Shape:
    """Sizes that many batches fit in."""

    samples: int
    source_steps: int
    target_steps: int
    rows: int
    """Places for real target tokens."""


@dataclass(frozen=True)
class PlannedBatch:
    """What is known of a batch without asking the device."""

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
    """To a multiple of `grain`, or of the power of two that is 1/32 to 1/16 of `number` where that
    is larger; `most` at most, which `number` does not exceed."""
    grain = max(grain, 2 ** (number.bit_length() - 1) // _FINEST_SHARE)
    return min(-(-number // grain) * grain, most)


def plan(batches: Batches, indices: Indices) -> PlannedBatch:
    """The shape on the grid that the pairs at `indices` (B,) are padded to."""
    samples, (source, target) = len(indices), batches.lengths(indices)
    source_tokens, target_tokens = int(source.sum()), int(target.sum())
    longest_source, longest_target = batches.longest()
    target_steps = round_up(int(target.max()), _STEP_GRAIN, longest_target)
    shape = Shape(
        samples,
        round_up(int(source.max()), _STEP_GRAIN, longest_source),
        target_steps,
        round_up(target_tokens, _ROW_GRAIN, samples * target_steps),
    )
    return PlannedBatch(shape, source_tokens, target_tokens)


def fixed_forward(model: Seq2Seq, batch: FixedBatch) -> Tensor:
    """(R, H) decoder outputs at the batch's rows when each step is fed the reference's word."""
    encoded = model.encoder(batch.source, model.initial_state(batch.source.shape[1]))
    state = torch.stack([each.flatten(0, 1).index_select(0, batch.source_ends) for each in encoded])
    hidden, _ = model.decoder(batch.before, state)
    rows: Tensor = hidden.flatten(0, 1).index_select(0, batch.rows)
    return rows


def fixed_step(
    model: Seq2Seq,
    batches: Batches,
    project: Project,
    optimizer: torch.optim.Optimizer,
    indices: Tensor,
    shape: Shape,
) -> Tensor:
    """One optimizer step on the pairs at `indices` (B,), on the device -> the loss sum, a scalar.

    What is computed, and in which order, depends on `shape` alone. Gradients begin and end as
    None, so that in a graph they lie in the graph's own memory and are written, not added to.
    """
    batch = batches.fixed(indices, shape.source_steps, shape.target_steps, shape.rows)
    hidden = fixed_forward(model, batch)
    loss_sum, gradient = project(hidden.detach(), batch.targets, 1 / shape.samples, batch.real)
    torch.autograd.backward(hidden, gradient)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss_sum


@dataclass(frozen=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    indices: Tensor
    """(B,) what the graph reads."""
    loss_sum: Tensor
    """Scalar, what it writes."""


_Key = tuple[Shape, tuple[float, ...]]


class Graphs:
    """The captured steps of one model on its GPU.

    A shape's first batch is computed without a graph, on the stream that graphs are captured on:
    an ordinary step, and the warm-up that torch asks for before a capture. At its second batch the
    step is captured, which computes nothing, and replayed from then on. So weights, the
    optimizer's state and torch's random numbers go on as in any training, and a shape that comes
    once costs no capture. Nothing in a replay waits for the device.

    All graphs share one pool of memory, which is safe because they run one after the other, in the
    stream's order, and nothing in the pool outlives a replay: weights, optimizer state, indices
    and losses lie outside. What a graph was captured with must stay where it is: the optimizer's
    state is loaded before the first step, not later. A learning rate is part of a graph, so a new
    one makes new graphs.
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
        self._prepared: Counter[_Key] = Counter()
        self.warming_up = False
        """Whether the last step was a shape's first one, or the one before which it was captured.
        A shape that was captured, and forgotten for others, counts as any step."""

    def step(
        self, optimizer: torch.optim.Optimizer, indices: Indices
    ) -> tuple[PlannedBatch, Tensor]:
        """One optimizer step -> the batch and its loss sum, still to be computed by the device.

        Raises CaptureError, before anything was computed, where a graph cannot be captured.
        """
        batch = plan(self._batches, indices)
        rates = tuple(float(group["lr"]) for group in optimizer.param_groups)
        key = (batch.shape, rates)
        captured = self._captured.get(key)
        self.warming_up = captured is None and self._prepared[key] < 2
        with torch.cuda.device(self._device):
            there = sent(indices, self._device)
            if captured is None:
                self._prepared[key] += 1
                with matmul_precision(self._precision, self._device):
                    if self._prepared[key] == 1:
                        return batch, self._uncaptured(optimizer, there, batch.shape)
                    captured = self._captured[key] = self._capture(optimizer, batch.shape)
                if len(self._captured) > MOST_GRAPHS:
                    self._captured.popitem(last=False)
            self._captured.move_to_end(key)
            captured.indices.copy_(there, non_blocking=True)
            captured.graph.replay()
            return batch, captured.loss_sum.clone()  # the next replay writes over it

    def _uncaptured(
        self, optimizer: torch.optim.Optimizer, indices: Tensor, shape: Shape
    ) -> Tensor:
        """On the stream of the captures: autograd may stay where it first saw a weight.

        The streams wait for each other, so neither uses memory of the other's too early.
        """
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss_sum = self._step(optimizer, indices, shape)
        current.wait_stream(self._stream)
        return loss_sum

    def _capture(self, optimizer: torch.optim.Optimizer, shape: Shape) -> _Captured:
        indices = torch.zeros(shape.samples, dtype=torch.int64, device=self._device)
        captured = _Captured(
            torch.cuda.CUDAGraph(), indices, self._model.decoder.out.weight.new_zeros(())
        )
        random = torch.cuda.get_rng_state(self._device)
        current = torch.cuda.current_stream(self._device)
        try:
            # A capture that fails may leave its stream the current one; the outer `with` does not.
            # Thread-local: what other threads do meanwhile, on another GPU say, is no error.
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
            _mend_memory(captured.graph, self._device, self._pool)
            _mend_random_numbers(self._device, random)
            # What ends the capture complains too, about what went wrong in it.
            first = error.__context__ or error
            reason = (str(first).splitlines() or [type(first).__name__])[0][:200]
            raise CaptureError(reason) from error
        return captured

    def _step(self, optimizer: torch.optim.Optimizer, indices: Tensor, shape: Shape) -> Tensor:
        return fixed_step(self._model, self._batches, self._project, optimizer, indices, shape)


@cache
def _capture_stream(device: torch.device) -> torch.cuda.Stream:
    """One a GPU for the whole process: cuBLAS keeps memory for each stream that it ever saw, and
    the device is used by one run at a time."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


_failed: list[torch.cuda.CUDAGraph] = []
"""torch's allocators may go on asking a graph whose capture failed: it must stay."""


def _mend_memory(graph: torch.cuda.CUDAGraph, device: torch.device, pool: tuple[int, int]) -> None:
    """After a capture that failed torch may go on taking memory for it, and not free what it took.

    As of torch 2.13: capture_end fails before it says that the capture is over.
    """
    try:
        graph.pool()
    except RuntimeError:  # it has not ended, and will not say so itself
        _failed.append(graph)
        for say_so in (torch._C._cuda_endAllocateToPool, torch._C._cuda_releasePool):
            with suppress(RuntimeError):  # said already
                say_so(device.index, pool)


def _mend_random_numbers(device: torch.device, state: Tensor) -> None:
    """After a capture that failed torch's generator still waits for its end; a new one does not."""
    generator = torch.Generator(device)
    generator.set_state(state)
    torch.cuda.default_generators[device.index].graphsafe_set_state(generator)
