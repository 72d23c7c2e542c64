"""Error messages and the parsing of values."""

import re

import pytest

from s2s.config import CorpusChoices
from s2s.errors import UserError, quote, shorten
from s2s.records import CorpusInfo, StepMemory
from s2s.validation import check_number, parse_batch_sizes, parse_dataclass
from tests.golden_text import check_golden


def test_an_error_is_one_short_printable_line() -> None:
    texts = {"a\nb\u202e\udcff.": "a\\nb\\u202e\\udcff.", "été, 日本, l’eau.": "été, 日本, l’eau."}
    assert {text: str(UserError(text)) for text in texts} == texts
    assert quote("x") == "'x'"
    assert quote("x" * 1000) == "'" + "x" * 78 + "…"
    assert quote(10**5000) == "a value of type int that is too long to show"
    shortened = [shorten("abc", 3), shorten("abcd", 3), shorten("on and on", 8)]
    assert shortened == ["abc", "ab…", "on and…"]


def test_messages() -> None:
    def message(function: object, *arguments: object, **named: object) -> str:
        with pytest.raises(UserError) as caught:
            function(*arguments, **named)  # type: ignore[operator]
        return str(caught.value)

    check_golden(
        "validation",
        {
            "integer": message(CorpusChoices, max_length=0),
            "choice": message(CorpusChoices, normalizer="ascii"),
            "number": message(check_number, "1", "Dropout", 0.0, 0.95),
            "positive number": message(check_number, 0, "Rate", 0.0, 9.0, exclude_minimum=True),
            "batch sizes": message(parse_batch_sizes, "2,x"),
        },
    )


def test_batch_sizes_keep_their_order() -> None:
    texts = {"2,32": [2, 32], " 4, 8;16 ": [4, 8, 16], "32,,2,32": [32, 2]}
    assert {text: parse_batch_sizes(text) for text in texts} == texts
    for text in ("", ",", "zwei", "-2", "1.5", "2,³"):
        with pytest.raises(UserError, match=re.escape(repr(text))):
            parse_batch_sizes(text)


def test_dataclasses_from_json() -> None:
    values = {"engine": "fused", "batch_size": 2, "peak_bytes": None, "padded_tokens": 7}
    assert parse_dataclass(StepMemory, values | {"new": 1}) == StepMemory("fused", 2, None, 7)  # type: ignore[arg-type]
    for wrong in ({"engine": "x"}, {"batch_size": True}, {"batch_size": 2.0}, {"peak_bytes": "7"}):
        with pytest.raises(TypeError):
            parse_dataclass(StepMemory, values | wrong)
    with pytest.raises(TypeError):
        parse_dataclass(CorpusInfo, [])
