"""The store's file as transactions and queries that any thread may use."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from s2s.store.connection import FILE_NAME, WAIT_SECONDS, atomically, open_store
from s2s.store.errors import wrap_sqlite_errors


class Database:
    """One SQLite file, `store.sqlite` in `folder`, for any number of threads and processes.

    One connection writes and one reads, each behind a lock. Readers never wait for the writer
    (WAL). A network file system gets the slower rollback journal, because WAL is not safe there;
    `notice` says so. In a folder that cannot be written the store is `read_only`.
    """

    def __init__(self, folder: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        """Open the store.

        Args:
            folder: Created if it does not exist.
            wait_seconds: How long to wait for another process that writes, once the store is open.

        Raises:
            UserError: There is no usable store; see `open_store`.
        """
        self._path = folder / FILE_NAME
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        connections = open_store(folder)
        self._writer, self._reader = connections.writer, connections.reader
        self.notice, self.read_only = connections.notice, connections.read_only
        self._wait_seconds = wait_seconds
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
            with atomically(self._writer) as database:
                yield database

    def read(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[sqlite3.Row]:
        """Return the query's rows.

        Raises:
            StoreError: As `transaction`.
        """
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
