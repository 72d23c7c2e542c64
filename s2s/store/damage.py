"""Set a damaged store aside, and keep the rows that SQLite can still read."""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import psutil
from filelock import FileLock, Timeout

from s2s.errors import UserError
from s2s.store.errors import is_damage
from s2s.store.schema import SCHEMA, check_schema, disable_schema_code

_LOCK_SECONDS = 60.0
_USER_SECONDS = 5.0
"""How long to wait for other processes; one that has just found the damage closes the file."""
_log = logging.getLogger(__name__)


class _DamageError(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def check_pages(database: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if a page is damaged. Takes 0.05 s for 100 MB."""
    verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _DamageError(verdict)


def set_aside(path: Path, reason: sqlite3.Error) -> None:
    """Rename the damaged store and put a new one with its readable rows in its place.

    Raises:
        UserError: Another process uses the damaged store, or is setting it aside.
        sqlite3.Error, OSError: The new store cannot be written, on a full disk for example.
    """
    (path.parent / "locks").mkdir(exist_ok=True)
    try:
        with FileLock(path.parent / "locks" / "store.lock", timeout=_LOCK_SECONDS):
            if _is_damaged(path):  # otherwise another process has replaced it
                _check_unused(path)
                _replace(path, reason)
    except Timeout as error:
        raise UserError(
            f"{path} is damaged, and another process is setting it aside. Try again later."
        ) from error


def describe_damaged_stores(folder: Path) -> str:
    """Return a notice of the damaged stores that were set aside in the folder; empty: none."""
    names = ", ".join(sorted(path.name for path in folder.glob("store.damaged-*.sqlite")))
    if not names:
        return ""
    return (
        f"The store was damaged and has been set aside as {names}. The rows that SQLite could "
        "read are in the new store. Remove the damaged file to stop this notice."
    )


def _is_damaged(path: Path) -> bool:
    try:
        with closing(_open_damaged(path)) as database:
            check_pages(database)
    except sqlite3.DatabaseError as error:
        return is_damage(error)
    return False


def _check_unused(path: Path) -> None:
    """Raise UserError if another process keeps the file open."""
    deadline = time.monotonic() + _USER_SECONDS
    while user := next(_find_users(path), None):
        if time.monotonic() > deadline:
            raise UserError(
                f"{path} is damaged and still in use by process {user}. End that process, then "
                "restart s2s to set the damaged store aside."
            )
        time.sleep(0.1)


def _find_users(path: Path) -> Iterator[int]:
    """Yield the ids of other processes that have the file open, as far as the system shows them."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            files = {Path(file.path) for file in process.open_files()}
            if process.pid != os.getpid() and path.resolve() in files:
                yield process.pid


def _replace(path: Path, reason: sqlite3.Error) -> None:
    with TemporaryDirectory(prefix=".store.", dir=path.parent) as folder:
        new = Path(folder) / path.name
        counts = _copy_readable_rows(path, new)
        rows = ", ".join(f"{count:,} {table}" for table, count in counts.items() if count)
        aside = path.with_name(f"store.damaged-{datetime.now():%Y-%m-%d-%H%M%S}.sqlite")
        # Move these first: an old WAL file next to the new store would damage the new store.
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        # Link instead of renaming: if the path were missing for a moment, another process
        # would create an empty store there.
        aside.hardlink_to(path)
        new.replace(path)
    message = "The store was damaged (%s) and has been set aside as %s. Rows recovered: %s."
    _log.warning(message, reason, aside.name, rows or "none")


def _copy_readable_rows(damaged: Path, new: Path) -> dict[str, int]:
    """Copy each table up to its first unreadable row; return the number of rows per table."""
    with closing(_open_damaged(damaged)) as source, closing(sqlite3.connect(new)) as target:
        target.executescript(SCHEMA)
        target.execute("PRAGMA foreign_keys = ON")  # rejects records of a run that is lost
        tables = [name for (name,) in target.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        )]  # fmt: skip
        try:
            check_schema(source, damaged)  # reading a foreign view might never end
        except (sqlite3.DatabaseError, UserError):
            tables = []
        counts = {table: _copy_table(source, target, table) for table in tables}
        target.commit()
    return counts


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(
        # NULL if the part's run was lost: the sweep then trains that part again.
        "(SELECT id FROM runs WHERE id = ?)" if (table, name) == ("sweep_parts", "run_id") else "?"
        for name in columns
    )
    names, count = ", ".join(columns), 0
    for row in _readable_rows(source, f"SELECT {names} FROM {table}"):  # noqa: S608
        with suppress(sqlite3.IntegrityError):
            target.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", row)  # noqa: S608
            count += 1
    return count


def _readable_rows(database: sqlite3.Connection, query: str) -> Iterator[tuple[object, ...]]:
    with suppress(sqlite3.DatabaseError):
        yield from database.execute(query)


def _open_damaged(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.text_factory = lambda text: text.decode(errors="replace")
    disable_schema_code(connection)
    return connection
