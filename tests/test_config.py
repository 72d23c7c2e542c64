import dataclasses
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import (
    CorpusChoices,
    Direction,
    Engine,
    Normalizer,
    OptimizerName,
    Precision,
    TrainConfig,
)
from s2s.errors import UserError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)

configs = st.builds(
    TrainConfig,
    corpus=texts,
    batch_size=st.integers(1, 65_536),
    iterations=st.integers(1, 100_000_000),
    max_seconds=st.floats(0, 1e7),
    engine=st.just(Engine.FUSED),
    hidden_size=st.integers(1, 8192),
    layers=st.integers(1, 8),
    dropout=st.floats(0, 0.95),
    optimizer=st.sampled_from(OptimizerName),
    learning_rate=st.floats(0, 100, exclude_min=True),
    momentum=st.floats(0, 0.999),
    teacher_forcing=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
    device=st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:12"]),
    precision=st.sampled_from(Precision),
    threads=st.integers(0, 1024),
    evaluate_every=st.integers(0, 100_000_000),
    target_loss=st.floats(0, 1000),
    sentences=st.lists(texts, max_size=20).map(tuple),
    measure_quality=st.booleans(),
    keep_optimizer=st.booleans(),
    continue_from=st.none() | st.integers(1, 2**63 - 1),
)
choices = st.builds(
    CorpusChoices,
    normalizer=st.sampled_from(Normalizer),
    direction=st.sampled_from(Direction),
    max_length=st.integers(1, 1000),
    min_count=st.integers(1, 1_000_000),
    max_vocabulary=st.integers(0, 10_000_000),
)


@given(configs | choices)
def test_json_round_trip(settings: TrainConfig | CorpusChoices) -> None:
    text = json.dumps(settings.to_json(), allow_nan=False)
    assert type(settings).from_json(json.loads(text)) == settings


def test_json_is_plain_values() -> None:
    values = TrainConfig(sentences=("tu",)).to_json()
    assert json.loads(json.dumps(values))["engine"] == "fused"
    assert set(values) == {field.name for field in dataclasses.fields(TrainConfig)}


def test_names_become_members_and_lists_tuples() -> None:
    config = TrainConfig.from_json({"engine": "article", "optimizer": "sgd", "sentences": ["tu"]})
    assert config.engine is Engine.ARTICLE
    assert config.optimizer is OptimizerName.SGD
    assert config.sentences == ("tu",)
    assert CorpusChoices.from_json({"normalizer": "article"}).normalizer is Normalizer.ARTICLE


def test_unknown_keys_are_dropped_and_missing_ones_take_the_default() -> None:
    assert TrainConfig.from_json({"seed": 3, "from_the_future": 1}) == TrainConfig(seed=3)
    assert CorpusChoices.from_json({"from_the_future": 1}) == CorpusChoices()


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().seed = 3  # type: ignore[misc]


WHOLE = {
    "batch_size": (1, 65_536),
    "iterations": (1, 100_000_000),
    "hidden_size": (1, 8192),
    "layers": (1, 8),
    "seed": (0, 2**31 - 1),
    "threads": (0, 1024),
    "evaluate_every": (0, 100_000_000),
}
NUMBERS = {
    "max_seconds": (0.0, 1e7),
    "dropout": (0.0, 0.95),
    "learning_rate": (1e-9, 100.0),
    "momentum": (0.0, 0.999),
    "teacher_forcing": (0.0, 1.0),
    "target_loss": (0.0, 1000.0),
}
CORPUS_WHOLE = {
    "max_length": (1, 1000),
    "min_count": (1, 1_000_000),
    "max_vocabulary": (0, 10_000_000),
}


def refused(kind: type[TrainConfig | CorpusChoices], **values: Any) -> str:
    """The sentence with which these values are refused."""
    with pytest.raises(UserError) as caught:
        kind(**values)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert not re.search(r"\n|\. [A-Z]", sentence), sentence
    return sentence


@pytest.mark.parametrize("name", [*WHOLE, *NUMBERS])
def test_ends_of_each_range(name: str) -> None:
    low, high = (WHOLE | NUMBERS)[name]
    assert getattr(TrainConfig(**{name: low}), name) == low
    assert getattr(TrainConfig(**{name: high}), name) == high
    refused(TrainConfig, **{name: high + 1})
    refused(TrainConfig, **{name: low - 1})


@pytest.mark.parametrize("name", CORPUS_WHOLE)
def test_ends_of_each_range_of_a_corpus(name: str) -> None:
    low, high = CORPUS_WHOLE[name]
    assert getattr(CorpusChoices(**{name: low}), name) == low
    assert getattr(CorpusChoices(**{name: high}), name) == high
    refused(CorpusChoices, **{name: high + 1})
    refused(CorpusChoices, **{name: low - 1})


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [True, 1.0, "3", None, float("nan"), 10**400])
def test_not_a_whole_number(name: str, value: object) -> None:
    assert "is a whole number from" in refused(TrainConfig, **{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value", [True, "3", None, float("nan"), float("inf"), 10**400, -(10**400)]
)
def test_not_a_number(name: str, value: object) -> None:
    assert "is a number" in refused(TrainConfig, **{name: value})


def test_learning_rate_is_above_zero() -> None:
    assert "above 0" in refused(TrainConfig, learning_rate=0.0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"engine": "graphd"}, "The engine is one of article, fused, graphed; got 'graphd'"),
        ({"engine": []}, "one of article, fused"),
        ({"optimizer": "lion"}, "one of rmsprop, adam, sgd"),
        ({"precision": "fp8"}, "one of fp32, tf32, bf16"),
        ({"engine": "article", "precision": "bf16"}, "choose the fused engine"),
        ({"device": "gpu"}, "auto, cpu or cuda:N"),
        ({"device": "cuda:"}, "auto, cpu or cuda:N"),
        ({"device": "cuda:-1"}, "auto, cpu or cuda:N"),
        ({"device": "cuda:01"}, "auto, cpu or cuda:N"),
        ({"device": "cuda:²"}, "auto, cpu or cuda:N"),
        ({"device": "cuda:99999999999999999999"}, "auto, cpu or cuda:N"),
        ({"device": "cpu\n"}, "auto, cpu or cuda:N"),
        ({"device": None}, "The device"),
        ({"corpus": 3}, "The corpus"),
        ({"corpus": "\udcff"}, "The corpus"),
        ({"sentences": "abc"}, "list of texts"),
        ({"sentences": None}, "list of texts"),
        ({"sentences": (1,)}, "sentence is a text"),
        ({"sentences": ("\udcff",)}, "sentence is a text"),
        ({"sentences": ("tu",) * 21}, "At most 20 sentences"),
        ({"sentences": ("t" * 1001,)}, "1,000 characters"),
        ({"measure_quality": 1}, "quality is true or false"),
        ({"keep_optimizer": "no"}, "true or false"),
        ({"keep_weights": 1}, "true or false"),
        ({"keep_weights": False, "keep_optimizer": True}, "only beside the weights"),
        ({"continue_from": "1"}, "whole number"),
        ({"continue_from": 0}, "whole number"),
        ({"continue_from": True}, "whole number"),
    ],
)
def test_other_bad_values(values: dict[str, Any], words: str) -> None:
    assert words in refused(TrainConfig, **values)


def test_bad_corpus_choices() -> None:
    assert "one of unicode, article" in refused(CorpusChoices, normalizer="ascii")
    assert "second-to-first, first-to-second" in refused(CorpusChoices, direction="both")
