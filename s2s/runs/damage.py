"""A damaged store: found, set aside, and what can be read of it taken over into a new one."""

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

from s2s.config import UserError
from s2s.runs.schema import distrust, own_statements
from s2s.runs.store_error import is_damage

_MAGIC = b"SQLite format 3\0"
_LOCK_SECONDS = 60.0
_USERS_SECONDS = 5.0
"""Another process may be at finding the same damage; a program that works with it stays."""
_LONGEST_NOTICE = 1000
_log = logging.getLogger(__name__)


class _DamageError(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def check_header(path: Path) -> None:
    """Raises sqlite3.DatabaseError for a file that is no database.

    SQLite would do so too, and delete the WAL beside it, in which the last records are.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        header = file.read(len(_MAGIC))
    wal = path.with_name(f"{path.name}-wal")
    if header != _MAGIC and (header or (wal.exists() and wal.stat().st_size)):
        raise _DamageError("file is not a database")


def check(database: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where a page is damaged. 0.05 s for 100 MB."""
    found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise _DamageError(found)


def keep_ids(database: sqlite3.Connection, folder: Path) -> None:
    """No run gets an id under which there is a folder of a run that the store does not know."""
    names = [each.name for each in folder.glob("runs/*")]
    # Longer ones are no run's: SQLite counts to 2^63, and a browser to 2^53.
    taken = max((int(name) for name in names if re.fullmatch("[0-9]{1,15}", name)), default=0)
    changed = database.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'runs'", (taken,)
    )
    if taken and not changed.rowcount:
        database.execute("INSERT INTO sqlite_sequence VALUES ('runs', ?)", (taken,))


def set_aside(path: Path) -> None:
    """Moves the damaged store beside; a new one with what could be read of it takes its place.

    The store is looked at once more: another process may have done it. Raises UserError where a
    program still uses the damaged one, sqlite3.Error or OSError where the disk is full, say.
    """
    (path.parent / "locks").mkdir(exist_ok=True)
    lock = FileLock(path.parent / "locks" / "store.lock", timeout=_LOCK_SECONDS)
    try:
        with lock:
            why = _damage(path)
            if not why:
                return
            if users := _lasting_users(path):
                raise UserError(
                    f"{path} is damaged ({why}) and still used by process {users[0]}; end that "
                    "program and start this one again: the store is then set aside."
                )
            _replace(path, why)
    except Timeout as error:
        raise UserError(
            f"{path} is damaged, and another program is setting it aside; try again later."
        ) from error


def notice_of_damage(folder: Path) -> str:
    """A sentence for each store that was set aside here and is not removed yet."""
    sentences = []
    for text in sorted(folder.glob("store.damaged-*.txt")):
        with suppress(OSError):
            if text.is_file():  # a pipe would be waited for
                with text.open(encoding="utf-8", errors="replace") as file:
                    sentences.append(file.readline(_LONGEST_NOTICE).rstrip("\n"))
    return " ".join(sentences)


def _damage(path: Path) -> str:
    """What is wrong with the store; empty where nothing is."""
    if not path.exists():
        return ""
    try:
        check_header(path)
        with closing(_reading(path)) as database:
            check(database)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error)
    return ""


def _lasting_users(path: Path) -> list[int]:
    deadline = time.monotonic() + _USERS_SECONDS
    while (users := _users(path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return users


def _users(path: Path) -> list[int]:
    """Other processes that have the file open, as far as this user may see."""
    users = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and any(
                Path(file.path) == path.resolve() for file in process.open_files()
            ):
                users.append(process.pid)
    return users


def _replace(path: Path, why: str) -> None:
    fresh = path.with_name(f".store.{os.getpid()}.sqlite")
    try:
        taken_over = _salvage(path, fresh)
        aside = _free_name(path)
        told = ", ".join(f"{count:,} {table}" for table, count in taken_over.items() if count)
        sentence = (
            f"The store was damaged and is set aside as {aside.name}; "
            f"{f'taken over into a new one: {told}' if told else 'nothing of it could be read'}."
        )
        _log.warning(sentence)  # on the terminal, of the command line too
        aside.with_suffix(".txt").write_text(
            f"{sentence} This is said until that file and {aside.stem}.txt are removed.\n\n"
            f"What SQLite says of it: {why}\n"
            "Its own command line may read more of it: "
            f'sqlite3 {aside.name} ".recover" | sqlite3 recovered.sqlite\n',
            encoding="utf-8",
        )
        # Before the file itself: a new one beside an old WAL would be spoilt by it.
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        if taken_over:
            # In one step: another process must not find the place empty and make a store there.
            aside.hardlink_to(path)
            fresh.replace(path)
        else:
            path.rename(aside)
    finally:
        for suffix in ("-journal", ""):
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def _free_name(path: Path) -> Path:
    stem = f"store.damaged-{datetime.now():%Y-%m-%d}"
    names = (f"{stem}{more}.sqlite" for more in ("", *(f"-{n}" for n in range(2, 10_000))))
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def _salvage(damaged: Path, fresh: Path) -> dict[str, int]:
    """Rows taken over by table, into a store of the damaged one's own version."""
    with closing(_reading(damaged)) as old, closing(sqlite3.connect(fresh)) as new:
        try:
            check_header(damaged)
            version = old.execute("PRAGMA user_version").fetchone()[0]
            schema = own_statements(old)
            new.execute("PRAGMA foreign_keys = ON")  # no record of a run that is lost
            distrust(new)
            for _, _, sql in schema:
                new.execute(sql)
        except sqlite3.DatabaseError:
            return {}
        tables = [(name, sql) for kind, name, sql in schema if kind == "table"]
        counts = {name: _copy(old, new, name, sql) for name, sql in tables}
        keep_ids(new, damaged.parent)
        new.execute(f"PRAGMA user_version = {version}")
        new.commit()
        return counts


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, sql: str) -> int:
    columns = old.execute(f"PRAGMA table_info({table})").fetchall()
    primary = sorted((column[5], column[1]) for column in columns if column[5])
    key = "rowid" if "WITHOUT ROWID" not in sql.upper() else ", ".join(name for _, name in primary)
    # With its rowid: readings are read in its order.
    names = [*(["rowid"] if key == "rowid" else []), *(column[1] for column in columns)]
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
    count = 0
    for row in _readable_rows(old, table, key):
        with suppress(sqlite3.IntegrityError):
            new.execute(insert, row[len(row) - len(names) :])
            count += 1
    return count


def _readable_rows(old: sqlite3.Connection, table: str, key: str) -> Iterator[tuple[object, ...]]:
    """The key and all columns: from the first row on to one that cannot be read, then from the last
    back to another such."""
    width = key.count(",") + 1
    last: tuple[object, ...] = ()
    try:
        for row in old.execute(f"SELECT {key}, * FROM {table} ORDER BY {key}"):  # noqa: S608
            last = row[:width]
            yield row
        return
    except sqlite3.DatabaseError:
        pass
    after = f"WHERE ({key}) > ({', '.join('?' * width)})" if last else ""
    backwards = f"{key} DESC".replace(",", " DESC,")
    with suppress(sqlite3.DatabaseError):
        for row in old.execute(
            f"SELECT {key}, * FROM {table} {after} ORDER BY {backwards}",  # noqa: S608
            last,
        ):
            yield row


def _reading(path: Path) -> sqlite3.Connection:
    """Changes nothing, and takes text that is none as well as it can."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.text_factory = lambda text: text.decode(errors="replace")
    distrust(connection)
    return connection
