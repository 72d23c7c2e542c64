"""The store's file: opened on any disk, and used by any number of threads and processes."""

import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil

from s2s.errors import UserError
from s2s.paths import make_folder
from s2s.store import schema
from s2s.store.damage import check_pages, describe_damaged_stores, set_aside
from s2s.store.errors import is_damage, is_read_only, wrap_sqlite_errors

WAIT_SECONDS = 30.0
"""How long to wait for another process that writes."""
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "ceph"}
_Opened = tuple[sqlite3.Connection, sqlite3.Connection, str, bool]
"""A connection to write and one to read, a notice for the user, and whether it is read-only."""


class Database:
    """One SQLite file for any number of threads and processes.

    One connection writes and one reads, each behind a lock. Readers never wait for the writer,
    except on a network file system, where SQLite's WAL is not safe.
    """

    def __init__(self, folder: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        """Open the store in the folder; create it if it is missing, migrate it if it is older.

        A damaged store is set aside, and its readable rows are copied into a new one.

        Args:
            wait_seconds: How long to wait for another process that writes, once the store is open.

        Raises:
            UserError: The folder cannot be written and holds no readable store, the disk is full,
                another program locks the store, a newer version of s2s wrote it, or it contains
                objects that s2s did not create.
        """
        self._path = folder / "store.sqlite"
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        self._wait_seconds = wait_seconds
        try:
            make_folder(folder)
            with wrap_sqlite_errors(self._path):
                self._writer, self._reader, self.notice, self.read_only = _open_any(self._path)
        except OSError as error:
            raise UserError(
                f"Cannot write to {folder} ({error}). Set S2S_HOME to a writable folder."
            ) from error
        self._reader.execute(f"PRAGMA busy_timeout = {round(1000 * wait_seconds)}")

    @contextmanager
    def transaction(self, wait_seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        """Open one transaction: all of it is written, or nothing if an exception is raised.

        Args:
            wait_seconds: How long to wait for another process that writes; None: the store's own.

        Raises:
            StoreError: Another process writes for longer, the disk is full, and so on.
        """
        wait_ms = round(1000 * (self._wait_seconds if wait_seconds is None else wait_seconds))
        with self._write_lock, wrap_sqlite_errors(self._path):
            self._writer.execute(f"PRAGMA busy_timeout = {wait_ms}")
            with _atomically(self._writer):
                yield self._writer

    def write(
        self, query: str, values: Sequence[object] = (), wait_seconds: float | None = None
    ) -> int:
        """Run one statement as a transaction of its own; return the number of rows it changed."""
        with self.transaction(wait_seconds) as database:
            return database.execute(query, values).rowcount

    def read(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[sqlite3.Row]:
        """Return the query's rows; raise StoreError as `transaction` does."""
        with self._read_lock, wrap_sqlite_errors(self._path):
            try:
                return self._reader.execute(query, values).fetchall()
            except OverflowError:  # an id larger than SQLite's integers: there is no such row
                return []

    def sync(self) -> None:
        """Flush to disk: without it, a power failure can lose the last seconds of a WAL."""
        with self._write_lock, wrap_sqlite_errors(self._path):
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._writer.close()
            self._reader.close()


@contextmanager
def _atomically(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back on a full disk
            connection.execute("ROLLBACK")
        raise


def _open_any(path: Path) -> _Opened:
    # On a read-only disk with a WAL file, SQLite notices only at the first write.
    if path.is_file() and not (os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)):
        return _open_read_only(path)
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        set_aside(path, error)
    return _open(path)


def _open(path: Path) -> _Opened:
    is_network = _is_on_network(path.parent)
    writer = _connect(str(path))
    try:
        writer.execute(f"PRAGMA journal_mode = {'DELETE' if is_network else 'WAL'}")
        writer.execute("PRAGMA synchronous = NORMAL")
        writer.execute("PRAGMA foreign_keys = ON")
        version = schema.read_version(writer)
        if version > schema.SCHEMA_VERSION:
            raise UserError(
                f"The store in {path.parent} was written by a newer version of s2s. Update s2s to "
                "open it."
            )
        check_pages(writer)  # first, because the schema of a damaged store cannot be trusted
        schema.check_schema(writer, path)
        if version == 0:
            writer.executescript(schema.SCHEMA)
        with _atomically(writer):
            if schema.read_version(writer) != schema.SCHEMA_VERSION:
                schema.migrate(writer)
                _reserve_run_ids(writer, path.parent)
        reader = _connect(str(path))
    except BaseException:
        writer.close()
        raise
    notice = describe_damaged_stores(path.parent)
    if is_network:
        notice += (
            f" {path.parent} is on a network file system: writing is slower, and only one machine "
            "should use it at a time."
        )
    return writer, reader, notice.strip(), False


def _open_read_only(path: Path, options: str = "") -> _Opened:
    uri = f"file:{quote(str(path))}?mode=ro{options}"
    writer, reader = _connect(uri, uri=True), _connect(uri, uri=True)
    try:
        if schema.read_version(reader) != schema.SCHEMA_VERSION:
            raise UserError(
                f"The store in {path.parent} was written by another version of s2s, and that "
                "folder is read-only. Copy it to a writable folder and set S2S_HOME to that folder."
            )
        schema.check_schema(reader, path)
    except sqlite3.DatabaseError as error:
        writer.close()
        reader.close()
        if options or not is_read_only(error):
            raise
        # SQLite could not create the WAL's index: read the file without its WAL.
        return _open_read_only(path, "&immutable=1")
    notice = (
        f"{path.parent} is read-only: you can look at its runs, but not train. Set S2S_HOME to a "
        "writable folder."
    )
    return writer, reader, notice, True


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        name, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=uri
    )
    connection.row_factory = sqlite3.Row
    schema.disable_schema_code(connection)
    return connection


def _reserve_run_ids(database: sqlite3.Connection, folder: Path) -> None:
    """Give no new run the id of a run folder that a lost or moved store has left behind."""
    names = [path.name for path in folder.glob("runs/*")]
    # Longer names are not ids: SQLite counts to 2^63, and a browser to 2^53.
    highest = max((int(name) for name in names if re.fullmatch("[0-9]{1,15}", name)), default=0)
    query = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'runs'"
    if not database.execute(query, (highest,)).rowcount:
        database.execute("INSERT INTO sqlite_sequence VALUES ('runs', ?)", (highest,))


def _is_on_network(folder: Path) -> bool:
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    folder = folder.resolve()
    mount = next((each for each in (folder, *folder.parents) if each in mounts), None)
    return mount is not None and mounts[mount] in _NETWORK_FILESYSTEMS
