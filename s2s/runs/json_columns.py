"""What the store keeps as JSON, read back: checked, since another version may have written it."""

import dataclasses
import functools
import sqlite3
import types
import typing
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

from s2s.checks import UserError, quoted, shortened

T = TypeVar("T")
UNREADABLE = (UserError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


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


def told(what: str) -> Callable[[Callable[[sqlite3.Row], T]], Callable[[sqlite3.Row], T]]:
    """Of a function that reads a row with an id: whatever is wrong becomes a UserError."""

    def of(read: Callable[[sqlite3.Row], T]) -> Callable[[sqlite3.Row], T]:
        @functools.wraps(read)
        def reading(row: sqlite3.Row) -> T:
            try:
                return read(row)
            except UNREADABLE as error:
                why = shortened(str(error), 150).rstrip(".")
                raise UserError(
                    f"{what} {row['id']} cannot be read ({why}); a newer s2s may have written it: "
                    "update this one."
                ) from error

        return reading

    return of


def readable(
    rows: Iterable[sqlite3.Row], read: Callable[[sqlite3.Row], T]
) -> tuple[list[T], list[str]]:
    """Of rows those that can be read, and a sentence for each of the others."""
    found, problems = [], []
    for row in rows:
        try:
            found.append(read(row))
        except UserError as error:
            problems.append(str(error))
    return found, problems


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
