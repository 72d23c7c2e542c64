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
from filelock import FileLock

from s2s.errors import UserError
from s2s.store.errors import is_damage
from s2s.store.schema import SCHEMA, check_schema, disable_schema_code

_USER_SECONDS = 5.0
"""How long to wait for other processes; one that has just found the damage closes the file."""
_log = logging.getLogger(__name__)
_SQL_VALUES = {("sweep_parts", "run_id"): "(SELECT id FROM runs WHERE id = ?)"}
"""SQL in place of the copied value, per table and column: a part whose run is lost has no run."""


def check_pages(database: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if a page is damaged. The check takes 0.05 s for 100 MB."""
    result = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if result != "ok":
        error = sqlite3.DatabaseError(result)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def set_aside(path: Path, reason: sqlite3.Error) -> None:
    """Rename the damaged store and put a new one with its readable rows in its place.

    Raises:
        UserError: Another process has the damaged store open and would write to the renamed file.
        sqlite3.Error, OSError: The new store cannot be written, on a full disk for example.
    """
    (path.parent / "locks").mkdir(exist_ok=True)
    with FileLock(path.parent / "locks" / "store.lock"):
        if not _is_damaged(path):  # another process has replaced it meanwhile
            return
        _check_unused(path)
        with TemporaryDirectory(prefix=".store.", dir=path.parent) as folder:
            new = Path(folder) / path.name
            _copy_readable_rows(path, new)
            aside = path.with_name(f"store.damaged-{datetime.now():%Y-%m-%d-%H%M%S}.sqlite")
            # Move these first: an old WAL file next to the new store would damage the new store.
            for suffix in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
            # Link instead of renaming: if the path were missing for a moment, another process
            # would create an empty store there.
            aside.hardlink_to(path)
            new.replace(path)
    _log.warning("The store was damaged (%s) and has been set aside as %s.", reason, aside.name)


def describe_damaged_stores(folder: Path) -> str:
    """Return a notice that names the stores set aside in the folder; empty if there are none."""
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


def _copy_readable_rows(damaged: Path, new: Path) -> None:
    """Create a store at `new` with each table's rows up to the first unreadable one."""
    with closing(_open_damaged(damaged)) as source, closing(sqlite3.connect(new)) as target:
        target.executescript(SCHEMA)
        target.execute("PRAGMA foreign_keys = ON")  # rejects records of a run that is lost
        tables = target.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        ).fetchall()
        try:
            check_schema(source, damaged)  # reading a foreign view might never end
        except (sqlite3.DatabaseError, UserError):
            tables = []
        for (table,) in tables:
            columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
            names = ", ".join(columns)
            values = ", ".join(_SQL_VALUES.get((table, column), "?") for column in columns)
            query = f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608
            for row in _readable_rows(source, f"SELECT {names} FROM {table}"):  # noqa: S608
                with suppress(sqlite3.IntegrityError):
                    target.execute(query, row)
        target.commit()


def _readable_rows(database: sqlite3.Connection, query: str) -> Iterator[tuple[object, ...]]:
    with suppress(sqlite3.DatabaseError):
        yield from database.execute(query)


def _open_damaged(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.text_factory = lambda text: text.decode(errors="replace")
    disable_schema_code(connection)
    return connection
