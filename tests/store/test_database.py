"""Opening the store: on any disk, after any version, with anything in the file."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from s2s.errors import UserError
from s2s.paths import home
from s2s.store import Store, database, schema
from s2s.store.schema import SCHEMA_VERSION
from tests.tiny import tiny_config


def pragma(folder: Path, name: str) -> object:
    with closing(sqlite3.connect(folder / "store.sqlite")) as opened:
        return opened.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as opened:
        opened.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(UserError, match="newer version of s2s"):
        Store(tmp_path)
    assert pragma(tmp_path, "user_version") == SCHEMA_VERSION + 1
    assert not list(tmp_path.glob("store.damaged*"))


def test_missing_migrations_are_applied_once_and_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 adds a column; version 3 fails at first, and then the column is not added."""
    run_id = store.create_run(tiny_config(), "old")
    store.close()

    def add_column(opened: sqlite3.Connection) -> None:
        opened.execute("ALTER TABLE runs ADD COLUMN rating INTEGER NOT NULL DEFAULT 3")

    def fail(opened: sqlite3.Connection) -> None:
        opened.execute("INSERT INTO no_such_table VALUES (1)")

    new_column = "rating INTEGER NOT NULL DEFAULT 3, deleted_at REAL "
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA.replace("deleted_at REAL ", new_column, 1))
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


@pytest.mark.usefixtures("store")
def test_a_locked_store_is_refused_and_never_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.1)
    with closing(sqlite3.connect(home() / "store.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match="locked"):
            Store(home())
    assert not list(home().glob("store.damaged*"))


def mount(monkeypatch: pytest.MonkeyPatch, kind: str, folder: Path) -> None:
    mounts = [("/", "ext4"), (str(folder), kind)]
    disks = [SimpleNamespace(mountpoint=point, fstype=fstype) for point, fstype in mounts]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: disks)


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


def test_processes_and_threads_write_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a local folder, and then with the same folder on the network, where WAL is not safe."""
    folder = tmp_path / "deep" / "home"
    for round_number, (kind, mode) in enumerate([("ext4", "wal"), ("nfs4", "delete")], 1):
        mount(monkeypatch, kind, tmp_path)
        with closing(Store(folder)) as store:
            assert (str(folder) in store.notice) is (kind == "nfs4")
            command = [sys.executable, "-c", WRITE_RUNS, str(folder), kind]
            processes = [subprocess.Popen(command) for _ in range(2)]
            for number in range(30):
                store.create_run(tiny_config(seed=number))
            assert [process.wait(60) for process in processes] == [0, 0]
            seeds = sorted(run.config.seed for run in store.runs())
            assert seeds == sorted(3 * round_number * list(range(30)))
        assert pragma(folder, "journal_mode") == mode
        assert pragma(folder, "integrity_check") == "ok"


def test_many_threads_open_a_new_folder_at_once(tmp_path: Path) -> None:
    def create_run(_: int) -> int:
        with closing(Store(tmp_path / "new")) as store:
            return store.create_run(tiny_config())

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create_run, range(8))) == list(range(1, 9))


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
def test_a_store_with_foreign_objects_is_refused(tmp_path: Path, statement: str, name: str) -> None:
    """Anything that would act at a write or a read."""
    Store(tmp_path).close()
    path = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(path)) as opened:
        opened.executescript(statement)
    for open_file in (database.open_writable, database.open_read_only):
        with pytest.raises(UserError) as refused:
            open_file(path)
        assert f"({name})" in str(refused.value)


def test_checks_are_not_run_and_statistics_are_allowed(tmp_path: Path) -> None:
    checked = schema.SCHEMA.replace("deleted_at REAL ", "deleted_at REAL CHECK (0) ", 1)
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as opened:
        opened.executescript(f"{checked}; PRAGMA user_version = {SCHEMA_VERSION}; ANALYZE")
    with closing(Store(tmp_path)) as store:
        assert store.create_run(tiny_config()) == 1
        store.request_stop(1)
        store.delete_run(1)


def test_damaged_text_hides_no_other_row(store: Store) -> None:
    first, second = (store.create_run(tiny_config()) for _ in range(2))
    store.write("UPDATE runs SET name = CAST(x'41ff42' AS TEXT) WHERE id = ?", (first,))
    assert [run.name for run in store.runs() if run.id == first] == ["A\ufffdB"]
    assert store.run(second).id == second
