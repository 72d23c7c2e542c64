"""CUDA graphs without a GPU: shapes, the padded step, and when a step is captured.

The graphs themselves need a GPU: test_cuda_graphs_gpu.py.
"""

import functools
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from s2s.config import Engine, OptimizerName, Precision
from s2s.data.batches import BatchMaker
from s2s.records import RemarkKind, StepRecord
from s2s.training.optimizers import build_optimizer
from s2s.translation.engines import ENGINES, FusedEngine, GraphedEngine
from s2s.translation.fast import cuda_graphs as graphed
from s2s.translation.fast.cuda_graphs import (
    CaptureError,
    GraphedSteps,
    Shape,
    plan_batch,
    round_up,
    take_fixed_step,
)
from s2s.translation.fast.projection import FixedProjection
from s2s.translation.model import Seq2Seq
from tests.tiny import MakeTrainer, batches_of, tiny_config

CLOSE = {"rtol": 1e-5, "atol": 1e-8}
Sides = tuple[list[list[int]], list[list[int]]]

sentences = st.lists(st.integers(4, 8), max_size=11).map(lambda words: [*words, 2])
pairs = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=6).map(
    lambda drawn: ([pair[0] for pair in drawn], [pair[1] for pair in drawn])
)
ONE_LENGTH = (
    [[4, 5, 6, 2], [7, 8, 3, 2], [9, 9, 4, 2]],
    [[4, 8, 3, 2], [5, 6, 7, 2], [8, 8, 8, 2]],
)


def model(layers: int = 1, dropout: float = 0.0) -> Seq2Seq:
    torch.manual_seed(0)
    return Seq2Seq(10, 9, hidden_size=4, layers=layers, dropout=dropout).double()


def corpus() -> Sides:
    """Return 40 pairs of sentences of many lengths."""
    random = np.random.default_rng(1)
    source, target = (
        [[*random.integers(3, words, random.integers(0, 12)).tolist(), 2] for _ in range(40)]
        for words in (10, 9)
    )
    return source, target


class Recording(torch.optim.Optimizer):
    """An optimizer that changes nothing and records the gradients of its step."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__(model.parameters(), {"lr": 1.0})
        self._named = dict(model.named_parameters())
        self.gradients: dict[str, torch.Tensor] = {}

    def step(self) -> None:  # type: ignore[override]
        self.gradients = {name: value.grad.clone() for name, value in self._named.items()}


def by_engine(engine: Engine, ours: Seq2Seq, sides: Sides) -> dict[str, Any]:
    """Return loss and gradients of one batch of all these pairs."""
    optimizer = Recording(ours)
    computing = ENGINES[engine](ours, batches_of(*sides), Precision.FP32)
    _, loss_sum = computing.step(optimizer, np.arange(len(sides[0])), True, lambda: None)
    return {"loss": float(loss_sum), **optimizer.gradients}


def fixed(ours: Seq2Seq, sides: Sides, more: tuple[int, int, int]) -> dict[str, Any]:
    """Return the same by the fixed step, in the smallest shape and `more` steps and rows."""
    optimizer, project = Recording(ours), FixedProjection(ours.decoder.out)
    samples, (sources, targets) = len(sides[0]), ([*map(len, side)] for side in sides)
    smallest = max(sources), max(targets), sum(targets)
    shape = Shape(samples, *(size + extra for size, extra in zip(smallest, more, strict=True)))
    batches, indices = batches_of(*sides), torch.arange(samples)
    loss_sum = take_fixed_step(ours, batches, project, optimizer, indices, shape)
    assert all(value.grad is None for value in ours.parameters())
    return {"loss": float(loss_sum), **optimizer.gradients}


# Shapes


@given(st.integers(1, 100_000), st.sampled_from([1, 4, 64]), st.integers(0, 100_000))
def test_rounding_up_covers_and_wastes_little(number: int, grain: int, extra: int) -> None:
    most = number + extra
    rounded = round_up(number, grain, most)
    assert number <= rounded <= most
    assert rounded - number < max(grain, number / 16 + 1)
    assert round_up(rounded, grain, most) == rounded


@pytest.mark.parametrize(
    ("grain", "most", "shapes"), [(4, 20, 5), (4, 1001, 84), (64, 65_536, 169)]
)
def test_there_are_few_shapes(grain: int, most: int, shapes: int) -> None:
    assert len({round_up(number, grain, most) for number in range(1, most + 1)}) <= shapes


@given(pairs)
def test_a_planned_shape_holds_its_batch(sides: Sides) -> None:
    batch = plan_batch(batches_of(*sides), np.arange(len(sides[0])))
    sources, targets = ([len(each) for each in side] for side in sides)
    shape = batch.shape
    assert shape.source_steps == max(sources)  # no more than the longest sentence needs
    assert shape.target_steps == max(targets)
    assert sum(targets) <= shape.rows <= len(targets) * shape.target_steps
    assert (batch.samples, batch.source_tokens) == (len(sources), sum(sources))
    assert batch.target_tokens == sum(targets)
    assert batch.padded_tokens == batch.samples * (shape.source_steps + shape.target_steps)


def test_steps_are_rounded_up_to_four_but_not_above_the_longest_sentence() -> None:
    batches = batches_of([[4] * 5 + [2], [4] * 10], [[2], [5] * 9])
    assert plan_batch(batches, np.array([0])).shape == Shape(1, 8, 4, 4)
    assert plan_batch(batches, np.array([1, 0])).shape == Shape(2, 10, 9, 18)


# The step


@settings(max_examples=30)
@given(pairs, st.tuples(*[st.integers(0, 5)] * 3), st.integers(1, 2))
def test_it_equals_fused_whatever_the_padding(
    sides: Sides, more: tuple[int, int, int], layers: int
) -> None:
    expected = by_engine(Engine.FUSED, model(layers), sides)
    torch.testing.assert_close(fixed(model(layers), sides, more), expected, **CLOSE)


# When a step is captured, with a simulated graph


@dataclass
class Replayed:
    """Does what a graph does: the same step again, on its own memory."""

    replay: Callable[[], object]


class Simulated(GraphedSteps):
    """Graphed steps on a CPU."""

    def __init__(self, model: Seq2Seq, batches: BatchMaker) -> None:
        self._model, self._batches = model, batches
        self._project = FixedProjection(model.decoder.out)
        self._device, self._precision = torch.device("cpu"), Precision.FP32
        self._captured, self._warmups = OrderedDict(), Counter()
        self.is_warming_up, self.captures = False, 0

    def _run_uncaptured(self, optimizer: Any, indices: torch.Tensor, shape: Shape) -> torch.Tensor:
        return self._step(optimizer, indices, shape)

    def _capture(self, optimizer: Any, shape: Shape) -> Any:
        self.captures += 1
        indices = torch.zeros(shape.samples, dtype=torch.int64)
        loss_sum = torch.zeros((), dtype=torch.float64)
        graph = Replayed(lambda: loss_sum.copy_(self._step(optimizer, indices, shape)))
        return graphed._CapturedStep(graph, indices, loss_sum)


@pytest.fixture(autouse=True)
def _no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())


def draw_batches(steps: int, batch_size: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(2)
    return [random.integers(0, 40, batch_size) for _ in range(steps)]


@pytest.mark.parametrize(
    ("name", "layers"),
    [(OptimizerName.RMSPROP, 2), (OptimizerName.ADAM, 1), (OptimizerName.SGD, 1)],
)
def test_60_steps_equal_fused(name: OptimizerName, layers: int) -> None:
    batches, results = batches_of(*corpus()), []
    # The optimizers of `article` are dense, as those on a GPU; those of `fused` are lazy.
    for engine in (Engine.ARTICLE, Engine.FUSED):
        ours = model(layers)
        config = tiny_config(optimizer=name, engine=engine)
        optimizer = build_optimizer(config, ours, ours.embeddings)
        # Losses are not read before the end, as in a run on a GPU.
        if engine is Engine.ARTICLE:
            graphs = Simulated(ours, batches)
            losses = [graphs.step(optimizer, each)[1] for each in draw_batches(60)]
            assert graphs.captures > 3
        else:
            step = FusedEngine(ours, batches, Precision.FP32).step
            losses = [step(optimizer, each, True, lambda: None)[1] for each in draw_batches(60)]
        results.append({"losses": torch.stack(losses), **ours.state_dict()})
    torch.testing.assert_close(*results, **CLOSE)


def test_a_shape_is_captured_at_its_second_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphed, "MAX_GRAPHS", 2)
    ours = model()
    batches = batches_of([[4, 2], [4] * 5 + [2], [4] * 9 + [2]], [[5, 2]] * 3)
    graphs, optimizer = Simulated(ours, batches), torch.optim.SGD(ours.parameters(), lr=0.1)
    steps = []
    for index in (0, 0, 0, 1, 1, 1, 2, 0, 2, 1, 0, 1):
        before = graphs.captures
        graphs.step(optimizer, np.array([index]))
        steps.append((index, graphs.captures > before, graphs.is_warming_up))
    assert steps == [
        (0, False, True), (0, True, True), (0, False, False),
        (1, False, True), (1, True, True), (1, False, False),
        (2, False, True),
        (0, False, False),
        (2, True, True),  # the third graph: that of 1, used least recently, is discarded
        (1, True, False),  # captured again, which is timed; that of 0 is discarded
        (0, True, False),
        (1, False, False),
    ]  # fmt: skip
    optimizer.param_groups[0]["lr"] = 0.01  # a part of a graph
    before = graphs.captures
    for _ in range(3):
        graphs.step(optimizer, np.array([1]))
    assert graphs.captures == before + 1


# The engine, its fallback, and the loop


def test_on_a_cpu_fused_computes_and_a_remark_says_so(make_trainer: MakeTrainer) -> None:
    losses = {}
    for engine in (Engine.FUSED, Engine.GRAPHED):
        trainer = make_trainer(engine=engine)
        losses[engine] = [
            float(event.loss_sum) for event in trainer.run() if isinstance(event, StepRecord)
        ]
    assert losses[Engine.GRAPHED] == losses[Engine.FUSED]
    assert [each.kind for each in trainer.task.remarks] == [RemarkKind.COMPUTED_BY_FUSED]
    assert make_trainer(engine=Engine.FUSED).task.remarks == []


class Failing(Simulated):
    """Graphed steps of which the fourth cannot be captured."""

    steps = 0

    def step(self, optimizer: torch.optim.Optimizer, indices: Any) -> Any:
        self.steps += 1
        if self.steps == 4:
            raise CaptureError("operation not permitted")
        return super().step(optimizer, indices)


def test_a_capture_that_fails_costs_no_step() -> None:
    batches, results = batches_of(*corpus()), {}
    for kind in (FusedEngine, GraphedEngine):
        ours = model()
        optimizer = build_optimizer(tiny_config(engine=Engine.ARTICLE), ours, ours.embeddings)
        engine = kind(ours, batches, Precision.FP32)
        if isinstance(engine, GraphedEngine):
            engine.remarks.clear()
            engine._graphs = Failing(ours, batches)
        untimed = []
        for number, indices in enumerate(draw_batches(20)):
            # Free-running batches in between are computed by `fused`.
            engine.step(optimizer, indices, number % 5 != 1, lambda: None)
            untimed.append(engine.is_warming_up)
        results[kind] = ours.state_dict()
    torch.testing.assert_close(results[GraphedEngine], results[FusedEngine], **CLOSE)
    [remark] = engine.remarks
    assert remark.kind is RemarkKind.COMPUTED_BY_FUSED
    assert "operation not permitted" in remark.detail
    assert untimed[4]  # the step in which it failed
    assert not any(untimed[5:])


def test_a_replay_has_no_phases() -> None:
    ours = model()
    engine = GraphedEngine(ours, batches_of(*ONE_LENGTH), Precision.FP32)
    engine._graphs = Simulated(ours, engine.batches)
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1)
    for forced, marks in ((True, 0), (True, 0), (True, 0), (False, 3)):
        results: list[None] = []
        engine.step(optimizer, np.arange(3), forced, functools.partial(results.append, None))
        assert len(results) == marks


def test_a_step_that_prepares_others_is_not_timed(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Preparing(FusedEngine):
        def step(self, *arguments: Any) -> Any:
            result = super().step(*arguments)
            self.is_warming_up = not self.is_warming_up
            return result

    monkeypatch.setitem(ENGINES, Engine.FUSED, Preparing)
    trainer = make_trainer(iterations=7)
    timed = [event.timed for event in trainer.run() if isinstance(event, StepRecord)]
    assert timed == [False, False, False, True, False, True, False]


# Waiting for the device


@pytest.mark.parametrize("name", OptimizerName)
@pytest.mark.parametrize("bf16", [False, True])
def test_no_operation_of_a_step_depends_on_a_value(name: OptimizerName, bf16: bool) -> None:
    """Fake tensors have no values and raise if a shape or a branch needs one."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        ours = Seq2Seq(10, 9, hidden_size=4, layers=2, dropout=0.2)
        batches = batches_of(*ONE_LENGTH)
        config = tiny_config(optimizer=name, engine=Engine.ARTICLE)
        optimizer = build_optimizer(config, ours, ours.embeddings)
        indices = torch.zeros(3, dtype=torch.int64)
        project = FixedProjection(ours.decoder.out, bf16=bf16)
        for _ in range(2):
            take_fixed_step(ours, batches, project, optimizer, indices, Shape(3, 4, 4, 12))
        with pytest.raises(DataDependentOutputException):
            bool((indices > 0).any())
