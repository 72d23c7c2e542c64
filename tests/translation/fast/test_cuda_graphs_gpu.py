"""CUDA graphs, precision and memory on a GPU."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from s2s.config import Engine, OptimizerName, Precision, TrainConfig
from s2s.data.batches import BatchMaker
from s2s.data.corpus import Corpus
from s2s.records import RemarkKind, StepRecord
from s2s.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from s2s.training.optimizers import build_optimizer
from s2s.training.trainer import Trainer
from s2s.translation.engines import ENGINES, FusedEngine, GraphedEngine, StepEngine
from s2s.translation.fast import cuda_graphs as graphed
from s2s.translation.fast.projection import FixedProjection
from s2s.translation.model import Seq2Seq
from s2s.translation.task import TranslationTask
from tests.tiny import MakeTrainer, batches_of, tiny_config

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    # torch's warning about the check for synchronizing calls.
    pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype"),
]

CLOSE = {"rtol": 1e-5, "atol": 1e-8}
GPU = torch.device("cuda:0")


@pytest.fixture
def on_gpu(tiny: Corpus) -> MakeTrainer:
    """`on_gpu(start, **changes of the tiny configuration)`"""

    def make(start: Checkpoint | None = None, **changes: Any) -> Trainer:
        config = tiny_config(**{"engine": "graphed", "device": "cuda:0", **changes})
        return Trainer(TranslationTask(config, tiny, GPU), start)

    return make


def corpus() -> BatchMaker:
    """Return 60 pairs of sentences of many lengths."""
    random = np.random.default_rng(1)
    source, target = (
        [[*random.integers(3, 50, random.integers(0, 12)).tolist(), 2] for _ in range(60)]
        for _ in range(2)
    )
    return batches_of(source, target, "cuda:0")


def model(
    *, width: int = 16, layers: int = 1, dropout: float = 0.0, kind: torch.dtype = torch.float64
) -> Seq2Seq:
    torch.manual_seed(0)
    return Seq2Seq(50, 50, hidden_size=width, layers=layers, dropout=dropout).to(GPU, kind)


def draw_batches(steps: int, batch_size: int = 4) -> list[np.ndarray]:
    random = np.random.default_rng(2)
    return [random.integers(0, 60, batch_size) for _ in range(steps)]


def build(
    engine: Engine, ours: Seq2Seq, **changes: Any
) -> tuple[StepEngine, torch.optim.Optimizer]:
    optimizer = build_optimizer(TrainConfig(engine=engine, **changes), ours, ours.embeddings)
    return ENGINES[engine](ours, corpus(), Precision.FP32), optimizer


def graphs_of(engine: StepEngine) -> int:
    assert isinstance(engine, GraphedEngine)
    assert engine._graphs is not None, engine.remarks
    return len(engine._graphs._captured)


def losses(trainer: Trainer) -> list[float]:
    return [float(event.loss_sum) for event in trainer.run() if isinstance(event, StepRecord)]


@pytest.mark.parametrize(
    ("steps", "batch_size", "layers", "changes"),
    [
        *(
            (100, 4, layers, {"optimizer": name, "momentum": momentum})
            for layers in (1, 2)
            for name in OptimizerName
            for momentum in (0.0, 0.9)
        ),
        # Above 3,072 words per batch torch sums an embedding's gradient differently.
        (12, 700, 1, {}),
    ],
)
@pytest.mark.parametrize("free_running", [False, True])
def test_graphed_equals_fused(
    steps: int, batch_size: int, layers: int, changes: dict[str, Any], free_running: bool
) -> None:
    results = {}
    for kind in (Engine.FUSED, Engine.GRAPHED):
        ours = model(layers=layers)
        engine, optimizer = build(kind, ours, **changes)
        losses = [
            engine.step(optimizer, indices, number % 3 > 0 or not free_running, lambda: None)[1]
            for number, indices in enumerate(draw_batches(steps, batch_size))
        ]
        results[kind] = {"losses": torch.stack(losses), **ours.state_dict()}
    assert graphs_of(engine) >= 1
    assert engine.remarks == []
    torch.testing.assert_close(results[Engine.GRAPHED], results[Engine.FUSED], **CLOSE)


@pytest.mark.parametrize("engine", [Engine.FUSED, Engine.GRAPHED])
def test_nothing_in_a_step_waits_for_the_device(on_gpu: MakeTrainer, engine: Engine) -> None:
    trainer = on_gpu(engine=engine, batch_size=2)
    for _ in range(200):  # every shape occurs twice and is captured
        trainer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        records = [trainer.step() for _ in range(20)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(np.isfinite(float(record.loss_sum)) for record in records)


def test_each_replay_has_its_own_loss_and_dropout() -> None:
    ours = model(dropout=0.5)
    engine, optimizer = build(
        Engine.GRAPHED, ours, optimizer="sgd", momentum=0.0, learning_rate=1e-30
    )
    sums = [engine.step(optimizer, np.arange(4), True, lambda: None)[1] for _ in range(10)]
    assert graphs_of(engine) == 1
    assert len(set(torch.stack(sums).tolist())) == 10


def test_a_capture_changes_neither_weights_nor_random_numbers() -> None:
    ours = model(dropout=0.5)
    engine, optimizer = build(Engine.GRAPHED, ours)
    assert isinstance(engine, GraphedEngine)
    assert engine._graphs is not None
    engine.step(optimizer, np.arange(4), True, lambda: None)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    random = torch.cuda.get_rng_state(GPU)
    engine._graphs._capture(optimizer, graphed.plan(engine.batches, np.arange(4)).shape)
    torch.testing.assert_close(ours.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(torch.cuda.get_rng_state(GPU), random)
    assert all(value.grad is None for value in ours.parameters())


def test_if_no_graph_can_be_captured_fused_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    step = graphed.take_fixed_step

    def waiting(*arguments: Any) -> torch.Tensor:
        loss_sum = step(*arguments)
        loss_sum.item()  # not allowed in a capture
        return loss_sum

    monkeypatch.setattr(graphed, "take_fixed_step", waiting)
    results = {}
    for kind in (Engine.FUSED, Engine.GRAPHED):
        ours = model()
        engine, optimizer = build(kind, ours)
        for indices in draw_batches(30):
            engine.step(optimizer, indices, True, lambda: None)
        results[kind] = ours.state_dict()
    torch.testing.assert_close(results[Engine.GRAPHED], results[Engine.FUSED], **CLOSE)
    [remark] = engine.remarks
    assert remark.kind is RemarkKind.COMPUTED_BY_FUSED
    assert torch.cuda.current_stream(GPU) == torch.cuda.default_stream(GPU)
    # Random numbers still work, and another model's graphs are captured.
    torch.rand(3, device=GPU)
    monkeypatch.setattr(graphed, "take_fixed_step", step)
    engine, optimizer = build(Engine.GRAPHED, model(dropout=0.5))
    for indices in draw_batches(30):
        engine.step(optimizer, indices, True, lambda: None)
    assert graphs_of(engine) > 0


def test_an_evaluation_between_replays_changes_nothing(on_gpu: MakeTrainer) -> None:
    """With SGD, which does not amplify differences of rounding."""
    choices = {"iterations": 60, "optimizer": "sgd", "learning_rate": 1e-2}
    rare, frequent = (losses(on_gpu(evaluate_every=every, **choices)) for every in (60, 1))
    assert frequent == pytest.approx(rare, rel=1e-5)


@pytest.mark.parametrize("name", OptimizerName)
def test_a_run_continues_from_its_checkpoint(
    on_gpu: MakeTrainer, tmp_path: Path, name: OptimizerName
) -> None:
    choices = {"optimizer": name, "learning_rate": 1e-4, "batch_size": 2, "evaluate_every": 1000}
    straight = losses(on_gpu(iterations=60, **choices))
    first = on_gpu(iterations=30, **choices)
    begun = losses(first)
    save_checkpoint(tmp_path, first.checkpoint())
    continued = on_gpu(load_checkpoint(tmp_path, with_state=True), iterations=30, **choices)
    entries = [
        value
        for state in continued.optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    ]
    assert entries
    assert all(value.is_cuda for value in entries)
    assert begun + losses(continued) == pytest.approx(straight, rel=1e-3)
    assert continued.task.remarks == []


def test_captures_are_left_out_of_the_timing(on_gpu: MakeTrainer) -> None:
    trainer = on_gpu(iterations=100, batch_size=2)
    records = [event for event in trainer.run() if isinstance(event, StepRecord)]
    graphs = graphs_of(trainer.task.engine)
    untimed = sum(not record.timed for record in records)
    assert 2 * graphs <= untimed <= 3 + 2 * graphs + 5
    assert all(record.timed for record in records[-10:])
    assert all(0 < record.seconds < 10 for record in records)


# Precision


def error_of(precision: Precision, kind: type[StepEngine]) -> float:
    """Return the relative error of a step's update in this precision, against float64."""
    results = {}
    for dtype in (torch.float64, torch.float32):
        ours = model(width=256, kind=dtype)
        start = {name: value.double() for name, value in ours.state_dict().items()}
        engine = kind(ours, corpus(), precision if dtype is torch.float32 else Precision.FP32)
        optimizer = torch.optim.SGD(ours.parameters(), lr=1.0)
        for _ in range(1 if kind is FusedEngine else 3):
            ours.load_state_dict(start)
            engine.step(optimizer, np.arange(4), True, lambda: None)
        results[dtype] = {
            name: value.double() - start[name] for name, value in ours.state_dict().items()
        }
    exact, rounded = results[torch.float64], results[torch.float32]
    return max(float((rounded[name] - exact[name]).norm() / exact[name].norm()) for name in exact)


@pytest.mark.parametrize("kind", [FusedEngine, GraphedEngine])
def test_fp32_is_exact_and_the_others_are_close(kind: type[StepEngine]) -> None:
    exact = error_of(Precision.FP32, kind)
    assert exact < 2e-5
    assert error_of(Precision.BF16, kind) < 5e-2
    if torch.cuda.get_device_capability(GPU) >= (8, 0):
        assert 2 * exact < error_of(Precision.TF32, kind) < 1e-2


def test_the_projection_on_the_gpu_is_that_on_the_cpu() -> None:
    results = []
    for device in ("cpu", "cuda:0"):
        torch.manual_seed(0)
        out = torch.nn.Linear(16, 300, dtype=torch.float64)
        hidden, targets = torch.randn(70, 16, dtype=torch.float64), torch.randint(0, 300, (70,))
        real = torch.rand(70) > 0.3
        out = out.to(device)
        project = FixedProjection(out, chunk_bytes=20 * 300 * 8)
        result = project(hidden.to(device), targets.to(device), 0.1, real.to(device))
        results.append([each.cpu() for each in (*result, out.weight.grad, out.bias.grad)])
    torch.testing.assert_close(results[1], results[0], **CLOSE)


# Memory


def test_a_run_releases_its_memory(on_gpu: MakeTrainer) -> None:
    left = []
    for _ in range(3):
        trainer = on_gpu(iterations=60, batch_size=2)
        list(trainer.run())
        assert graphs_of(trainer.task.engine) > 0
        del trainer
        gc.collect()
        torch.cuda.empty_cache()
        left.append((torch.cuda.memory_allocated(GPU), torch.cuda.memory_reserved(GPU)))
    assert left[2] == left[1]  # cuBLAS keeps some memory after the first one
