"""SQLite's errors as messages for the user, and retries while the store is unavailable."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from s2s.errors import UserError

RETRY_LIMIT_SECONDS = 600.0
"""How long a run tries to write to an unavailable store. Then the run fails."""
RETRY_INTERVAL_SECONDS = 1.0
_Result = TypeVar("_Result")


class StoreError(UserError):
    """The store cannot be read or written now."""

    def __init__(self, message: str, is_temporary: bool) -> None:
        super().__init__(message)
        self.is_temporary = is_temporary
        """Whether the same operation may work later."""


def is_damage(error: sqlite3.Error) -> bool:
    return _primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_read_only(error: sqlite3.Error) -> bool:
    # SQLite reports CANTOPEN if it cannot create the files of the WAL in the store's folder.
    return _primary_code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


@contextmanager
def wrap_sqlite_errors(path: Path) -> Iterator[None]:
    """Convert SQLite's errors about the file or its disk to StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        message = _describe(error, path)
        if not message:
            raise
        raise StoreError(message, is_temporary=not is_damage(error)) from error


def retry_while_unavailable(
    operation: Callable[[], _Result],
    is_cancelled: Callable[[], bool] = lambda: False,
    limit_seconds: float | None = None,
) -> _Result:
    """Return the operation's result. Retry while it fails because the store is unavailable.

    Args:
        is_cancelled: Called after each failure. If it returns True, the error is raised.
        limit_seconds: How long to retry; RETRY_LIMIT_SECONDS by default.
    """
    deadline = time.monotonic() + (limit_seconds or RETRY_LIMIT_SECONDS)
    while True:
        try:
            return operation()
        except StoreError as error:
            if not error.is_temporary or is_cancelled() or time.monotonic() > deadline:
                raise
        time.sleep(RETRY_INTERVAL_SECONDS)


def _describe(error: sqlite3.Error, path: Path) -> str:
    """Return what is wrong and what to do; an empty string if the error is about a statement."""
    if is_damage(error):
        return (
            f"{path} is damaged ({error}). Restart s2s: it sets the damaged file aside and "
            "recovers the rows that can be read."
        )
    if is_read_only(error):
        return f"Cannot write to {path.parent} ({error}). Set S2S_HOME to a writable folder."
    locked = f"{path} is locked by another program. Wait for that program or end it."
    messages = {
        sqlite3.SQLITE_BUSY: locked,
        sqlite3.SQLITE_LOCKED: locked,
        sqlite3.SQLITE_FULL: f"The disk that holds {path} is full. Free some space.",
        sqlite3.SQLITE_IOERR: f"I/O error on the disk that holds {path} ({error}). Check its "
        "health and free space.",
    }
    return messages.get(_primary_code(error), "")


def _primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 if Python's sqlite3 module raised the error itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
