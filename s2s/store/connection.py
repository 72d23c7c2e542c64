"""Opening the store's file: to write, only to read where that is all that can be done."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from s2s.config import UserError
from s2s.paths import make_folder
from s2s.store import migration, schema
from s2s.store.damage import check_header, check_pages, notice_of_damage, reserve_ids, set_aside
from s2s.store.errors import is_damage, is_read_only, told_in_a_sentence
from s2s.store.schema import check_schema, distrust

FILE_NAME = "store.sqlite"
WAIT_SECONDS = 30.0
"""For another process that writes."""
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "ceph"}


@dataclass(frozen=True)
class Opened:
    """One connection to write and one to read, any thread may use them, one at a time."""

    writer: sqlite3.Connection
    reader: sqlite3.Connection
    notice: str
    """What the user should know of this store; empty where there is nothing."""
    read_only: bool


def open_store(folder: Path) -> Opened:
    """Made where there is none, brought to today's form where it is older.

    A damaged one is set aside, and what can be read of it is in a new one. Raises UserError where
    the folder cannot be written and holds no store that could be read, the disk is full, another
    program locks the store, it is of a newer s2s, or holds what s2s did not make.
    """
    path = folder / FILE_NAME
    try:
        make_folder(folder)
        with told_in_a_sentence(path):
            # On a disk mounted to read only SQLite itself notices late where a WAL lies beside it.
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
            f"The folder {folder} cannot be written ({error}); set S2S_HOME to a folder that can."
        ) from error


@contextmanager
def atomically(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction: all of it is written, or nothing where something is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself takes back what a full disk broke off
            connection.execute("ROLLBACK")
        raise


def _open(path: Path) -> Opened:
    check_header(path)
    network = on_network(path.parent)
    writer = _connect(path, network)
    try:
        version = writer.execute("PRAGMA user_version").fetchone()[0]
        if version > migration.SCHEMA_VERSION:
            raise UserError(
                f"The store in {path.parent} was written by a newer version of s2s; update s2s to "
                "open it."
            )
        check_pages(writer)  # first: the schema of a damaged store cannot be trusted
        check_schema(writer, path)
        if version == 0:
            writer.executescript(schema.SCHEMA)
        with atomically(writer):  # fails in a folder to read only, and not yet on a full disk
            if writer.execute("PRAGMA user_version").fetchone()[0] != migration.SCHEMA_VERSION:
                migration.migrate(writer)
                reserve_ids(writer, path.parent)
        reader = _connect(path, network)
    except BaseException:
        writer.close()
        raise
    notices = [notice_of_damage(path.parent)]
    if network:
        notices.append(
            f"{path.parent} is a network folder: records are written more slowly, "
            "and only one machine should use it at a time."
        )
    return Opened(writer, reader, " ".join(filter(None, notices)), read_only=False)


def _open_read_only(path: Path) -> Opened:
    # Where not even the WAL's index can be made, the file is read as it is, without its WAL.
    for more in ("", "&immutable=1"):
        uri = f"file:{quote(str(path))}?mode=ro{more}"
        connections = [_connection(uri, uri=True) for _ in range(2)]
        try:
            version = connections[0].execute("PRAGMA user_version").fetchone()[0]
            connections[0].execute("SELECT count(*) FROM sqlite_master").fetchone()
            break
        except sqlite3.DatabaseError as error:
            for each in connections:
                each.close()
            if more or not is_read_only(error):
                raise
    if version != migration.SCHEMA_VERSION:
        raise UserError(
            f"The store in {path.parent} was written by another version of s2s, and that folder "
            "cannot be written. Copy it to a writable folder and set S2S_HOME to that folder."
        )
    writer, reader = connections
    check_schema(reader, path)
    notice = (
        f"{path.parent} cannot be written: what is recorded there can be looked at, and nothing "
        "can be trained; set S2S_HOME to a folder that can be written."
    )
    return Opened(writer, reader, notice, read_only=True)


def _connect(path: Path, network: bool) -> sqlite3.Connection:
    """WAL is not safe on a network folder; the rollback journal is, and slower."""
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
    distrust(connection)
    return connection


def on_network(folder: Path) -> bool:
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    for parent in (folder.resolve(), *folder.resolve().parents):
        if parent in mounts:
            return mounts[parent] in _NETWORK_FILESYSTEMS
    return False
