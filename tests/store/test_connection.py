import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from s2s.config import UserError
from s2s.paths import home
from s2s.store import connection as opening
from s2s.store.migration import SCHEMA_VERSION
from s2s.store.runs import Store
from tests.tiny import tiny_config


def test_a_newer_store_is_refused_and_left_as_it_is(store: Store) -> None:
    store.close()
    with closing(sqlite3.connect(home() / "store.sqlite")) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(UserError, match="written by a newer version of s2s"):
        Store(home())
    with closing(sqlite3.connect(home() / "store.sqlite")) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
    assert version == SCHEMA_VERSION + 1
    assert [each.name for each in home().glob("store.damaged*")] == []


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be written .*; set S2S_HOME to"):
        Store(tmp_path / "file")
    with pytest.raises(UserError, match=r"cannot be written .*; set S2S_HOME to"):
        Store(tmp_path / "file" / "below")


def test_a_store_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").mkdir()
    with pytest.raises(UserError, match=r"cannot be written .*; set S2S_HOME to"):
        Store(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=r"cannot be written .*; set S2S_HOME to"):
        Store(tmp_path)
    tmp_path.chmod(0o700)


def test_a_locked_store_is_refused_and_never_set_aside(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_run(tiny_config(), "kept")
    store.close()
    monkeypatch.setattr(opening, "WAIT_SECONDS", 0.1)
    with closing(sqlite3.connect(home() / "store.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"is locked by another program; wait for that"):
            Store(home())
    assert [each.name for each in home().glob("store.damaged*")] == []
    with closing(Store(home())) as again:
        assert [run.name for run in again.runs()] == ["kept"]


def journal_mode(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        return str(database.execute("PRAGMA journal_mode").fetchone()[0])


def mounted(monkeypatch: pytest.MonkeyPatch, **filesystems: str) -> None:
    mounts = [
        SimpleNamespace(mountpoint=place, fstype=kind)
        for kind, place in {"ext4": "/", **filesystems}.items()
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)


def test_a_local_folder_uses_wal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(monkeypatch, nfs4="/elsewhere")
    with closing(Store(tmp_path)) as store:
        assert store.notice == ""
        assert journal_mode(tmp_path) == "wal"


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p"])
def test_a_network_folder_uses_no_wal_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounted(monkeypatch, **{kind: str(tmp_path)})
    folder = tmp_path / "deep" / "home"
    with closing(Store(folder)) as store:
        assert store.notice.startswith(f"{folder} is a network folder")
        assert journal_mode(folder) == "delete"
        run_id = store.create_run(tiny_config())
        assert store.run(run_id).id == run_id
    assert not list(folder.glob("*-wal"))


def test_a_store_that_comes_to_a_network_folder_leaves_wal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path).close()
    assert journal_mode(tmp_path) == "wal"
    mounted(monkeypatch, nfs=str(tmp_path))
    with closing(Store(tmp_path)) as store:
        store.create_run(tiny_config())
        assert journal_mode(tmp_path) == "delete"


def test_two_processes_write_at_once_on_a_network_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import psutil, sys
from pathlib import Path
from types import SimpleNamespace
psutil.disk_partitions = lambda **_: [SimpleNamespace(mountpoint="/", fstype="nfs4")]
from s2s.config import TrainConfig
from s2s.store.runs import Store
store = Store(Path(sys.argv[1]))
assert "network folder" in store.notice
for number in range(60):
    store.create_run(TrainConfig(seed=number))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    mounted(monkeypatch, nfs4=str(tmp_path))
    with closing(Store(tmp_path)) as store:
        processes = [subprocess.Popen(command) for _ in range(2)]
        assert [process.wait(60) for process in processes] == [0, 0]
        seeds = sorted(run.config.seed for run in store.runs())
    assert seeds == sorted(2 * list(range(60)))
    assert journal_mode(tmp_path) == "delete"


@pytest.mark.parametrize("folders", [["7", "12", "not a run"], []])
def test_a_new_store_gives_no_run_the_folder_of_another(tmp_path: Path, folders: list[str]) -> None:
    """The store was moved away, and the runs' checkpoints were not."""
    for name in folders:
        (tmp_path / "runs" / name).mkdir(parents=True)
    with closing(Store(tmp_path)) as store:
        assert store.create_run(tiny_config()) == (13 if folders else 1)


@pytest.mark.parametrize("name", ["9223372036854775807", "9" * 20, "\u0663"])
def test_a_folder_whose_name_is_no_id(tmp_path: Path, name: str) -> None:
    (tmp_path / "runs" / name).mkdir(parents=True)
    with closing(Store(tmp_path)) as store:
        assert store.create_run(tiny_config()) == 1


ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
RENAMED = "DROP INDEX runs_of_state; ALTER TABLE runs RENAME TO r; DROP TABLE r"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (f"CREATE TRIGGER t AFTER INSERT ON runs BEGIN {ENDLESS}; END", "trigger 't'"),
        (f"{RENAMED}; CREATE VIEW runs AS {ENDLESS}", "view 'runs'"),
        (f"{RENAMED}; CREATE VIRTUAL TABLE runs USING fts5(id)", "columns of 'runs_config'"),
        ('CREATE TABLE "a b; x" (c)', "columns of 'a b; x'"),
        ("ALTER TABLE runs ADD COLUMN x AS (hex(zeroblob(9)))", "columns of 'runs'"),
        ("CREATE INDEX more ON runs (hex(name))", "index 'more'"),
    ],
)
@pytest.mark.parametrize("opening_as", [opening._open, opening._open_read_only])
def test_a_store_with_what_s2s_did_not_make_is_refused(
    tmp_path: Path, statement: str, told: str, opening_as: Callable[[Path], opening.Opened]
) -> None:
    """Whatever would act at a write or a read."""
    Store(tmp_path).close()
    path = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statement)
    with pytest.raises(UserError, match=re.escape(f"holds what s2s did not make ({told})")):
        opening_as(path)


def test_a_check_in_a_table_is_not_run(tmp_path: Path) -> None:
    schema = Path(opening.__file__).with_name("schema.sql").read_text()
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        database.executescript(schema.replace("deleted_at REAL ", "deleted_at REAL CHECK (0) ", 1))
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    with closing(Store(tmp_path)) as store:
        assert store.create_run(tiny_config()) == 1
        store.request_stop(1)
        store.delete_run(1)


def test_a_store_that_was_analysed_is_opened(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        store.create_run(tiny_config())
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        database.execute("ANALYZE")
    Store(tmp_path).close()
