"""Damaged stores: set aside, their readable rows recovered, and the program starts."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.records import Evaluation
from s2s.store import Store, damage
from s2s.store.sweeps import queue_part, read_sweep
from s2s.sweeps.plan import create_sweep
from tests.store.test_run_records import steps
from tests.tiny import tiny_config

PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of ten runs, each with 3,000 steps in blocks of about twenty pages."""
    with closing(Store(tmp_path)) as store:
        for _ in range(10):
            run_id = store.create_run(tiny_config())
            for first in (1, 1001, 2001):
                store.write_steps(run_id, steps(first, first + 999))
            store.add_evaluation(run_id, Evaluation(1, 1.0, 2.0, ()))
    return tmp_path / "store.sqlite"


def overwrite(path: Path, page: int, count: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(b"\xa5" * PAGE_BYTES * count)


def overwrite_all(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite_middle(path: Path) -> None:
    """Pages of step blocks."""
    overwrite(path, path.stat().st_size // PAGE_BYTES // 2, count=3)


@pytest.mark.parametrize("harm", [overwrite_all, truncate, overwrite_middle])
def test_a_damaged_store_is_set_aside_and_the_program_starts(
    path: Path, harm: Callable[[Path], None]
) -> None:
    (path.parent / "runs" / "10").mkdir(parents=True)
    harm(path)
    damaged = path.read_bytes()
    for first in (11, 12):  # the second time, the store is sound
        with closing(Store(path.parent)) as store:
            [aside] = path.parent.glob("store.damaged-*.sqlite")
            assert aside.read_bytes() == damaged
            assert aside.name in store.notice
            assert {run.id for run in store.runs()} <= set(range(1, first))
            assert store.create_run(tiny_config()) == first  # never that of a lost run's folder
    assert list(path.parent.glob(".store*")) == []
    aside.unlink()
    with closing(Store(path.parent)) as store:
        assert store.notice == ""


def test_tables_without_damage_are_recovered_whole(path: Path) -> None:
    with closing(Store(path.parent)) as store:
        sweep_id = create_sweep(store, SweepConfig(base=tiny_config(), batch_sizes=(2, 4)))
        sweep = read_sweep(store, sweep_id)
        lost = queue_part(store, sweep, sweep.parts[0])
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("DELETE FROM runs WHERE id = ?", (lost,))
        opened.commit()
    overwrite_middle(path)
    with closing(Store(path.parent)) as store:
        assert read_sweep(store, sweep_id) == sweep  # the part whose run is lost waits again
        assert [run.id for run in store.runs()] == list(range(10, 0, -1))
        assert [len(store.evaluations(run_id)) for run_id in range(1, 11)] == [1] * 10
        assert len(store.steps(1)) == 3000  # before the damage


def test_only_one_of_several_processes_sets_the_store_aside(path: Path) -> None:
    overwrite_middle(path)
    code = "import sys, pathlib; from s2s.store import Store; print('ready', flush=True);"
    code += "input(); print(len(Store(pathlib.Path(sys.argv[1])).runs()))"
    command = [sys.executable, "-c", code, str(path.parent)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["10\n"] * 3
    assert len(list(path.parent.glob("store.damaged-*.sqlite"))) == 1


def test_a_damaged_store_in_use_is_not_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overwrite_middle(path)
    monkeypatch.setattr(damage, "_CLOSE_WAIT_SECONDS", 0.0)
    with path.open() as file, subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file) as user:
        with pytest.raises(UserError, match=f"process {user.pid}"):
            Store(path.parent)
        user.communicate()
    assert not list(path.parent.glob("store.damaged-*"))


def test_damage_while_the_store_is_open_is_a_user_error(path: Path) -> None:
    with closing(Store(path.parent)) as store:
        store._reader.execute("PRAGMA cache_size = 0")
        overwrite(path, 2, count=path.stat().st_size // PAGE_BYTES - 2)
        with pytest.raises(UserError, match="damaged"):
            [store.steps(run.id) for run in store.runs()]
