"""Whatever is given for a choice: a configuration that reads back as it is, or one sentence."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.config import Config, CorpusChoices, SweepConfig, TrainConfig
from s2s.data.catalog import checked_name
from s2s.errors import UserError
from s2s.validation import parse_batch_sizes
from tests.fuzz.fence import check_sentence, may_refuse
from tests.fuzz.strategies import any_json, fuzzed, hostile_text, mutated_json

KINDS = (CorpusChoices, TrainConfig, SweepConfig)


@fuzzed(400)
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_values_of_any_type(data: st.DataObject, kind: type[Config]) -> None:
    values = data.draw(mutated_json(kind().to_json()))
    try:
        made = kind.from_json(values)
    except UserError as error:
        check_sentence(str(error))
        return
    kept = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert kind.from_json(kept) == made


@fuzzed(200)
@given(data=st.data())
def test_one_field_of_a_run(data: st.DataObject) -> None:
    usual = TrainConfig().to_json()
    name = data.draw(st.sampled_from(sorted(usual)))
    with may_refuse():
        made = TrainConfig.from_json({**usual, name: data.draw(any_json)})
        json.dumps(made.to_json(), allow_nan=False).encode()


@pytest.mark.parametrize("name", ["batch_size", "learning_rate", "seed", "corpus", "sentences"])
def test_a_number_longer_than_python_prints(name: str) -> None:
    with pytest.raises(UserError) as caught:
        TrainConfig.from_json({name: 10**5000})
    check_sentence(str(caught.value))


@pytest.mark.parametrize("of", [parse_batch_sizes, checked_name])
def test_typed_texts(of: Callable[[str], Any]) -> None:
    @fuzzed(60)
    @given(typed=hostile_text)
    @example("²")
    @example("9" * 5000)
    def check(typed: str) -> None:
        with may_refuse():
            of(typed)

    check()
