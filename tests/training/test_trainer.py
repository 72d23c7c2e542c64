from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from s2s.config import Engine, OptimizerName
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.records import PHASES, Evaluation, StepRecord
from s2s.training import timing as clock
from s2s.training import trainer as loop
from s2s.training.checkpoint import drop_state, load_checkpoint, save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.engines import ENGINES, Forward, FusedEngine
from s2s.translation.translator import Translator
from tests.tiny import tiny_config, tiny_corpus

MakeTrainer = Callable[..., Trainer]


def steps(trainer: Trainer) -> list[StepRecord]:
    return [event for event in trainer.run() if isinstance(event, StepRecord)]


def evaluated_at(trainer: Trainer) -> list[int]:
    return [event.iteration for event in trainer.run() if isinstance(event, Evaluation)]


def losses(trainer: Trainer) -> list[float]:
    return [float(step.loss_sum) for step in steps(trainer)]


# What a step records


@pytest.mark.parametrize("engine", Engine)
def test_counts_of_a_step_are_those_of_its_batch(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    batches = []

    compute = ENGINES[engine].forward

    def noted(self: Any, batch: Any, forced: bool) -> Forward:
        batches.append(batch)
        return compute(self, batch, forced)

    monkeypatch.setattr(ENGINES[engine], "forward", noted)
    records = steps(make_trainer(engine=engine, batch_size=3, iterations=5))
    assert [record.iteration for record in records] == [1, 2, 3, 4, 5]
    assert len(batches) == 5
    for record, batch in zip(records, batches, strict=True):
        assert record.samples == 3
        sides = [
            side if engine is Engine.ARTICLE else side.tokens
            for side in (batch.source, batch.target)
        ]
        assert record.source_tokens == int((sides[0] != 0).sum())
        assert record.target_tokens == int((sides[1] != 0).sum())
        assert record.padded_tokens == sides[0].numel() + sides[1].numel()
        assert record.seconds > 0
        assert len(record.phase_seconds) == len(PHASES)
        assert all(seconds > 0 for seconds in record.phase_seconds)
        assert sum(record.phase_seconds) <= record.seconds


def test_the_first_three_steps_are_warm_up(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(iterations=6)
    assert [step.timed for step in steps(trainer)] == [False] * 3 + [True] * 3
    again = make_trainer(trainer.checkpoint(), iterations=5)
    assert [step.timed for step in steps(again)] == [False] * 3 + [True] * 2


def test_only_training_pairs_are_drawn_and_all_of_them(
    make_trainer: MakeTrainer, tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: set[int] = set()
    trainer = make_trainer(iterations=100)
    batch = trainer._batches.packed

    def seen(indices: Any) -> Any:
        drawn.update(indices.tolist())
        return batch(indices)

    monkeypatch.setattr(trainer._batches, "packed", seen)
    for _ in range(100):
        trainer.step()
    assert drawn == set(tiny.training)
    assert len(tiny.validation) > 0


@pytest.mark.parametrize("optimizer", OptimizerName)
@pytest.mark.parametrize("engine", Engine)
def test_the_loss_falls(make_trainer: MakeTrainer, optimizer: str, engine: str) -> None:
    rate = 0.1 if optimizer == "sgd" else 0.01
    trainer = make_trainer(
        optimizer=optimizer, engine=engine, iterations=40, learning_rate=rate, batch_size=8
    )
    seen = losses(trainer)
    assert np.mean(seen[-10:]) < 0.8 * np.mean(seen[:10])


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_teacher_forcing_is_decided_a_batch(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, engine: Engine, share: float
) -> None:
    forced_batches = []
    compute = ENGINES[engine].forward

    def noted(self: Any, batch: Any, forced: bool) -> Forward:
        forced_batches.append(bool(forced))
        return compute(self, batch, forced)

    monkeypatch.setattr(ENGINES[engine], "forward", noted)
    seen = losses(make_trainer(engine=engine, teacher_forcing=share, iterations=30))
    assert np.isfinite(seen).all()
    assert set(forced_batches) == {0.0: {False}, 0.5: {False, True}, 1.0: {True}}[share]


def test_free_running_is_another_objective(make_trainer: MakeTrainer) -> None:
    assert losses(make_trainer(teacher_forcing=0.0)) != losses(make_trainer(teacher_forcing=1.0))


# Seeds


def test_the_same_seed_gives_the_same_losses_to_the_bit(make_trainer: MakeTrainer) -> None:
    seen = losses(make_trainer(seed=5, dropout=0.5))
    torch.rand(3)  # whatever came before
    assert losses(make_trainer(seed=5, dropout=0.5)) == seen


def test_another_seed_gives_other_weights_and_batches(make_trainer: MakeTrainer) -> None:
    one, other = make_trainer(seed=1), make_trainer(seed=2)
    assert not torch.equal(one.model.decoder.out.weight, other.model.decoder.out.weight)
    assert one._drawing.indices().tolist() != other._drawing.indices().tolist()
    assert losses(one) != losses(other)


def test_evaluating_does_not_change_the_training(make_trainer: MakeTrainer) -> None:
    often = losses(make_trainer(evaluate_every=1, dropout=0.5))
    assert losses(make_trainer(evaluate_every=10, dropout=0.5)) == often


def test_translating_meanwhile_does_not_change_the_training(make_trainer: MakeTrainer) -> None:
    undisturbed = losses(make_trainer(dropout=0.5))
    trainer = make_trainer(dropout=0.5)
    interfered = []
    for event in trainer.run():
        if isinstance(event, StepRecord):
            interfered.append(float(event.loss_sum))
            Translator(trainer.checkpoint()).translate(["je mange du pain."])
    assert interfered == undisturbed


# When it evaluates, and when it ends


@pytest.mark.parametrize(
    ("changes", "iterations"),
    [
        ({"iterations": 20}, list(range(0, 21, 2))),
        ({"iterations": 25}, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25]),
        ({"iterations": 3}, [0, 1, 2, 3]),
        ({"iterations": 1}, [0, 1]),
        ({"iterations": 10, "evaluate_every": 4}, [0, 4, 8, 10]),
        ({"iterations": 8, "evaluate_every": 4}, [0, 4, 8]),
        ({"iterations": 3, "evaluate_every": 100}, [0, 3]),
    ],
)
def test_when_it_evaluates(
    make_trainer: MakeTrainer, changes: dict[str, int], iterations: list[int]
) -> None:
    assert evaluated_at(make_trainer(**changes)) == iterations


def test_a_continued_run_evaluates_ten_times_too(make_trainer: MakeTrainer) -> None:
    first = make_trainer(iterations=7)
    steps(first)
    assert evaluated_at(make_trainer(first.checkpoint(), iterations=20)) == list(range(7, 28, 2))


class Clock:
    """Stands still but for what is said to take time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: float, evaluation: float) -> None:
        self.now = 1000.0
        monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: self.now))
        monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: self.now))
        forward = FusedEngine.forward

        def timed(engine: FusedEngine, batch: Any, forced: bool) -> Forward:
            self.now += step
            return forward(engine, batch, forced)

        monkeypatch.setattr(FusedEngine, "forward", timed)
        evaluate = Trainer.evaluate

        def slow(trainer: Trainer) -> Evaluation:
            self.now += evaluation
            return evaluate(trainer)

        monkeypatch.setattr(Trainer, "evaluate", slow)


def test_evaluations_and_what_is_done_with_them_are_left_out_of_the_time(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, step=2.0, evaluation=100.0)
    trainer = make_trainer(iterations=4, evaluate_every=2)
    seconds, evaluations = [], []
    for event in trainer.run():
        if isinstance(event, StepRecord):
            seconds.append(event.seconds)
            clock.now += 0.5  # the records' way to the store belongs to the next step
        else:
            evaluations.append(event.training_seconds)
            clock.now += 30.0  # the checkpoint's to none
    assert seconds == [2.0, 2.5, 2.0, 2.5]
    assert evaluations == [0.0, 4.5, 9.0]
    assert trainer.training_seconds == 9.0


def test_a_time_limit_counts_training_only(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, step=1.0, evaluation=1000.0)
    trainer = make_trainer(iterations=1_000_000, max_seconds=20.0)
    assert evaluated_at(trainer) == list(range(0, 21, 2))
    assert trainer.iteration == 20


def test_the_iterations_end_a_run_before_its_time_limit(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, step=1.0, evaluation=0.0)
    assert len(steps(make_trainer(iterations=5, max_seconds=1e6))) == 5


def test_leaving_the_loop_is_stopping(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(iterations=100)
    for event in trainer.run():
        if isinstance(event, StepRecord) and event.iteration == 7:
            break
    assert trainer.iteration == trainer.checkpoint().iteration == 7


# Going on


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.0},
        {"momentum": 0.0},
        {"engine": "article", "layers": 2},
        {"teacher_forcing": 0.5},
        {"length_pool": 3},
    ],
)
def test_going_on_is_exact(
    make_trainer: MakeTrainer, tmp_path: Path, changes: dict[str, Any]
) -> None:
    whole = make_trainer(iterations=20, dropout=0.3, **changes)
    expected = losses(whole)
    first = make_trainer(iterations=10, dropout=0.3, **changes)
    seen = losses(first)
    save_checkpoint(tmp_path, first.checkpoint())
    start = load_checkpoint(tmp_path, with_state=True)
    second = make_trainer(start, iterations=10, dropout=0.3, **changes)
    assert seen + losses(second) == expected
    assert second.iteration == 20
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, second.model.state_dict()[name])


def test_going_on_without_state_draws_other_batches(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    first = make_trainer(dropout=0.0)
    seen = losses(first)
    save_checkpoint(tmp_path, first.checkpoint())
    drop_state(tmp_path)
    start = load_checkpoint(tmp_path, with_state=True)
    second = make_trainer(start, dropout=0.0)
    assert torch.equal(second.model.decoder.out.weight, first.model.decoder.out.weight)
    records = steps(second)
    assert [record.iteration for record in records] == list(range(11, 21))
    again = make_trainer(dropout=0.0)._drawing.indices()
    assert not np.array_equal(make_trainer(start)._drawing.indices(), again)
    assert np.mean([float(record.loss_sum) for record in records]) < np.mean(seen)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"optimizer": "adam"}, {"optimizer": "rmsprop"}),
        ({"momentum": 0.0}, {"momentum": 0.9}),
        ({"momentum": 0.9}, {"momentum": 0.0}),
        ({"optimizer": "sgd", "momentum": 0.0}, {"optimizer": "sgd", "momentum": 0.9}),
        ({}, {"batch_size": 7, "learning_rate": 0.5, "engine": "article", "dropout": 0.0}),
    ],
)
def test_going_on_with_other_settings(
    make_trainer: MakeTrainer, before: dict[str, Any], after: dict[str, Any]
) -> None:
    first = make_trainer(**before)
    steps(first)
    second = make_trainer(first.checkpoint(), **after)
    assert second.optimizer.param_groups[0]["lr"] == second.config.learning_rate
    assert len(losses(second)) == 10


def test_another_vocabulary_is_refused(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    start = make_trainer().checkpoint()
    other = tiny_corpus(tmp_path, "other", max_vocabulary=6)
    with pytest.raises(UserError, match="'other' has another vocabulary than the run to go on"):
        Trainer(tiny_config(corpus="other"), other, torch.device("cpu"), start)


@pytest.mark.parametrize("changes", [{"hidden_size": 16}, {"layers": 2}])
def test_another_shape_is_refused(make_trainer: MakeTrainer, changes: dict[str, int]) -> None:
    start = make_trainer().checkpoint()
    with pytest.raises(UserError, match="has hidden size 8 and 1 layers; a continued run keeps"):
        make_trainer(start, **changes)


def test_a_continued_run_with_another_seed_draws_other_batches(make_trainer: MakeTrainer) -> None:
    first = make_trainer(iterations=3)
    steps(first)
    drawn = [
        [step.source_tokens for step in steps(make_trainer(first.checkpoint(), seed=seed))]
        for seed in (first.config.seed, first.config.seed, first.config.seed + 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
