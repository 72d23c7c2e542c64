"""Set a damaged store aside, and copy the rows that SQLite can still read to a new store."""

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
_CLOSE_WAIT_SECONDS = 5.0
"""How long to wait until other processes close the file. Each does so when it finds the damage."""
_log = logging.getLogger(__name__)
_REPLACEMENT_VALUES = {("sweep_parts", "run_id"): "(SELECT id FROM runs WHERE id = ?)"}
"""SQL expressions that replace a column's value in the copy: a lost run's id becomes NULL."""


def check_pages(database: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if a page is damaged. The check takes 0.05 s for 100 MB."""
    result = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if result != "ok":
        error = sqlite3.DatabaseError(result)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def set_aside(path: Path, reason: sqlite3.Error) -> None:
    """Rename the damaged store, and put a new one with its readable rows in its place.

    Raises:
        UserError: Another process has the damaged store open, and would write to the renamed file.
        sqlite3.Error, OSError: The new store cannot be written, for example on a full disk.
    """
    (path.parent / "locks").mkdir(exist_ok=True)
    try:
        with FileLock(path.parent / "locks" / "store.lock", timeout=_LOCK_SECONDS):
            if _is_damaged(path):  # otherwise another process has already replaced it
                _wait_until_unused(path)
                _replace(path, reason)
    except Timeout as error:
        raise UserError(
            f"{path} is damaged, and another process is setting it aside. Try again later."
        ) from error


def describe_damaged_stores(folder: Path) -> str:
    """Return a notice that names the damaged stores in the folder; empty if there are none."""
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


def _wait_until_unused(path: Path) -> None:
    deadline = time.monotonic() + _CLOSE_WAIT_SECONDS
    while process := next(_list_processes_using(path), None):
        if time.monotonic() > deadline:
            raise UserError(
                f"{path} is damaged and still in use by process {process}. End that process, then "
                "restart s2s to set the damaged store aside."
            )
        time.sleep(0.1)


def _list_processes_using(path: Path) -> Iterator[int]:
    """Yield the ids of other processes that have the file open, if the system shows them."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            files = {Path(file.path) for file in process.open_files()}
            if process.pid != os.getpid() and path.resolve() in files:
                yield process.pid


def _replace(path: Path, reason: sqlite3.Error) -> None:
    with TemporaryDirectory(prefix=".store.", dir=path.parent) as folder:
        new = Path(folder) / path.name
        _copy_readable_rows(path, new)
        moved = path.with_name(f"store.damaged-{datetime.now():%Y-%m-%d-%H%M%S}.sqlite")
        # Rename the WAL files first: an old WAL file next to the new store would damage it.
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(moved.with_name(moved.name + suffix))
        # Link, then replace: if the path were missing for a moment, another process would
        # create an empty store there.
        moved.hardlink_to(path)
        new.replace(path)
    _log.warning("The store was damaged (%s) and has been set aside as %s.", reason, moved.name)


def _copy_readable_rows(damaged: Path, new: Path) -> None:
    """Create a store at `new`. Copy each table's rows up to the first row that is unreadable."""
    with closing(_open_damaged(damaged)) as source, closing(sqlite3.connect(new)) as target:
        target.executescript(SCHEMA)
        target.execute("PRAGMA foreign_keys = ON")  # rejects the records of lost runs
        tables = target.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        ).fetchall()
        try:
            check_schema(source, damaged)  # reading a view instead of a table might never end
        except (sqlite3.DatabaseError, UserError):
            tables = []
        for (table,) in tables:
            columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
            names = ", ".join(columns)
            values = ", ".join(_REPLACEMENT_VALUES.get((table, column), "?") for column in columns)
            query = f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608
            for row in _read_until_damage(source, f"SELECT {names} FROM {table}"):  # noqa: S608
                with suppress(sqlite3.IntegrityError):
                    target.execute(query, row)
        target.commit()


def _read_until_damage(database: sqlite3.Connection, query: str) -> Iterator[tuple[object, ...]]:
    with suppress(sqlite3.DatabaseError):
        yield from database.execute(query)


def _open_damaged(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.text_factory = lambda text: text.decode(errors="replace")
    disable_schema_code(connection)
    return connection
