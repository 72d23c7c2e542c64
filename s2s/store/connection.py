"""Open the store's file: for reading and writing, or read-only where nothing can be written."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from s2s.errors import UserError
from s2s.paths import make_folder
from s2s.store import schema
from s2s.store.damage import check_header, check_pages, notice_of_damage, reserve_ids, set_aside
from s2s.store.errors import is_damage, is_read_only, wrap_sqlite_errors

FILE_NAME = "store.sqlite"
WAIT_SECONDS = 30.0
"""How long to wait for another process that writes."""
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "ceph"}


@dataclass(frozen=True)
class Connections:
    """One connection to write and one to read; any thread may use them, one at a time."""

    writer: sqlite3.Connection
    reader: sqlite3.Connection
    notice: str
    """What the user should know about this store; empty if there is nothing."""
    read_only: bool


def open_store(folder: Path) -> Connections:
    """Open the store in the folder; create it if there is none, migrate it if it is older.

    A damaged store is set aside, and its readable rows are copied into a new one.

    Raises:
        UserError: The folder cannot be written and holds no readable store, the disk is full,
            another program locks the store, a newer version of s2s wrote it, or it contains
            objects that s2s did not create.
    """
    path = folder / FILE_NAME
    try:
        make_folder(folder)
        with wrap_sqlite_errors(path):
            # On a read-only disk with a WAL file, SQLite notices only at the first write.
            if path.is_file() and not (os.access(folder, os.W_OK) and os.access(path, os.W_OK)):
                return _open_read_only(path)
            try:
                return _open(path)
            except sqlite3.DatabaseError as error:
                if is_read_only(error) and path.is_file():
                    return _open_read_only(path)
                if not is_damage(error):
                    raise
                set_aside(path)
            return _open(path)
    except OSError as error:
        raise UserError(
            f"Cannot write to {folder} ({error}). Set S2S_HOME to a writable folder."
        ) from error


@contextmanager
def atomically(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run one transaction: all of it is written, or nothing if an exception is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back on a full disk
            connection.execute("ROLLBACK")
        raise


def _open(path: Path) -> Connections:
    check_header(path)
    network = _is_on_network(path.parent)
    writer = _connect(path, network)
    try:
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
        with atomically(writer):  # fails in a read-only folder
            if schema.read_version(writer) != schema.SCHEMA_VERSION:
                schema.migrate(writer)
                reserve_ids(writer, path.parent)
        reader = _connect(path, network)
    except BaseException:
        writer.close()
        raise
    notices = [notice_of_damage(path.parent)]
    if network:
        notices.append(
            f"{path.parent} is on a network file system: writing is slower, and only one machine "
            "should use it at a time."
        )
    return Connections(writer, reader, " ".join(filter(None, notices)), read_only=False)


def _open_read_only(path: Path) -> Connections:
    # Where SQLite cannot even create the WAL's index, it reads the file without its WAL.
    for option in ("", "&immutable=1"):
        uri = f"file:{quote(str(path))}?mode=ro{option}"
        connections = [_connection(uri, uri=True) for _ in range(2)]
        try:
            version = schema.read_version(connections[0])
            connections[0].execute("SELECT count(*) FROM sqlite_master").fetchone()
            break
        except sqlite3.DatabaseError as error:
            for each in connections:
                each.close()
            if option or not is_read_only(error):
                raise
    if version != schema.SCHEMA_VERSION:
        raise UserError(
            f"The store in {path.parent} was written by another version of s2s, and that folder "
            "is read-only. Copy it to a writable folder and set S2S_HOME to that folder."
        )
    writer, reader = connections
    schema.check_schema(reader, path)
    notice = (
        f"{path.parent} is read-only: you can look at its runs, but not train. Set S2S_HOME to a "
        "writable folder."
    )
    return Connections(writer, reader, notice, read_only=True)


def _connect(path: Path, network: bool) -> sqlite3.Connection:
    """Connect for writing; without WAL on a network file system, where it is not safe."""
    connection = _connection(str(path))
    try:
        if not network:
            connection.execute("PRAGMA journal_mode = WAL")
        elif connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _connection(name: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        name, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=uri
    )
    connection.row_factory = sqlite3.Row
    schema.disable_schema_code(connection)
    return connection


def _is_on_network(folder: Path) -> bool:
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    for parent in (folder.resolve(), *folder.resolve().parents):
        if parent in mounts:
            return mounts[parent] in _NETWORK_FILESYSTEMS
    return False
