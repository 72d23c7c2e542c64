"""Configurations of runs, corpora and sweeps: JSON, ranges, invalid values."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.config import (
    Config,
    CorpusChoices,
    Direction,
    Engine,
    Normalizer,
    OptimizerName,
    Precision,
    SweepConfig,
    TrainConfig,
)
from s2s.errors import UserError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
configs = st.builds(
    TrainConfig,
    corpus=texts,
    batch_size=st.integers(1, 65_536),
    max_seconds=st.floats(0, 1e7),
    engine=st.just(Engine.FUSED),
    optimizer=st.sampled_from(OptimizerName),
    learning_rate=st.floats(0, 100, exclude_min=True),
    device=st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:12"]),
    precision=st.sampled_from(Precision),
    sentences=st.lists(texts, max_size=20).map(tuple),
    keep_optimizer=st.booleans(),
    continue_from=st.none() | st.integers(1, 2**63 - 1),
)
choices = st.builds(
    CorpusChoices,
    normalizer=st.sampled_from(Normalizer),
    direction=st.sampled_from(Direction),
    max_length=st.integers(1, 1000),
)


@given(configs | choices)
@example(SweepConfig(engines=("fused", "article"), budget="target", target_loss=2.0))  # type: ignore[arg-type]
def test_json_round_trip(config: Config) -> None:
    text = json.dumps(config.to_json(), allow_nan=False)
    assert type(config).from_json(json.loads(text)) == config
    assert set(json.loads(text)) == {field.name for field in dataclasses.fields(config)}


def test_unknown_fields_are_ignored_and_a_list_is_rejected() -> None:
    assert TrainConfig.from_json({"seed": 3, "from_the_future": 1}) == TrainConfig(seed=3)
    with pytest.raises(UserError):
        CorpusChoices.from_json([])  # type: ignore[arg-type]


INTEGERS = {
    "batch_size": (1, 65_536), "iterations": (1, 100_000_000), "hidden_size": (1, 8192),
    "layers": (1, 8), "length_pool": (0, 1000), "seed": (0, 2**31 - 1), "threads": (0, 1024),
    "evaluate_every": (0, 100_000_000),
}  # fmt: skip
NUMBERS = {
    "max_seconds": (0.0, 1e7), "dropout": (0.0, 0.95), "learning_rate": (1e-9, 100.0),
    "momentum": (0.0, 0.999), "teacher_forcing": (0.0, 1.0), "target_loss": (0.0, 1000.0),
}  # fmt: skip
CORPUS_INTEGERS = {
    "max_length": (1, 1000), "min_count": (1, 1_000_000), "max_vocabulary": (0, 10_000_000),
}  # fmt: skip
NOT_NUMBERS = [True, "3", None, float("nan"), float("inf"), 10**400]


@pytest.mark.parametrize("name", [*INTEGERS, *NUMBERS, *CORPUS_INTEGERS])
def test_the_range_of_each_number(name: str) -> None:
    kind: Any = CorpusChoices if name in CORPUS_INTEGERS else TrainConfig
    low, high = (INTEGERS | NUMBERS | CORPUS_INTEGERS)[name]
    for value in (low, high):
        assert getattr(kind(**{name: value}), name) == value
    fraction = [] if name in NUMBERS else [1.0]
    for value in (low - 1, high + 1, *fraction, *NOT_NUMBERS):
        with pytest.raises(UserError):
            kind(**{name: value})


@pytest.mark.parametrize(
    "values",
    [
        {"learning_rate": 0.0},
        *({"engine": engine} for engine in ("graphd", [])),
        {"optimizer": "lion"},
        {"precision": "fp8"},
        {"engine": "article", "precision": "bf16"},
        *({"device": device} for device in ("gpu", "cuda:", "cuda:-1", "cuda:01", "cuda:²")),
        *({"device": device} for device in ("cuda:9999", "cpu\n", None)),
        *({"corpus": corpus} for corpus in (3, "\udcff")),
        *({"sentences": texts} for texts in ("abc", None, (1,), ("\udcff",), ("tu",) * 21)),
        {"sentences": ("t" * 1001,)},
        *({name: 1} for name in ("measure_quality", "keep_optimizer", "keep_weights")),
        {"keep_weights": False, "keep_optimizer": True},
        {"keep_weights": False, "measure_quality": True},
        *({"continue_from": run_id} for run_id in ("1", 0, True)),
    ],
)
def test_invalid_values(values: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        TrainConfig(**values)
