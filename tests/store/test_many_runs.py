"""A store of many runs: lists and ticks read what they need, and the log does not grow."""

import numpy as np
import pytest

from s2s.paths import home
from s2s.records import STEP_DTYPE, RunState, Summary
from s2s.store import rows
from s2s.store.runs import Store
from tests.plausible import summary
from tests.tiny import tiny_config

LOG_BYTES = 6 * 2**20
"""SQLite copies the log into the store at 4 MiB; one transaction more may be in it by then."""


def finished(store: Store, name: str) -> int:
    run_id = store.create_run(tiny_config(), name)
    told: Summary = summary(run_id, RunState.FINISHED, tiny_config(), 10)
    store.finish_run(run_id, RunState.FINISHED, told)
    return run_id


def test_finished_runs_are_read_once_and_changes_are_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [finished(store, f"run {number}") for number in range(20)]
    store.runs()
    read: list[int] = []
    run_of = rows.run_of
    monkeypatch.setattr(rows, "run_of", lambda row: read.append(row["id"]) or run_of(row))
    assert [run.id for run in store.runs()] == ids[::-1]
    assert read == []
    store.rename_run(ids[3], "another")
    store.describe_run(ids[4], "notes", ["tag"])
    changed = {run.id: run for run in store.runs()}
    assert sorted(read) == ids[3:5]
    assert (changed[ids[3]].name, changed[ids[4]].tags) == ("another", ("tag",))


def test_what_is_unfinished_is_told_in_the_order_of_its_turn(store: Store) -> None:
    over = finished(store, "over")
    running, waiting = (store.create_run(tiny_config()) for _ in range(2))
    store.start_run(running, "cpu", {})
    assert [run.id for run in store.unfinished_runs()] == [running, waiting]
    told = ((over, RunState.FINISHED), (running, RunState.RUNNING), (waiting, RunState.QUEUED))
    assert store.states([waiting, over, running, 99]) == told
    store.request_stop(waiting)
    assert [run.id for run in store.unfinished_runs()] == [running]


def test_unfinished_runs_are_found_by_an_index(store: Store) -> None:
    query = "EXPLAIN QUERY PLAN SELECT * FROM runs WHERE state IN ('queued', 'running')"
    assert "USING INDEX runs_of_state" in store.read(query)[0]["detail"]


def test_new_steps_are_read_without_the_blocks_before_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(tiny_config())
    for first in range(1, 41, 10):
        block = np.zeros(10, STEP_DTYPE)
        block["iteration"] = np.arange(first, first + 10)
        store.write_steps(run_id, block)
    blocks: list[int] = []
    read = store.read

    def counted(query: str, values: object = ()) -> list[object]:
        rows = read(query, values)
        blocks.append(len(rows))
        return rows

    monkeypatch.setattr(store, "read", counted)
    for after in (0, 9, 10, 25, 39, 40, 99):
        assert store.steps(run_id, after)["iteration"].tolist() == list(range(after + 1, 41))
    assert blocks == [4, 4, 3, 2, 1, 1, 1]


def test_the_log_is_emptied_while_others_read(store: Store) -> None:
    """A reader that did not come to an end would keep all that is written in the log."""
    reader = Store(home())
    run_id = store.create_run(tiny_config())
    for first in range(1, 400 * 1024, 1024):
        block = np.zeros(1024, STEP_DTYPE)
        block["iteration"] = np.arange(first, first + 1024)
        store.write_steps(run_id, block)
        assert int(reader.steps(run_id, after=first - 1)["iteration"][-1]) == first + 1023
    written = len(store.steps(run_id)) * STEP_DTYPE.itemsize
    assert written > 3 * LOG_BYTES
    assert (home() / "store.sqlite-wal").stat().st_size < LOG_BYTES
    reader.close()
