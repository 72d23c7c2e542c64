"""What is wrong with the store's file, in a sentence, and whether that may pass by itself."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from s2s.config import UserError

PATIENCE_SECONDS = 600.0
"""How long a run waits for a store that cannot be written before it ends as failed."""
RETRY_SECONDS = 1.0
_Result = TypeVar("_Result")


class StoreError(UserError):
    """The store cannot be read or written now."""

    def __init__(self, sentence: str, passing: bool) -> None:
        """`passing`: the same may work later, with nothing done to the store."""
        super().__init__(sentence)
        self.passing = passing


def is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_read_only(error: sqlite3.Error) -> bool:
    """A store in WAL mode in a folder where nothing can be made says that it cannot be opened."""
    return _code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


@contextmanager
def told_in_a_sentence(path: Path) -> Iterator[None]:
    """Raises StoreError for what is wrong with the file or its disk; other errors as they are."""
    try:
        yield
    except sqlite3.Error as error:
        sentence = _sentence(error, path)
        if not sentence:
            raise
        raise StoreError(sentence, passing=not is_damage(error)) from error


def patiently(work: Callable[[], _Result], given_up: Callable[[], bool] = lambda: False) -> _Result:
    """What `work` returns, tried again for ten minutes while the store cannot be used.

    Raises the last StoreError then, or as soon as `given_up` says so.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except StoreError as error:
            if not error.passing or given_up() or time.monotonic() > deadline:
                raise
        time.sleep(RETRY_SECONDS)


def _sentence(error: sqlite3.Error, path: Path) -> str:
    if is_damage(error):
        return (
            f"{path} is damaged ({error}); end s2s and start it again: the damaged store is then "
            "set aside, and what can be read of it is taken over."
        )
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{path} is locked by another program; wait for that or end it."
        case sqlite3.SQLITE_FULL:
            return f"The disk that holds {path} is full; make room there."
        case sqlite3.SQLITE_IOERR:
            return f"The disk that holds {path} does not work or is full ({error}); look after it."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN:
            return (
                f"The folder {path.parent} cannot be written ({error}); "
                "set S2S_HOME to a folder that can."
            )
    return ""


def _code(error: sqlite3.Error) -> int:
    """The primary result code; 0 where SQLite itself did not raise the error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
