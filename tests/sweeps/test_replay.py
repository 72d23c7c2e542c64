"""A replay's configuration, how it is recognized, and the advice of a related sweep."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from s2s.config import Engine, LearningRateRule, OptimizerName, SweepConfig, TrainConfig
from s2s.errors import UserError
from s2s.store import Store
from s2s.store.sweeps import read_sweep
from s2s.sweeps import replay
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.replay import build_replay_config, find_related_advice, is_replay
from tests import studies
from tests.replays import replay_sweep
from tests.tiny import tiny_corpus


def test_the_articles_choices() -> None:
    config = build_replay_config("starter")
    assert (config.batch_sizes, config.engines) == ((2, 32), (Engine.ARTICLE, Engine.FUSED))
    assert (config.repeats, config.learning_rate_rule) == (3, LearningRateRule.CONSTANT)
    run = config.build_run_config(Engine.ARTICLE, 2, 0)
    assert (run.iterations, run.hidden_size, run.layers, run.dropout) == (1000, 128, 1, 0.2)
    assert (run.optimizer, run.learning_rate, run.momentum) == (OptimizerName.RMSPROP, 1e-3, 0.9)
    assert (run.teacher_forcing, run.length_pool) == (1.0, 0)
    config = build_replay_config("starter", replay.LONG_ITERATIONS)
    run = config.build_run_config(Engine.ARTICLE, 32, 0)
    assert (config.repeats, run.iterations, run.evaluate_every) == (1, 10_000, 1000)
    assert build_replay_config("starter", replay.LONG_ITERATIONS, repeats=2).repeats == 2


def test_a_replay_is_recognized() -> None:
    config = build_replay_config("starter")
    assert is_replay(SweepConfig.from_json(json.loads(json.dumps(config.to_json()))))
    assert is_replay(build_replay_config("other", 10_000, 5, threads=1, device="cpu"))
    choices = {"batch_sizes": (2, 32), "engines": ("article", "fused")}
    assert is_replay(SweepConfig(**choices, budget="iterations", amount=7))


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_sizes": (2, 16, 32)},
        {"engines": (Engine.FUSED,)},
        {"learning_rate_rule": LearningRateRule.SQRT},
        {"budget": "samples", "amount": 1000},
        {"base": TrainConfig(hidden_size=64)},
    ],
)
def test_another_comparison_is_no_replay(store: Store, changes: dict[str, Any]) -> None:
    config = dataclasses.replace(build_replay_config("starter"), **changes)
    assert not is_replay(config)
    sweep = read_sweep(store, create_sweep(store, config))
    with pytest.raises(UserError, match=f"Sweep {sweep.id} "):
        replay.read_replay(store, sweep, None, None)


def test_the_unigram_baseline_is_between_certainty_and_a_uniform_guess(tmp_path: Path) -> None:
    sweep = dataclasses.replace(replay_sweep(), config=build_replay_config("tiny"))
    assert replay.measure_unigram_loss(sweep) is None  # there is no such corpus
    tiny_corpus(tmp_path)
    loss = replay.measure_unigram_loss(sweep)
    assert 1.0 < loss < 3.0  # 17 English words, and EOS and a period in each sentence


def test_a_sweep_of_the_same_corpus_model_and_device_has_advice(store: Store) -> None:
    create_sweep(store, dataclasses.replace(build_replay_config("starter"), batch_sizes=(2, 8, 32)))
    for base in ({"corpus": "other"}, {"hidden_size": 64}, {"optimizer": "adam"}):
        studies.save(store, base=TrainConfig(**base))
    sweep = replay_sweep()
    assert find_related_advice(store, sweep) is None
    sweep_id = studies.save(store)
    create_sweep(store, build_replay_config("starter"))  # a newer one, without advice
    related = find_related_advice(store, sweep)
    assert (related.sweep_id, related.engine) == (sweep_id, "fused")
    assert set(related.recommended_range) <= {2**power for power in range(1, 10)}
    parts = tuple(
        dataclasses.replace(part, run=dataclasses.replace(part.run, device="cuda:0"))
        for part in sweep.parts
    )
    assert find_related_advice(store, dataclasses.replace(sweep, parts=parts)) is None


def test_the_runs_of_the_first_repeat() -> None:
    runs = replay.list_first_repeat_runs(replay_sweep(states={(Engine.ARTICLE, 32, 0): None}))
    configs = [run.config for run in runs]
    keys = [(each.engine.value, each.batch_size, each.seed) for each in configs]
    assert keys == [("article", 2, 0), ("fused", 2, 0), ("fused", 32, 0)]
