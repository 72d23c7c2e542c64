import re

import pytest

from s2s.errors import UserError, quote, shorten
from s2s.validation import parse_batch_sizes


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("a\nb.txt is empty.", "a\\nb.txt is empty."),
        ("\u202etxt.exe is empty.", "\\u202etxt.exe is empty."),
        ("\udcff is empty.", "\\udcff is empty."),
        ("été, 日本, l’eau.", "été, 日本, l’eau."),
    ],
)
def test_an_error_is_one_printable_line(given: str, told: str) -> None:
    assert str(UserError(given)) == told


def test_quotes_are_short() -> None:
    assert quote("x") == "'x'"
    assert quote("x" * 1000) == "'" + "x" * 78 + "…"
    assert quote(10**5000) == "a value of type int that is too long to show"


def test_shortened() -> None:
    assert (shorten("abc", 3), shorten("abcd", 3)) == ("abc", "ab…")


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("2,32", [2, 32]), (" 4, 8;16 ", [4, 8, 16]), ("32,,2,32", [32, 2])],
)
def test_batch_sizes_keep_their_order(text: str, sizes: list[int]) -> None:
    assert parse_batch_sizes(text) == sizes


@pytest.mark.parametrize("text", ["", ",", "zwei", "-2", "1.5", "2x", "²", "2,³"])
def test_a_text_that_names_no_batch_sizes(text: str) -> None:
    with pytest.raises(UserError, match=re.escape(repr(text))):
        parse_batch_sizes(text)
