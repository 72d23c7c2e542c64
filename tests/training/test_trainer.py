"""The training loop: step records, seeds, evaluations, the end of a run, and exact resume."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from s2s.config import Engine
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.records import PHASES, Evaluation, StepRecord
from s2s.training import timing, trainer
from s2s.training.checkpoint import drop_state, load_checkpoint, save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.engines import ENGINES, Forward, FusedEngine
from s2s.translation.translator import Translator
from tests.tiny import MakeTrainer, tiny_corpus, tiny_task


def steps(trainer: Trainer) -> list[StepRecord]:
    return [event for event in trainer.run() if isinstance(event, StepRecord)]


def losses(trainer: Trainer) -> list[float]:
    return [float(step.loss_sum) for step in steps(trainer)]


def evaluated_at(trainer: Trainer) -> list[int]:
    return [event.iteration for event in trainer.run() if isinstance(event, Evaluation)]


@pytest.mark.parametrize("engine", Engine)
def test_steps_count_their_batches_and_teacher_forcing_is_decided_per_batch(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    batches, forward = [], ENGINES[engine].forward

    def recorded(self: Any, batch: Any, forced: bool) -> Forward:
        batches.append((batch, bool(forced)))
        return forward(self, batch, forced)

    monkeypatch.setattr(ENGINES[engine], "forward", recorded)
    losses = {}
    for share, expected in ((0.0, {False}), (0.5, {False, True}), (1.0, {True})):
        batches.clear()
        trainer = make_trainer(engine=engine, batch_size=3, iterations=12, teacher_forcing=share)
        records = steps(trainer)
        losses[share] = [float(record.loss_sum) for record in records]
        assert {forced for _, forced in batches} == expected
    assert losses[0.0] != losses[1.0]
    assert [record.iteration for record in records] == list(range(1, 13))
    assert [record.timed for record in records] == [False] * 3 + [True] * 9  # after the warm-up
    for record, (batch, _) in zip(records, batches, strict=True):
        source, target = batch.source, batch.target
        if engine is not Engine.ARTICLE:
            source, target = source.tokens, target.tokens
        assert record.samples == 3
        assert record.source_tokens == int((source != 0).sum())
        assert record.target_tokens == int((target != 0).sum())
        assert record.padded_tokens == source.numel() + target.numel()
        assert len(record.phase_seconds) == len(PHASES)
        assert all(seconds > 0 for seconds in record.phase_seconds)
        assert sum(record.phase_seconds) <= record.seconds


def test_a_run_depends_on_its_seed_alone(make_trainer: MakeTrainer) -> None:
    """Neither evaluations nor translations in between change a bit."""
    expected = losses(make_trainer(seed=5, dropout=0.5, evaluate_every=1))
    torch.rand(3)
    translated = make_trainer(seed=5, dropout=0.5, evaluate_every=10)
    results = []
    for event in translated.run():
        if isinstance(event, StepRecord):
            results.append(float(event.loss_sum))
            Translator(translated.checkpoint()).translate(["je mange du pain."])
    assert results == expected
    assert losses(make_trainer(seed=6, dropout=0.5)) != expected


def test_training_pairs_alone_are_drawn(make_trainer: MakeTrainer, tiny: Corpus) -> None:
    assert tiny.training == range(len(make_trainer().task.lengths))
    assert len(tiny.validation) > 0


class Clock:
    """A clock that stands still except during steps and evaluations, which take these seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: float, evaluation: float) -> None:
        self.now = 1000.0
        for module in (trainer, timing):
            clock = SimpleNamespace(perf_counter=lambda: self.now)
            monkeypatch.setattr(module, "time", clock)

        def slow_down(owner: type, name: str, seconds: float) -> None:
            method = getattr(owner, name)

            def slow_method(*arguments: Any, **options: Any) -> Any:
                self.now += seconds
                return method(*arguments, **options)

            monkeypatch.setattr(owner, name, slow_method)

        slow_down(FusedEngine, "forward", step)
        slow_down(Trainer, "evaluate", evaluation)


@pytest.mark.parametrize(
    ("changes", "iterations"),
    [
        ({"iterations": 20}, list(range(0, 21, 2))),
        ({"iterations": 25}, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25]),
        ({"iterations": 1}, [0, 1]),
        ({"iterations": 10, "evaluate_every": 4}, [0, 4, 8, 10]),
        ({"iterations": 8, "evaluate_every": 4}, [0, 4, 8]),
        ({"iterations": 3, "evaluate_every": 100}, [0, 3]),
        ({"iterations": 1_000_000, "max_seconds": 20.0}, list(range(0, 21, 2))),
        ({"iterations": 5, "max_seconds": 1e6}, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_when_it_evaluates_and_ends(
    make_trainer: MakeTrainer,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    iterations: list[int],
) -> None:
    Clock(monkeypatch, step=1.0, evaluation=1000.0)
    trainer = make_trainer(**changes)
    assert evaluated_at(trainer) == iterations
    assert trainer.iteration == iterations[-1]


def test_a_continued_run_evaluates_ten_times_and_warms_up_again(make_trainer: MakeTrainer) -> None:
    first = make_trainer(iterations=100)
    for event in first.run():
        if isinstance(event, StepRecord) and event.iteration == 7:
            break  # leaving the loop stops the run
    start = first.checkpoint()
    assert start.iteration == 7
    assert evaluated_at(make_trainer(start, iterations=20)) == list(range(7, 28, 2))
    records = steps(make_trainer(start, iterations=5))
    assert [step.timed for step in records] == [False] * 3 + [True] * 2


def test_time_between_steps(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, step=2.0, evaluation=100.0)
    trainer = make_trainer(iterations=4, evaluate_every=2)
    seconds, evaluations = [], []
    for event in trainer.run():
        if isinstance(event, StepRecord):
            seconds.append(event.seconds)
            clock.now += 0.5  # storing a record belongs to the next step
        else:
            evaluations.append(event.training_seconds)
            clock.now += 30.0  # a checkpoint belongs to none
    assert seconds == [2.0, 2.5, 2.0, 2.5]
    assert evaluations == [0.0, 4.5, 9.0]
    assert trainer.position.training_seconds == 9.0


@pytest.mark.parametrize(
    "changes",
    [
        {"length_pool": 3},
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.0},
        {"momentum": 0.0, "teacher_forcing": 0.5},
        {"engine": "article", "layers": 2},
    ],
)
def test_exact_resume(make_trainer: MakeTrainer, tmp_path: Path, changes: dict[str, Any]) -> None:
    whole = make_trainer(iterations=16, dropout=0.3, **changes)
    expected = losses(whole)
    first = make_trainer(iterations=8, dropout=0.3, **changes)
    first_losses = losses(first)
    save_checkpoint(tmp_path, first.checkpoint())
    start = load_checkpoint(tmp_path, with_state=True)
    second = make_trainer(start, iterations=8, dropout=0.3, **changes)
    assert first_losses + losses(second) == expected
    one, other = whole.checkpoint(), second.checkpoint()
    assert one.iteration == other.iteration == 16
    torch.testing.assert_close(one.weights, other.weights, rtol=0, atol=0)


def test_resume_without_state_or_with_new_seed(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    first = make_trainer(dropout=0.0)
    first_losses = losses(first)
    save_checkpoint(tmp_path, first.checkpoint())

    def continued(**changes: int) -> list[StepRecord]:
        start = load_checkpoint(tmp_path, with_state=True)
        records = steps(make_trainer(start, dropout=0.0, **changes))
        assert [record.iteration for record in records] == list(range(11, 21))
        assert np.mean([float(record.loss_sum) for record in records]) < np.mean(first_losses)
        return records

    runs = [continued(), continued(seed=1), steps(make_trainer(dropout=0.0))]
    drop_state(tmp_path)
    runs.append(continued())
    tokens = {tuple(record.source_tokens for record in records) for records in runs}
    assert len(tokens) == 4


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
def test_continuing_with_other_settings(
    make_trainer: MakeTrainer, before: dict[str, Any], after: dict[str, Any]
) -> None:
    first = make_trainer(**before)
    first.step()
    second = make_trainer(first.checkpoint(), **after)
    assert second.optimizer.param_groups[0]["lr"] == second.config.learning_rate
    assert len(losses(second)) == 10


def test_dense_from_lazy_state(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """This happens when a run started on a CPU is continued on a GPU."""
    first = make_trainer()
    first.step()

    def build_dense(_config: object, model: torch.nn.Module, _embeddings: object) -> Any:
        return torch.optim.RMSprop(model.parameters(), momentum=0.9)

    monkeypatch.setattr(trainer, "build_optimizer", build_dense)
    continued = make_trainer(first.checkpoint())
    assert not continued.optimizer.state
    torch.testing.assert_close(continued.task.model.state_dict(), first.checkpoint().weights)


def test_weights_of_another_model_are_refused(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    start = make_trainer().checkpoint()
    other = tiny_task(tiny_corpus(tmp_path, "other", max_vocabulary=6), corpus="other")
    with pytest.raises(UserError, match="'other'"):
        Trainer(other, start)
    for changes in ({"hidden_size": 16}, {"layers": 2}):
        with pytest.raises(UserError, match="hidden size 8 and number of layers 1"):
            make_trainer(start, **changes)
