"""A replay's configuration, how it is known again, and where another sweep has the answer."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s2s.config import Engine, LearningRateRule, OptimizerName, SweepConfig, TrainConfig
from s2s.errors import UserError
from s2s.records import RunState, Summary, Sweep
from s2s.store import Store
from s2s.store.sweeps import read_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.replay import (
    LONG_ITERATIONS,
    answer_elsewhere,
    first_repeat,
    guess_loss,
    is_replay,
    read_replay,
    replay_config,
)
from tests import studies
from tests.replays import replay_sweep
from tests.tiny import tiny_corpus

# The configuration


def test_the_articles_choices() -> None:
    config = replay_config("starter")
    assert config.batch_sizes == (2, 32)
    assert config.engines == (Engine.ARTICLE, Engine.FUSED)
    assert (config.repeats, config.learning_rate_rule) == (3, LearningRateRule.CONSTANT)
    run = config.run_config(Engine.ARTICLE, 2, 0)
    assert (run.iterations, run.hidden_size, run.layers, run.dropout) == (1000, 128, 1, 0.2)
    assert (run.optimizer, run.learning_rate, run.momentum) == (OptimizerName.RMSPROP, 1e-3, 0.9)
    assert (run.teacher_forcing, run.length_pool) == (1.0, 0)


def test_a_long_one_is_translated_every_thousand_iterations_and_not_repeated() -> None:
    config = replay_config("starter", LONG_ITERATIONS)
    assert config.repeats == 1
    for size in config.batch_sizes:
        run = config.run_config(Engine.ARTICLE, size, 0)
        assert (run.iterations, run.evaluate_every) == (10_000, 1000)
    assert replay_config("starter", LONG_ITERATIONS, repeats=2).repeats == 2


@pytest.mark.parametrize(
    "config",
    [
        replay_config("starter"),
        replay_config("other", 10_000, 5, threads=1, device="cpu"),
        SweepConfig.from_json(json.loads(json.dumps(replay_config("starter").to_json()))),
        SweepConfig(
            batch_sizes=(2, 32), engines=("article", "fused"), budget="iterations", amount=7
        ),
    ],
)
def test_known_again(config: SweepConfig) -> None:
    assert is_replay(config)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_sizes": (2, 16, 32)},
        {"engines": (Engine.FUSED,)},
        {"learning_rate_rule": LearningRateRule.SQRT},
        {"budget": "samples", "amount": 1000},
        {"budget": "seconds", "amount": 0.5},
        {"base": TrainConfig(hidden_size=64)},
    ],
)
def test_another_comparison_is_no_replay(changes: dict[str, Any]) -> None:
    assert not is_replay(dataclasses.replace(replay_config("starter"), **changes))


def test_another_sweep_is_refused(store: Store) -> None:
    sweep_id = create_sweep(store, SweepConfig())
    with pytest.raises(UserError, match="Sweep 1 is not the article's comparison"):
        read_replay(store, read_sweep(store, sweep_id), None, None)


# The guess by word frequencies


def test_the_guess_lies_between_certainty_and_a_blind_guess(tmp_path: Path) -> None:
    corpus = tiny_corpus(tmp_path)
    sweep = dataclasses.replace(replay_sweep(), config=replay_config("tiny"))
    loss = guess_loss(sweep)
    assert corpus.info.validation_pairs
    assert loss is not None
    assert 1.0 < loss < 3.0  # 17 English words and EOS, EOS and the dot in each sentence


def test_no_guess_where_the_corpus_is_gone() -> None:
    assert guess_loss(dataclasses.replace(replay_sweep(), config=replay_config("gone"))) is None


# The answer of another sweep


@pytest.fixture
def keep_study(store: Store) -> Callable[..., int]:
    """A study with a known law, kept as a sweep of this store; its id."""

    def keep(**base: Any) -> int:
        study = studies.sweep()
        config = dataclasses.replace(study.config, base=TrainConfig(**base))
        sweep_id = create_sweep(store, config)
        for part in study.parts:
            assert part.run
            choices = config.run_config(part.engine, part.batch_size, part.repeat)
            run_id = store.create_run(choices, sweep_id=sweep_id)
            assert store.start_run(run_id, "cpu", {})
            for each in studies.evaluations(part.batch_size, part.repeat):
                store.add_evaluation(run_id, each)
            assert part.run.summary
            figures: Summary = dataclasses.replace(part.run.summary, run_id=run_id)
            store.finish_run(run_id, RunState.FINISHED, figures)
        return sweep_id

    return keep


def test_another_sweep_has_the_answer(store: Store, keep_study: Callable[..., int]) -> None:
    sweep_id = keep_study()
    found = answer_elsewhere(store, replay_sweep())
    assert found is not None
    assert (found.sweep_id, found.engine) == (sweep_id, "fused")
    assert found.good_sizes
    assert set(found.good_sizes) <= {2**power for power in range(1, 10)}


@pytest.mark.parametrize("base", [{"corpus": "other"}, {"hidden_size": 64}, {"optimizer": "adam"}])
def test_a_sweep_of_another_question_has_not(
    base: dict[str, Any], store: Store, keep_study: Callable[..., int]
) -> None:
    keep_study(**base)
    assert answer_elsewhere(store, replay_sweep()) is None


def test_a_sweep_on_another_device_has_not(store: Store, keep_study: Callable[..., int]) -> None:
    keep_study()
    sweep = replay_sweep()
    parts = tuple(
        dataclasses.replace(part, run=part.run and dataclasses.replace(part.run, device="cuda:0"))
        for part in sweep.parts
    )
    assert answer_elsewhere(store, dataclasses.replace(sweep, parts=parts)) is None


def test_a_replay_is_no_answer_to_another(store: Store) -> None:
    sweep: Sweep = replay_sweep()
    create_sweep(store, sweep.config)
    create_sweep(store, dataclasses.replace(sweep.config, batch_sizes=(2, 8, 32)))  # no runs yet
    assert answer_elsewhere(store, sweep) is None


def test_the_runs_whose_translations_are_shown() -> None:
    states = {(Engine.ARTICLE, 32, 0): None}
    runs = first_repeat(replay_sweep(states=states))
    assert [(run.config.engine.value, run.config.batch_size) for run in runs] == [
        ("article", 2), ("fused", 2), ("fused", 32)
    ]  # fmt: skip
    assert {run.config.seed for run in runs} == {0}
