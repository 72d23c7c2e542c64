"""Find a damaged store, set it aside, and keep the rows that SQLite can still read."""

import logging
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import psutil
from filelock import FileLock, Timeout

from s2s.errors import UserError
from s2s.store.errors import is_damage
from s2s.store.schema import SCHEMA, SCHEMA_VERSION, check_schema, disable_schema_code

_MAGIC = b"SQLite format 3\0"
_LOCK_SECONDS = 60.0
_USERS_SECONDS = 5.0
"""How long to wait for other processes that have the damaged file open; one that is only just
finding the same damage closes it within that time."""
_log = logging.getLogger(__name__)


class _DamageError(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def check_header(path: Path) -> None:
    """Raise sqlite3.DatabaseError if the file is not a database.

    SQLite would raise it too, but would also delete the WAL file with the last records.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        header = file.read(len(_MAGIC))
    wal = path.with_name(f"{path.name}-wal")
    if header != _MAGIC and (header or (wal.exists() and wal.stat().st_size)):
        raise _DamageError("file is not a database")


def check_pages(database: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if a page is damaged. Takes 0.05 s for 100 MB."""
    verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _DamageError(verdict)


def reserve_ids(database: sqlite3.Connection, folder: Path) -> None:
    """Give no new run the id of an existing run folder, of a run that this store lacks."""
    names = [path.name for path in folder.glob("runs/*")]
    # Longer names are not ids: SQLite counts to 2^63, and a browser to 2^53.
    highest = max((int(name) for name in names if re.fullmatch("[0-9]{1,15}", name)), default=0)
    updated = database.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'runs'", (highest,)
    )
    if highest and not updated.rowcount:
        database.execute("INSERT INTO sqlite_sequence VALUES ('runs', ?)", (highest,))


def set_aside(path: Path) -> None:
    """Rename the damaged store and put a new one with its readable rows in its place.

    Does nothing if the store is sound by now, because another process has done it.

    Raises:
        UserError: Another program still uses the damaged store, or is setting it aside.
        sqlite3.Error, OSError: The new store cannot be written, on a full disk for example.
    """
    (path.parent / "locks").mkdir(exist_ok=True)
    lock = FileLock(path.parent / "locks" / "store.lock", timeout=_LOCK_SECONDS)
    try:
        with lock:
            reason = _find_damage(path)
            if not reason:
                return
            if users := _wait_for_users(path):
                raise UserError(
                    f"{path} is damaged ({reason}) and still in use by process {users[0]}. End "
                    "that process, then restart s2s to set the damaged store aside."
                )
            _replace(path, reason)
    except Timeout as error:
        raise UserError(
            f"{path} is damaged, and another program is setting it aside. Try again later."
        ) from error


def notice_of_damage(folder: Path) -> str:
    """Return a sentence about each store that was set aside here and not yet removed."""
    sentences = []
    for text in sorted(folder.glob("store.damaged-*.txt")):
        with suppress(OSError), text.open(encoding="utf-8", errors="replace") as file:
            sentences.append(file.readline().rstrip("\n"))
    return " ".join(sentences)


def _find_damage(path: Path) -> str:
    """Say what is wrong with the store; return an empty string if it is sound."""
    if not path.exists():
        return ""
    try:
        check_header(path)
        with closing(_open_damaged(path)) as database:
            check_pages(database)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error)
    return ""


def _wait_for_users(path: Path) -> list[int]:
    """Return the processes that still have the file open after a while."""
    deadline = time.monotonic() + _USERS_SECONDS
    while (users := _find_users(path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return users


def _find_users(path: Path) -> list[int]:
    """Return other processes that have the file open, as far as this user may see them."""
    users = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and any(
                Path(file.path) == path.resolve() for file in process.open_files()
            ):
                users.append(process.pid)
    return users


def _replace(path: Path, reason: str) -> None:
    fresh = path.with_name(f".store.{os.getpid()}.sqlite")
    try:
        counts = ", ".join(f"{count:,} {table}" for table, count in _salvage(path, fresh).items())
        aside = _free_name(path)
        sentence = (
            f"The store was damaged and has been set aside as {aside.name}; "
            f"rows recovered into a new store: {counts or 'none'}."
        )
        _log.warning(sentence)  # also shown on the terminal of the command line
        aside.with_suffix(".txt").write_text(
            f"{sentence} To stop this notice, remove that file and {aside.stem}.txt.\n\n"
            f"SQLite's error: {reason}\n"
            "SQLite's own command line may recover more: "
            f'sqlite3 {aside.name} ".recover" | sqlite3 recovered.sqlite\n',
            encoding="utf-8",
        )
        # Before the store itself: an old WAL file beside the new store would damage it.
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        # The path is never empty, so that no other process makes a new store there meanwhile.
        aside.hardlink_to(path)
        fresh.replace(path)
    finally:
        for suffix in ("-journal", ""):
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def _free_name(path: Path) -> Path:
    stem = f"store.damaged-{datetime.now():%Y-%m-%d}"
    names = (f"{stem}{suffix}.sqlite" for suffix in ("", *(f"-{n}" for n in range(2, 10_000))))
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def _salvage(damaged: Path, fresh: Path) -> dict[str, int]:
    """Copy each table up to its first unreadable row into a new store.

    Returns:
        The number of rows recovered per table, without tables of which there are none.
    """
    with closing(_open_damaged(damaged)) as old, closing(sqlite3.connect(fresh)) as new:
        new.executescript(SCHEMA)
        new.execute("PRAGMA foreign_keys = ON")  # drops records of a run that is lost
        own_tables = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        )
        tables = [name for (name,) in new.execute(own_tables)]
        try:
            check_header(damaged)
            check_schema(old, damaged)  # reading a view made by someone else might never end
        except (sqlite3.DatabaseError, UserError):
            tables = []
        counts = {table: _copy(old, new, table) for table in tables}
        reserve_ids(new, damaged.parent)
        new.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        new.commit()
        return {table: count for table, count in counts.items() if count}


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(
        # A sweep's part whose run is lost is trained again.
        "(SELECT id FROM runs WHERE id = ?)" if (table, name) == ("sweep_parts", "run_id") else "?"
        for name in columns
    )
    names = ", ".join(columns)
    count = 0
    for row in _readable_rows(old, f"SELECT {names} FROM {table}"):  # noqa: S608
        with suppress(sqlite3.IntegrityError):
            new.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", row)  # noqa: S608
            count += 1
    return count


def _readable_rows(database: sqlite3.Connection, query: str) -> Iterator[tuple[object, ...]]:
    """Yield rows up to the first that SQLite cannot read."""
    with suppress(sqlite3.DatabaseError):
        yield from database.execute(query)


def _open_damaged(path: Path) -> sqlite3.Connection:
    """Open read-only, and decode invalid text as well as possible."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.text_factory = lambda text: text.decode(errors="replace")
    disable_schema_code(connection)
    return connection
