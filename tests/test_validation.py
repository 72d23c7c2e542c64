import pytest

from s2s.errors import UserError, quote, shorten


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
