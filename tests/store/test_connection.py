"""Opening the store: on any disk, after any version, with anything in the file."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from s2s.errors import UserError
from s2s.paths import home
from s2s.store import Store, connection, schema
from s2s.store.schema import SCHEMA_VERSION
from tests.tiny import tiny_config


def pragma(folder: Path, name: str) -> object:
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        return database.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_newer_store_is_refused_and_left_as_it_is(store: Store) -> None:
    store.close()
    with closing(sqlite3.connect(home() / "store.sqlite")) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(UserError, match="newer version of s2s"):
        Store(home())
    assert pragma(home(), "user_version") == SCHEMA_VERSION + 1
    assert not list(home().glob("store.damaged*"))


def test_missing_migrations_are_applied_once_and_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 adds a column; version 3 fails at first, and then the column is not added."""
    run_id = store.create_run(tiny_config(), "old")
    store.close()

    def add_column(database: sqlite3.Connection) -> None:
        database.execute("ALTER TABLE runs ADD COLUMN rating INTEGER NOT NULL DEFAULT 3")

    def fail(database: sqlite3.Connection) -> None:
        database.execute("INSERT INTO no_such_table VALUES (1)")

    new_schema = schema.SCHEMA.replace(
        "deleted_at REAL ", "rating INTEGER NOT NULL DEFAULT 3, deleted_at REAL ", 1
    )
    monkeypatch.setattr(schema, "SCHEMA", new_schema)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 3)
    schema._own_objects.cache_clear()
    try:
        monkeypatch.setattr(schema, "MIGRATIONS", (add_column, fail))
        with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
            Store(home())
        assert pragma(home(), "user_version") == 1
        monkeypatch.setattr(schema, "MIGRATIONS", (add_column, lambda _: None))
        for _ in range(2):
            with closing(Store(home())) as migrated:
                assert migrated.run(run_id).name == "old"
                assert migrated.read("SELECT rating FROM runs")[0]["rating"] == 3
            assert pragma(home(), "user_version") == 3
    finally:
        schema._own_objects.cache_clear()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "store.sqlite").mkdir(parents=True)
    folders = [tmp_path / "file", tmp_path / "file" / "below", tmp_path / "folder"]
    if os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "locked").mkdir(0o500)
        folders.append(tmp_path / "locked")
    for folder in folders:
        with pytest.raises(UserError, match="S2S_HOME"):
            Store(folder)


def test_a_locked_store_is_refused_and_never_set_aside(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_run(tiny_config(), "kept")
    store.close()
    monkeypatch.setattr(connection, "WAIT_SECONDS", 0.1)
    with closing(sqlite3.connect(home() / "store.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match="locked"):
            Store(home())
    assert not list(home().glob("store.damaged*"))
    with closing(Store(home())) as again:
        assert [run.name for run in again.runs()] == ["kept"]
        assert again.notice == ""


def mount(monkeypatch: pytest.MonkeyPatch, kind: str, folder: Path) -> None:
    mounts = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint=str(folder), fstype=kind),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p"])
def test_a_network_folder_uses_no_wal_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = tmp_path / "deep" / "home"
    mount(monkeypatch, kind, tmp_path / "elsewhere")
    with closing(Store(folder)) as store:
        assert store.notice == ""
    assert pragma(folder, "journal_mode") == "wal"
    mount(monkeypatch, kind, tmp_path)  # the same folder, now on the network
    with closing(Store(folder)) as store:
        assert str(folder) in store.notice
        assert pragma(folder, "journal_mode") == "delete"
        assert store.create_run(tiny_config()) == 1
    assert not list(folder.glob("*-wal"))


WRITE_RUNS = """
import psutil, sys
from pathlib import Path
from types import SimpleNamespace
psutil.disk_partitions = lambda **_: [SimpleNamespace(mountpoint="/", fstype=sys.argv[2])]
from s2s.config import TrainConfig
from s2s.store import Store
store = Store(Path(sys.argv[1]))
for number in range(30):
    store.create_run(TrainConfig(seed=number))
"""


@pytest.mark.parametrize(("filesystem", "mode"), [("ext4", "wal"), ("nfs4", "delete")])
def test_processes_write_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filesystem: str, mode: str
) -> None:
    mount(monkeypatch, filesystem, tmp_path)
    with closing(Store(tmp_path)) as store:
        command = [sys.executable, "-c", WRITE_RUNS, str(tmp_path), filesystem]
        processes = [subprocess.Popen(command) for _ in range(2)]
        for number in range(30):
            store.create_run(tiny_config(seed=number))
        assert [process.wait(60) for process in processes] == [0, 0]
        assert sorted(run.config.seed for run in store.runs()) == sorted(3 * list(range(30)))
    assert pragma(tmp_path, "journal_mode") == mode
    assert pragma(tmp_path, "integrity_check") == "ok"


@pytest.mark.parametrize(
    ("folders", "first"),
    [(["7", "12", "not a run"], 13), ([], 1), (["9223372036854775807", "9" * 20, "\u0663"], 1)],
)
def test_a_new_store_gives_no_run_the_folder_of_another(
    tmp_path: Path, folders: list[str], first: int
) -> None:
    """The store was moved away, and the runs' checkpoints were not."""
    for name in folders:
        (tmp_path / "runs" / name).mkdir(parents=True)
    with closing(Store(tmp_path)) as store:
        assert store.create_run(tiny_config()) == first


ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
RENAMED = "DROP INDEX runs_of_state; ALTER TABLE runs RENAME TO r; DROP TABLE r"


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        (f"CREATE TRIGGER t AFTER INSERT ON runs BEGIN {ENDLESS}; END", "trigger 't'"),
        (f"{RENAMED}; CREATE VIEW runs AS {ENDLESS}", "view 'runs'"),
        (f"{RENAMED}; CREATE VIRTUAL TABLE runs USING fts5(id)", "columns of 'runs_config'"),
        ('CREATE TABLE "a b; x" (c)', "columns of 'a b; x'"),
        ("ALTER TABLE runs ADD COLUMN x AS (hex(zeroblob(9)))", "columns of 'runs'"),
        ("CREATE INDEX more ON runs (hex(name))", "index 'more'"),
    ],
)
@pytest.mark.parametrize("open_file", [connection._open, connection._open_read_only])
def test_a_store_with_foreign_objects_is_refused(
    tmp_path: Path, statement: str, name: str, open_file: Callable[[Path], object]
) -> None:
    """Anything that would act at a write or a read."""
    Store(tmp_path).close()
    path = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statement)
    with pytest.raises(UserError) as refused:
        open_file(path)
    assert f"({name})" in str(refused.value)


def test_checks_are_not_run_and_statistics_are_allowed(tmp_path: Path) -> None:
    checked = schema.SCHEMA.replace("deleted_at REAL ", "deleted_at REAL CHECK (0) ", 1)
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        database.executescript(checked)
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        database.execute("ANALYZE")
    with closing(Store(tmp_path)) as store:
        assert store.create_run(tiny_config()) == 1
        store.request_stop(1)
        store.delete_run(1)
