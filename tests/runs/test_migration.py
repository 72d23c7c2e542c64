"""Stores of earlier versions, made here as those versions made them."""

import gzip
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tiny import tiny_config

from s2s.config import Engine, SweepConfig
from s2s.home import home
from s2s.records import PHASES, STEP_DTYPE, DeviceSample, RunState, StepMemory, SweepState
from s2s.runs.export import export_json
from s2s.runs.kept_noise import kept_noise
from s2s.runs.migration import SCHEMA_VERSION
from s2s.runs.resume import resumable
from s2s.runs.store import Store
from s2s.runs.sweeps import create_sweep, delete_sweep, deleted_sweeps, describe_sweep, read_sweep

SCHEMA_1 = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, state TEXT NOT NULL,
    config TEXT NOT NULL, environment TEXT NOT NULL DEFAULT '{}', created_at REAL NOT NULL,
    started_at REAL, finished_at REAL, message TEXT NOT NULL DEFAULT '',
    details TEXT NOT NULL DEFAULT '', device TEXT NOT NULL DEFAULT '',
    iterations_done INTEGER NOT NULL DEFAULT 0, summary TEXT, owner_pid INTEGER,
    owner_started_at REAL
);
CREATE TABLE step_blocks (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    first_iteration INTEGER NOT NULL, last_iteration INTEGER NOT NULL, rows BLOB NOT NULL,
    PRIMARY KEY (run_id, first_iteration)
) WITHOUT ROWID;
CREATE TABLE evaluations (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, iteration INTEGER NOT NULL,
    training_seconds REAL NOT NULL, validation_loss_per_token REAL, translations TEXT NOT NULL,
    PRIMARY KEY (run_id, iteration)
);
CREATE TABLE device_samples (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, at REAL NOT NULL,
    device TEXT NOT NULL, utilization REAL, memory_used_bytes INTEGER,
    memory_total_bytes INTEGER, temperature_celsius REAL, torch_allocated_bytes INTEGER
);
CREATE INDEX device_samples_of_run ON device_samples (run_id, at);
PRAGMA user_version = 1;
"""
STEP_1 = [
    ("iteration", "<i8"), ("loss_sum", "<f8"), ("samples", "<i4"), ("source_tokens", "<i4"),
    ("target_tokens", "<i4"), ("cells", "<i4"), ("seconds", "<f8"), ("timed", "?"),
]  # fmt: skip
PHASES_1 = [(f"{phase}_seconds", "<f4") for phase in PHASES]
SUMMARY_1 = {
    "run_id": 1, "state": "finished", "engine": "fused", "batch_size": 4, "iterations": 7,
    "seconds": 1.5, "user_seconds": 1.0, "system_seconds": 0.1, "samples_per_second": 40.0,
    "target_tokens_per_second": None, "padded_share": 0.2, "loss_per_sentence": 3.0,
    "loss_per_token": 1.0, "validation_loss_per_token": None, "peak_memory_bytes": 5,
}  # fmt: skip


def rows(first: int, last: int, columns: list[tuple[str, str]]) -> np.ndarray:
    made = np.zeros(last - first + 1, columns)
    made["iteration"] = np.arange(first, last + 1)
    for name, _ in columns[1:]:
        made[name] = made["iteration"] % 5
    return made


@pytest.fixture
def old() -> Path:
    """A run of seven steps in two blocks, and one of three, of a time that told phases apart."""
    home().mkdir(parents=True)
    path = home() / "store.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(SCHEMA_1)
        for _ in range(2):
            database.execute(
                "INSERT INTO runs (name, state, config, created_at, summary)"
                " VALUES ('old', 'finished', ?, 5.0, ?)",
                (json.dumps(tiny_config().to_json()), json.dumps(SUMMARY_1)),
            )
        for run_id, first, last, columns in (
            (1, 1, 4, STEP_1), (1, 5, 7, STEP_1), (2, 1, 3, STEP_1 + PHASES_1),
        ):  # fmt: skip
            database.execute(
                "INSERT INTO step_blocks VALUES (?, ?, ?, ?)",
                (run_id, first, last, rows(first, last, columns).tobytes()),
            )
        database.execute("INSERT INTO device_samples VALUES (1, 9.0, 'cpu', 0.5, 7, 8, NULL, NULL)")
    return path


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("PRAGMA user_version").fetchone()[0]


def test_what_an_earlier_version_wrote_is_read(old: Path) -> None:
    with closing(Store(home())) as store:
        steps = store.steps(1)
        assert steps.dtype == STEP_DTYPE
        for name, _ in STEP_1:
            assert np.array_equal(steps[name], rows(1, 7, STEP_1)[name])
        for phase in PHASES:
            assert np.isnan(steps[f"{phase}_seconds"]).all()
        assert not steps["disturbed"].any()
        assert store.steps(1, after=5)["iteration"].tolist() == [6, 7]
        assert store.device_samples(1) == [DeviceSample(9.0, "cpu", 0.5, 7, 8, None)]
        run = store.run(1)
        assert run.machine_before is run.machine_after is None
        assert (run.notes, run.tags, run.archived_at, run.deleted_at) == ("", (), None, None)
        assert run.summary is not None
        assert (run.summary.samples_per_second, run.summary.noise) == (40.0, None)
        assert (run.summary.phase_seconds, run.summary.busy) == (None, "")
    assert version(old) == SCHEMA_VERSION


def test_phases_that_were_told_apart_stay(old: Path) -> None:
    del old
    with closing(Store(home())) as store:
        steps = store.steps(2)
    for phase in PHASES:
        assert steps[f"{phase}_seconds"].tolist() == [1.0, 2.0, 3.0]


def test_a_store_is_migrated_once(old: Path) -> None:
    del old
    for _ in range(2):
        with closing(Store(home())) as store:
            assert len(store.steps(1)) == 7


@pytest.mark.parametrize("before", [1, 2])
def test_sweeps_have_a_place_in_an_old_store(old: Path, before: int) -> None:
    with closing(sqlite3.connect(old, isolation_level=None)) as database:
        if before == 2:
            Store(home()).close()
            database.execute("DROP TABLE sweep_parts")
            database.execute("DROP TABLE sweeps")
            for column in (
                "notes", "tags", "archived_at", "deleted_at", "owner_start", "owner_machine",
                "heartbeat", "resumed_at", "left_alone",
            ):  # fmt: skip
                database.execute(f"ALTER TABLE runs DROP COLUMN {column}")
            database.execute("PRAGMA user_version = 2")
    with closing(Store(home())) as store:
        config = SweepConfig(base=tiny_config())
        sweep_id = create_sweep(store, config)
        run_id = store.create_run(tiny_config(), sweep_id=sweep_id)
        assert read_sweep(store, sweep_id).config == config
        assert len(store.runs()) == 3
        assert run_id == 3
        assert len(store.steps(1)) == 7
    assert version(old) == SCHEMA_VERSION


def test_the_third_version_gains_memory_and_gradient_noise(third: Path) -> None:
    """A sweep that it measured has gaps where its memory would be."""
    with closing(Store(home())) as store:
        assert read_sweep(store, 1).memory == ()
        with store.transaction() as database:
            database.execute("INSERT INTO sweep_memory VALUES (1, 'fused', 8, 5, 40)")
        assert read_sweep(store, 1).memory == (StepMemory(Engine.FUSED, 8, 5, 40),)
        assert kept_noise(store, [1]) == []
    assert version(third) == SCHEMA_VERSION


def test_a_store_that_many_open_at_once_is_migrated_once(old: Path) -> None:
    opened: list[Store] = []
    threads = [threading.Thread(target=lambda: opened.append(Store(home()))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(store.steps(1)) for store in opened] == [7] * 6
    for store in opened:
        store.close()
    assert version(old) == SCHEMA_VERSION


def test_a_migration_that_breaks_off_changes_nothing(old: Path) -> None:
    with closing(sqlite3.connect(old, isolation_level=None)) as database:
        database.execute("UPDATE step_blocks SET rows = x'0102' WHERE run_id = 2")
    with pytest.raises(ValueError, match="buffer size"):
        Store(home())
    with closing(sqlite3.connect(old)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
    assert version(old) == 1
    assert "machine_before" not in columns


def test_a_new_store_goes_on_in_todays_form(old: Path) -> None:
    """A run continued after the migration has rows of both times."""
    del old
    with closing(Store(home())) as store:
        block = np.zeros(1, STEP_DTYPE)
        block["iteration"], block["disturbed"], block["data_seconds"] = 8, True, 0.5
        store.write_steps(1, block)
        assert store.steps(1)["disturbed"].tolist() == [False] * 7 + [True]


@pytest.fixture
def second() -> Path:
    """A store of version 2, which could not archive: one run with a step."""
    home().mkdir(parents=True)
    path = home() / "store.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(SCHEMA_1)
        for column in (
            "runs ADD COLUMN machine_before TEXT", "runs ADD COLUMN machine_after TEXT",
            "device_samples ADD COLUMN others_cores REAL",
            "device_samples ADD COLUMN throttled INTEGER",
        ):  # fmt: skip
            database.execute(f"ALTER TABLE {column}")
        database.execute(
            "INSERT INTO runs (name, state, config, created_at, machine_before)"
            " VALUES ('old', 'finished', ?, 5.0, NULL)",
            (json.dumps(tiny_config().to_json()),),
        )
        block = np.zeros(1, STEP_DTYPE)
        block["iteration"], block["loss_sum"] = 1, 2.5
        database.execute("INSERT INTO step_blocks VALUES (1, 1, 1, ?)", (block.tobytes(),))
        database.execute("PRAGMA user_version = 2")
    return path


def test_the_second_version_gains_notes_tags_archive_and_deleting(second: Path) -> None:
    with closing(Store(home())) as store:
        (run,) = store.runs()
        assert (run.name, run.notes, run.tags) == ("old", "", ())
        assert run.archived_at is run.deleted_at is None
        assert store.steps(1)["loss_sum"].tolist() == [2.5]
        store.describe_run(1, "kept", ["tag"])
        store.archive_run(1)
        store.delete_run(1)
    assert version(second) == SCHEMA_VERSION
    with closing(Store(home())) as store:
        (run,) = store.deleted_runs()
        assert (run.notes, run.tags) == ("kept", ("tag",))
        assert run.archived_at is not None


@pytest.fixture
def third(second: Path) -> Path:
    """A store of version 3, whose sweeps could not be deleted: one sweep of one part."""
    with closing(sqlite3.connect(second, isolation_level=None)) as database:
        for column in (
            "notes TEXT NOT NULL DEFAULT ''", "tags TEXT NOT NULL DEFAULT '[]'",
            "archived_at REAL", "deleted_at REAL",
        ):  # fmt: skip
            database.execute(f"ALTER TABLE runs ADD COLUMN {column}")
        database.executescript("""
            CREATE TABLE sweeps (
                id INTEGER PRIMARY KEY AUTOINCREMENT, config TEXT NOT NULL,
                created_at REAL NOT NULL, owner_pid INTEGER, owner_started_at REAL,
                stopping INTEGER NOT NULL DEFAULT 0
            );
            CREATE TABLE sweep_parts (
                run_id INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
                sweep_id INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE
            );
        """)
        config = SweepConfig(base=tiny_config(), batch_sizes=(2,), repeats=1)
        database.execute(
            "INSERT INTO sweeps (config, created_at) VALUES (?, 5.0)",
            (json.dumps(config.to_json()),),
        )
        database.execute("INSERT INTO sweep_parts VALUES (1, 1)")
        database.execute("PRAGMA user_version = 3")
    return second


def test_the_third_version_gains_names_and_deleting_of_sweeps(third: Path) -> None:
    with closing(Store(home())) as store:
        found = read_sweep(store, 1)
        assert (found.name, found.notes, found.deleted_at) == ("", "", None)
        describe_sweep(store, 1, "old", "")
        delete_sweep(store, 1)
    assert version(third) == SCHEMA_VERSION
    with closing(Store(home())) as store:
        assert [(sweep.id, sweep.name) for sweep in deleted_sweeps(store)] == [(1, "old")]
        assert store.runs() == []


GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def fourth() -> Path:
    """A copy of a store that version 4 itself wrote, see golden/make_store_4.py."""
    home().mkdir(parents=True)
    path = home() / "store.sqlite"
    path.write_bytes(gzip.decompress((GOLDEN / "store_4.sqlite.gz").read_bytes()))
    return path


def contents(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Of each table, by column."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: [dict(row) for row in database.execute(f"SELECT * FROM {name}")]
            for (name,) in names
        }


def is_kept(before: Any, after: Any) -> bool:
    """All that was there is there as it was; further keys may stand beside it."""
    if isinstance(before, dict):
        return all(name in after and is_kept(before[name], after[name]) for name in before)
    if isinstance(before, list):
        return len(before) == len(after) and all(map(is_kept, before, after))
    return bool(before == after)


def test_a_store_of_version_4_keeps_every_record(fourth: Path) -> None:
    assert version(fourth) == 4
    before = contents(fourth)
    assert len(before["runs"]) == 9
    assert all(before.values())
    with closing(Store(home())) as store:
        exported = io.StringIO()
        export_json(store, exported)
        assert {run.state for run in store.runs(archived=True)} == {
            RunState.FINISHED, RunState.FAILED, RunState.INTERRUPTED,
        }  # fmt: skip
        assert store.run(1).tags == ("good", "été")
        assert [run.id for run in store.deleted_runs()] == [3]
        assert [(each.id, each.name) for each in deleted_sweeps(store)] == [(2, "")]
        sweep = read_sweep(store, 1)
        assert (sweep.name, sweep.notes, sweep.state) == (
            "my sweep", "its notes", SweepState.FINISHED,
        )  # fmt: skip
        assert [each.cells for each in sweep.memory] == [100, 200]
        assert kept_noise(store, [1])[0].sentences == 640
        assert resumable(store) == []
        assert store.mark_interrupted() == []
        assert store.read("PRAGMA integrity_check")[0][0] == "ok"
        assert store.read("PRAGMA foreign_key_check") == []
    assert is_kept(before, contents(fourth))
    assert version(fourth) == SCHEMA_VERSION
    told = gzip.decompress((GOLDEN / "store_4.jsonl.gz").read_bytes()).decode("utf-8")
    lines = [json.loads(line) for line in exported.getvalue().splitlines()]
    assert is_kept([json.loads(line) for line in told.splitlines()], lines)


@pytest.mark.parametrize("at", range(1, 9))
def test_a_process_killed_over_its_migration_leaves_the_old_store_whole(
    fourth: Path, at: int
) -> None:
    """Before the `at`th of its columns."""
    code = f"""
import os, signal
from s2s.home import home
from s2s.runs import migration, store
def killing(columns, first):
    for number, column in enumerate(columns, first):
        if number == {at}:
            os.kill(os.getpid(), signal.SIGKILL)
        yield column
migration._RUNS_5 = killing(migration._RUNS_5, 1)
migration._OWNER_5 = killing(migration._OWNER_5, 6)
store.Store(home())
"""
    before = contents(fourth)
    process = subprocess.run([sys.executable, "-c", code], check=False)
    assert process.returncode == -signal.SIGKILL
    assert version(fourth) == 4
    assert contents(fourth) == before
    with closing(Store(home())) as store:
        assert len(store.runs(archived=True)) == 6
    assert version(fourth) == SCHEMA_VERSION


def test_a_version_4_that_is_still_open_writes_on(fourth: Path) -> None:
    """As the older program does: its statements name no column that it does not know."""
    with (
        closing(sqlite3.connect(fourth, isolation_level=None)) as older,
        closing(Store(home())) as store,
    ):
        older.execute(
            "INSERT INTO runs (name, state, config, created_at, owner_pid, owner_started_at)"
            " VALUES ('older', 'running', ?, 1.0, ?, ?)",
            (json.dumps(tiny_config().to_json()), os.getpid(), psutil.Process().create_time()),
        )
        older.execute("INSERT OR REPLACE INTO step_blocks VALUES (10, 1, 1, ?)", (bytes(54),))
        older.execute("INSERT INTO device_samples VALUES (10, 1.0, 'cpu', 1, 2, 3, 4, 5, 6, 0)")
        assert store.mark_interrupted() == []
        older.execute("UPDATE runs SET owner_started_at = 5.0 WHERE id = 10")
        assert store.mark_interrupted() == [10]


def test_old_and_new_stores_have_the_same_columns(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def columns(path: Path) -> dict[str, set[str]]:
        with closing(sqlite3.connect(path)) as database:
            return {
                table: {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
                for (table,) in database.execute(
                    "SELECT name FROM sqlite_master WHERE type='table'"
                )
            }

    Store(home()).close()
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "fresh"))
    Store(home()).close()
    assert columns(old) == columns(home() / "store.sqlite")
