"""What the store keeps as JSON, read back: checked, since another version may have written it."""

import functools
import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeVar

from s2s.validation import UserError, shortened

T = TypeVar("T")
UNREADABLE = (UserError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


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
