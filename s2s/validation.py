"""What configurations are made of: checks of what a user gave, reading and writing as JSON."""

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Self, TypeVar

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


_LONGEST_QUOTE = 80
_OF_LANGUAGES = "\u00a0\u202f\u200c\u200d"
"""French's spaces and the joiners of Persian, Hindi and emoji, harmless to a terminal."""


class UserError(Exception):
    """Something the user can put right; its text is one sentence that says what and how.

    On one line whatever it quotes: what cannot be printed is written as Python escapes it.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def printable(
    text: str, kept: str = "", escaped: Callable[[str], str] = lambda each: repr(each)[1:-1]
) -> str:
    """What a terminal could take for a command is written as Python escapes it; `kept` is not."""
    kept += _OF_LANGUAGES
    return "".join(each if each.isprintable() or each in kept else escaped(each) for each in text)


def quoted(value: object) -> str:
    """As Python writes it, shortened: what was given can be of any type and length."""
    try:
        told = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists
        return f"a value of type {type(value).__name__} that is too long to show"
    return shortened(told, _LONGEST_QUOTE)


def shortened(text: str, most: int) -> str:
    """At most so many characters of it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Checked:
    """Reading and writing as JSON for the frozen dataclasses of s2s.config."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Unknown names are dropped, so that an older program reads a newer one's record."""
        if not isinstance(values, dict):
            raise UserError(f"A configuration is names with values; got {quoted(values)}.")
        names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in values.items() if name in names})


def choice(kind: type[E], value: str, name: str) -> E:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise UserError(f"{name} is one of {known}; got {quoted(value)}.") from None


def whole(value: object, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UserError(
            f"{name} is a whole number from {least:,} to {most:,}; got {quoted(value)}."
        )
    return value


def number(
    value: object, name: str, least: float, most: float, *, above_least: bool = False
) -> float:
    good = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and least <= value <= most  # False for NaN
        and not (above_least and value == least)
    )
    if not good:
        kind = f"above {least:g} and at most" if above_least else f"from {least:g} to"
        raise UserError(f"{name} is a number {kind} {most:g}; got {quoted(value)}.")
    return float(value)  # type: ignore[arg-type]


def truth(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{name} is true or false; got {quoted(value)}.")
    return value


def text(value: object, name: str) -> str:
    """Bytes that are no UTF-8 reach the command line as lone surrogates; no file takes those."""
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        raise UserError(f"{name} is a text; got {quoted(value)}.")
    return value


def read_as(kind: type[T], values: Any) -> T:
    """A dataclass from its JSON; names that it does not know are a later version's, and dropped.

    Raises TypeError or ValueError for values of other types.
    """
    if not isinstance(values, dict):
        raise TypeError(f"it is no object but {quoted(values)}")
    cached: Any = kind
    hints = _hints(cached)
    known = {name: value for name, value in values.items() if name in hints}
    for name, value in known.items():
        if not _fits(value, hints[name]):
            raise TypeError(f"{name} is {quoted(value)}")
    return kind(**known)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    assert dataclasses.is_dataclass(kind)
    return typing.get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, part) for part in parts)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(each, parts[1]) for each in value.values())
    if origin is tuple and parts[-1] is ...:
        return isinstance(value, tuple | list) and all(_fits(each, parts[0]) for each in value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return value in list(hint)
    return hint is Any or isinstance(value, origin or hint)
