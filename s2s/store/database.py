"""The store's SQLite file, which any thread or process can open, read and write."""

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
"""How long to wait by default while another process writes."""
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "ceph"}


class Database:
    """One SQLite file for any number of threads and processes.

    One connection writes and one reads. Each has its own lock, so readers do not wait for the
    writer. On a network file system they do, because SQLite's WAL is not safe there.
    """

    def __init__(self, folder: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        """Open the store in the folder. Create, migrate or replace it if needed.

        Args:
            wait_seconds: How long to wait while another process writes, once the store is open.

        Raises:
            UserError: The store cannot be read or created, another program locks it, a newer
                version of s2s wrote it, or it contains objects that s2s did not create.
        """
        self._path, self._wait_seconds = folder / "store.sqlite", wait_seconds
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        try:
            make_folder(folder)
            # Ask the system: SQLite may notice a read-only disk only at the first write.
            can_write = os.access(folder, os.W_OK) and os.access(self._path, os.W_OK)
            self.read_only = self._path.is_file() and not can_write
            with wrap_sqlite_errors(self._path):
                self._writer = (open_read_only if self.read_only else _open_or_replace)(self._path)
                self._reader = self._writer if self.read_only else _connect(str(self._path))
        except OSError as error:
            raise UserError(
                f"Cannot write to {folder} ({error}). Set S2S_HOME to a writable folder."
            ) from error
        self.notice = _describe_problems(folder, self.read_only)
        self._reader.execute(f"PRAGMA busy_timeout = {round(1000 * wait_seconds)}")

    @contextmanager
    def transaction(self, wait_seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        """Open a transaction. Commit it at the end, or roll it back if an exception is raised.

        Args:
            wait_seconds: How long to wait while another process writes. By default, the store's
                `wait_seconds`.

        Raises:
            StoreError: The store cannot be written now, for example because the disk is full.
        """
        wait_ms = round(1000 * (self._wait_seconds if wait_seconds is None else wait_seconds))
        with self._write_lock, wrap_sqlite_errors(self._path):
            self._writer.execute(f"PRAGMA busy_timeout = {wait_ms}")
            with self._writer as database:  # commits or rolls back at the end
                database.execute("BEGIN IMMEDIATE")
                yield database

    def write(
        self, query: str, values: Sequence[object] = (), wait_seconds: float | None = None
    ) -> int:
        """Run one statement in its own transaction. Return the number of rows that it changed."""
        with self.transaction(wait_seconds) as database:
            return database.execute(query, values).rowcount

    def read(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[sqlite3.Row]:
        """Return the query's rows; raise StoreError if the store cannot be read now."""
        with self._read_lock, wrap_sqlite_errors(self._path):
            try:
                return self._reader.execute(query, values).fetchall()
            except OverflowError:  # an id exceeds 64 bits, so no row has it
                return []

    def sync(self) -> None:
        """Flush the WAL to disk. Otherwise a power failure could lose the last writes."""
        with self._write_lock, wrap_sqlite_errors(self._path):
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._writer.close()
            self._reader.close()


def _open_or_replace(path: Path) -> sqlite3.Connection:
    try:
        return open_writable(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        set_aside(path, error)
        return open_writable(path)


def open_writable(path: Path) -> sqlite3.Connection:
    """Open a store for reading and writing. Create it if it is missing; migrate it if it is old."""
    connection = _connect(str(path))
    try:
        is_network = _is_on_network(path.parent)
        connection.execute(f"PRAGMA journal_mode = {'DELETE' if is_network else 'WAL'}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        version = schema.read_version(connection)
        if version > schema.SCHEMA_VERSION:
            raise UserError(
                f"The store in {path.parent} was written by a newer version of s2s. Update s2s to "
                "open it."
            )
        check_pages(connection)  # before the schema, which damage may have changed
        schema.check_schema(connection, path)
        if version == 0:
            connection.executescript(schema.SCHEMA)
        with connection:  # commits or rolls back at the end
            connection.execute("BEGIN IMMEDIATE")
            if schema.read_version(connection) != schema.SCHEMA_VERSION:
                schema.migrate(connection)
                _reserve_run_ids(connection, path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def open_read_only(path: Path, options: str = "") -> sqlite3.Connection:
    """Open a store that this process cannot write. `options` is appended to its SQLite URI."""
    connection = _connect(f"file:{quote(str(path))}?mode=ro{options}", uri=True)
    try:
        if schema.read_version(connection) != schema.SCHEMA_VERSION:
            raise UserError(
                f"The store in {path.parent} was written by another version of s2s, and that "
                "folder is read-only. Copy it to a writable folder and set S2S_HOME to that folder."
            )
        schema.check_schema(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        if options or not is_read_only(error):
            raise
        # SQLite cannot create the index of the WAL here. Read the file without its WAL.
        return open_read_only(path, "&immutable=1")
    return connection


def _describe_problems(folder: Path, read_only: bool) -> str:
    if read_only:
        return (
            f"{folder} is read-only: you can look at its runs, but not train. Set S2S_HOME to a "
            "writable folder."
        )
    notice = describe_damaged_stores(folder)
    if _is_on_network(folder):
        notice += (
            f" {folder} is on a network file system: writing is slower, and only one machine "
            "should use it at a time."
        )
    return notice.strip()


def _connect(filename: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        filename, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=uri
    )
    connection.row_factory = sqlite3.Row
    # Damaged text is shown with replacement characters; by default it would hide all rows.
    connection.text_factory = lambda text: text.decode(errors="replace")
    schema.disable_schema_code(connection)
    return connection


def _reserve_run_ids(database: sqlite3.Connection, folder: Path) -> None:
    """Reserve the ids of existing run folders, which a lost or moved store may have left behind."""
    names = [path.name for path in folder.glob("runs/*")]
    # Longer names cannot be ids: browsers represent integers exactly only up to 2^53.
    highest = max((int(name) for name in names if re.fullmatch("[0-9]{1,15}", name)), default=0)
    query = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'runs'"
    if not database.execute(query, (highest,)).rowcount:
        database.execute("INSERT INTO sqlite_sequence VALUES ('runs', ?)", (highest,))


def _is_on_network(folder: Path) -> bool:
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    folder = folder.resolve()
    mountpoint = next((path for path in (folder, *folder.parents) if path in mounts), None)
    return mountpoint is not None and mounts[mountpoint] in _NETWORK_FILESYSTEMS
