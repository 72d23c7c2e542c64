"""Any value for any choice: a configuration that survives JSON, or a good message."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.config import Config, CorpusChoices, SweepConfig, TrainConfig
from s2s.data.catalog import check_name
from s2s.validation import parse_batch_sizes
from tests.fuzz.sandbox import may_reject
from tests.fuzz.strategies import any_json, fuzz, hostile_text, mutated_json


@fuzz(120)
@given(data=st.data(), kind=st.sampled_from((CorpusChoices, TrainConfig, SweepConfig)))
def test_values_of_any_type(data: st.DataObject, kind: type[Config]) -> None:
    values = kind().to_json()
    if data.draw(st.booleans()):
        values = data.draw(mutated_json(values))
    else:  # one field
        values[data.draw(st.sampled_from(sorted(values)))] = data.draw(any_json)
    with may_reject():
        config = kind.from_json(values)
        written = json.loads(json.dumps(config.to_json(), allow_nan=False))
        assert kind.from_json(written) == config


@fuzz(60)
@given(text=hostile_text)
@example("²")
@example("9" * 5000)
@pytest.mark.parametrize("parse", [parse_batch_sizes, check_name])
def test_texts(parse: Callable[[str], Any], text: str) -> None:
    with may_reject():
        parse(text)
