import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tiny import tiny_config

from s2s.config import UserError
from s2s.records import STEP_DTYPE, DeviceSample, Evaluation
from s2s.runs import damage
from s2s.runs.store import Store

PAGE_BYTES = 4096


def block(first: int) -> npt.NDArray[np.void]:
    rows = np.zeros(1000, STEP_DTYPE)
    rows["iteration"] = np.arange(first, first + 1000)
    return rows


def filled_store(folder: Path, runs: int = 4) -> Path:
    """Each run with 3,000 steps in three blocks of some twenty pages, and ten evaluations."""
    with closing(Store(folder)) as store:
        for _ in range(runs):
            run_id = store.create_run(tiny_config())
            for first in (1, 1001, 2001):
                store.write_steps(run_id, block(first))
            for iteration in range(10):
                store.add_evaluation(run_id, Evaluation(iteration, 1.0, 2.0, ()))
            store.add_device_samples(run_id, [DeviceSample(1.0, "cpu", None, 7, None, None)])
    return folder / "store.sqlite"


def spoil(path: Path, page: int, count: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(b"\xa5" * PAGE_BYTES * count)


def not_a_database(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def first_page(path: Path) -> None:
    spoil(path, 1)


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def in_the_middle(path: Path) -> None:
    spoil(path, path.stat().st_size // PAGE_BYTES // 2, count=3)


@pytest.mark.parametrize("harm", [not_a_database, first_page, cut_short, in_the_middle])
def test_a_damaged_store_is_set_aside_and_the_program_starts(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = filled_store(tmp_path)
    harm(path)
    spoilt = path.read_bytes()
    with closing(Store(tmp_path)) as store:
        [aside] = tmp_path.glob("store.damaged-*.sqlite")
        assert aside.read_bytes() == spoilt
        assert f"was damaged and is set aside as {aside.name}; " in store.notice
        kept = store.runs()
        for run in kept:
            steps = store.steps(run.id)["iteration"]
            assert set(steps.tolist()) <= set(range(1, 3001))
        store.create_run(tiny_config(), "goes on")
    text = aside.with_suffix(".txt").read_text(encoding="utf-8")
    assert text.startswith("The store was damaged")
    assert "What SQLite says of it:" in text
    assert [each.name for each in tmp_path.glob(".store*")] == []
    with closing(Store(tmp_path)) as again:  # once only, and said until the files are removed
        assert len(list(tmp_path.glob("store.damaged-*.sqlite"))) == 1
        assert aside.name in again.notice
        assert again.runs()[0].name == "goes on"
    aside.with_suffix(".txt").unlink()
    with closing(Store(tmp_path)) as again:
        assert again.notice == ""


def test_what_can_be_read_is_taken_over(tmp_path: Path) -> None:
    """Pages of blobs in the middle: all but a few blocks is still there."""
    path = filled_store(tmp_path, runs=10)
    in_the_middle(path)
    with closing(Store(tmp_path)) as store:
        assert [run.id for run in store.runs()] == list(range(10, 0, -1))
        steps = [len(store.steps(run_id)) for run_id in range(1, 11)]
        assert steps[0] == steps[-1] == 3000  # before and behind the damage
        assert 10_000 <= sum(steps) < 30_000
        assert "10 runs" in store.notice
        assert all(len(store.evaluations(run_id)) == 10 for run_id in (1, 10))
        assert store.create_run(tiny_config()) == 11


def test_what_is_readable_from_both_ends_comes_once(tmp_path: Path) -> None:
    """A spoilt leaf of a table in the middle."""
    with closing(Store(tmp_path)) as store:
        run_id = store.create_run(tiny_config())
        samples = [DeviceSample(float(at), "cpu", None, at, None, None) for at in range(1, 2001)]
        store.add_device_samples(run_id, samples)
    path = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(path)) as database:
        found = (
            database.execute(
                "SELECT pageno FROM dbstat WHERE name = 'device_samples' AND pagetype = 'leaf'"
                " ORDER BY path"
            ).fetchall()
            if "ENABLE_DBSTAT_VTAB" in str(database.execute("PRAGMA compile_options").fetchall())
            else []
        )
    if not found:
        pytest.skip("this SQLite does not tell which pages a table has")
    spoil(path, found[len(found) // 2][0])
    with closing(Store(tmp_path)) as store:
        times = [sample.at for sample in store.device_samples(run_id)]
    assert times[0] == 1.0
    assert times[-1] == 2000.0
    assert times == sorted(set(times))
    assert 1800 < len(times) < 2000


def test_no_id_of_a_lost_run_is_used_again(tmp_path: Path) -> None:
    path = filled_store(tmp_path)
    (tmp_path / "runs" / "4").mkdir(parents=True)
    not_a_database(path)
    with closing(Store(tmp_path)) as store:
        assert store.runs() == []
        assert store.create_run(tiny_config()) == 5


def test_only_tables_of_s2s_are_taken_over(tmp_path: Path) -> None:
    """Whatever others are named, and nothing that would act in the new store."""
    path = filled_store(tmp_path, runs=10)
    with closing(sqlite3.connect(path)) as database:
        database.execute('CREATE TABLE "a b; x" (c)')
        database.execute("CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END")
        database.execute("PRAGMA journal_mode = DELETE")
    in_the_middle(path)
    with closing(Store(tmp_path)) as store:
        assert "10 runs" in store.notice
        assert len(store.runs()) == 10


def test_a_notice_that_is_no_file_or_has_no_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "store.damaged-1.txt")
    (tmp_path / "store.damaged-2.txt").symlink_to("/dev/zero")
    (tmp_path / "store.damaged-3.txt").write_bytes(b"\xff" * 5000)
    with closing(Store(tmp_path)) as store:
        assert len(store.notice) == 1000


def test_a_write_ahead_log_goes_with_its_store(tmp_path: Path) -> None:
    path = filled_store(tmp_path)
    not_a_database(path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).write_bytes(b"old" + suffix.encode())
    Store(tmp_path).close()
    [aside] = tmp_path.glob("store.damaged-*.sqlite")
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"old-wal"
    assert aside.with_name(f"{aside.name}-shm").exists()


def test_an_emptied_file_beside_its_log_is_damaged(tmp_path: Path) -> None:
    path = filled_store(tmp_path)
    path.write_bytes(b"")
    path.with_name("store.sqlite-wal").write_bytes(b"the last records")
    Store(tmp_path).close()
    [log] = tmp_path.glob("store.damaged-*.sqlite-wal")
    assert log.read_bytes() == b"the last records"


def test_two_damaged_stores_of_one_day(tmp_path: Path) -> None:
    for _ in range(2):
        not_a_database(filled_store(tmp_path, runs=1))
        Store(tmp_path).close()
    names = {each.suffix for each in tmp_path.glob("store.damaged-*")}
    assert len(list(tmp_path.glob("store.damaged-*.sqlite"))) == 2
    assert names == {".sqlite", ".txt"}


def test_of_two_processes_one_sets_aside(tmp_path: Path) -> None:
    in_the_middle(filled_store(tmp_path, runs=10))
    code = """
import sys
from pathlib import Path
from s2s.runs.store import Store
print("ready", flush=True)
sys.stdin.readline()
print(len(Store(Path(sys.argv[1])).runs()))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in processes] == 3 * ["10\n"]
    assert len(list(tmp_path.glob("store.damaged-*.sqlite"))) == 1


def test_a_store_that_a_program_still_uses_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled_store(tmp_path)
    in_the_middle(path)
    monkeypatch.setattr(damage, "_users", lambda _: [4711])
    monkeypatch.setattr(damage, "_USERS_SECONDS", 0.0)
    with pytest.raises(UserError, match="still used by process 4711; end that program"):
        Store(tmp_path)
    assert not list(tmp_path.glob("store.damaged-*"))


def test_who_uses_the_store(tmp_path: Path) -> None:
    path = filled_store(tmp_path)
    code = "import sys; file = open(sys.argv[1]); print(flush=True); sys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert damage._users(path) == [process.pid]
        process.communicate(b"\n")
    assert damage._users(path) == []


def test_damage_that_comes_while_the_store_is_open_is_a_sentence(tmp_path: Path) -> None:
    path = filled_store(tmp_path)
    with closing(Store(tmp_path)) as store:
        store._reader.execute("PRAGMA cache_size = 0")
        pages = path.stat().st_size // PAGE_BYTES
        spoil(path, 2, count=pages - 2)
        with pytest.raises(UserError, match=r"is damaged .*; end s2s and start it again"):
            [store.steps(run.id) for run in store.runs()]
