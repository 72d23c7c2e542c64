"""Runs in the store, and many threads that use it at once."""

import dataclasses
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from s2s.errors import UserError
from s2s.paths import home
from s2s.records import DeviceSample, Evaluation, MachineState, Remark, RemarkKind, RunState
from s2s.store import Store, rows
from tests import plausible
from tests.store.test_run_records import steps
from tests.tiny import tiny_config

SUMMARY = plausible.summary(1, RunState.FINISHED, tiny_config(), 10)


def finished(store: Store, name: str = "") -> int:
    run_id = store.create_run(tiny_config(), name)
    store.finish_run(run_id, SUMMARY)
    return run_id


def ids(runs: list[plausible.Run]) -> list[int]:
    return [run.id for run in runs]


def test_a_run_from_queued_to_finished(store: Store) -> None:
    config = tiny_config(sentences=("où ?",), continue_from=3)
    run_id = store.create_run(config)
    queued = store.run(run_id)
    assert (queued.state, queued.name) == (RunState.QUEUED, "tiny · batch 4")
    assert queued.config == config
    assert (queued.started_at, queued.finished_at, queued.summary) == (None, None, None)
    assert store.start_run(run_id, "cpu", {"python": "3.11"})
    assert not store.start_run(run_id, "cpu", {})
    running = store.run(run_id)
    assert (running.state, running.device) == (RunState.RUNNING, "cpu")
    assert running.environment == {"python": "3.11"}
    store.write_steps(run_id, steps(1, 10))
    remarks = (Remark(RemarkKind.OWNER_DIED),)
    store.finish_run(run_id, SUMMARY, remarks, "why", "where")
    done = store.run(run_id)
    assert (done.state, done.iterations_done) == (RunState.FINISHED, 10)
    assert done.summary == SUMMARY
    assert (done.remarks, done.error, done.traceback) == (remarks, "why", "where")
    assert queued.created_at <= running.started_at <= done.finished_at
    failed = store.create_run(config)  # before its first step
    store.fail_run(failed, "why", "where")
    run = store.run(failed)
    assert (run.state, run.error, run.traceback) == (RunState.FAILED, "why", "where")
    assert run.summary is None


def test_the_machine_before_and_after(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    before = MachineState(1.0, 0.5, None, None, None)
    full = MachineState(
        2.0, 0.5, 0.25, 2600.0, 61.0, 1980, 2619, 41.0, 350.5, ("heat",), ((7, 2**30), (8, None))
    )
    empty = dataclasses.replace(full, gpu_throttle_reasons=(), gpu_other_processes=())
    for after in (None, full, empty):
        store.save_machine_state(run_id, before, after)
        run = store.run(run_id)
        assert (run.machine_before, run.machine_after) == (before, after)


def test_a_run_that_does_not_exist(store: Store) -> None:
    for action in (store.run, store.delete_run, store.restore_run):
        with pytest.raises(UserError, match="Run 7 "):
            action(7)
    assert store.is_stop_requested(7)
    assert not store.start_run(7, "cpu", {})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "later"),
        ("config", "{"),
        ("config", '{"batch_size": "x"}'),
        ("tags", "[1]"),
        ("summary", '{"state": "finished", "seconds": "1"}'),
        ("machine_before", '{"at": 1}'),
    ],
)
def test_a_run_that_cannot_be_read_is_left_out(store: Store, column: str, value: str) -> None:
    good, bad = (store.create_run(tiny_config()) for _ in range(2))
    store.write("UPDATE runs SET config = json_set(config, '$.from_a_later_version', 1)")
    store.write(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, bad))
    [run] = store.runs()
    assert (run.id, run.config) == (good, tiny_config())
    [problem] = store.unreadable["runs"]
    assert problem.startswith(f"Run {bad} ")
    with pytest.raises(UserError, match=f"Run {bad} "):
        store.run(bad)


def test_stopping(store: Store) -> None:
    """A queued run is stopped at once, a running one is asked, a finished one stays finished."""
    queued, running = (store.create_run(tiny_config()) for _ in range(2))
    done = finished(store)
    store.start_run(running, "cpu", {})
    assert [store.is_stop_requested(each) for each in (queued, running, done)] == [0, 0, 1]
    for each in (queued, running, done):
        store.request_stop(each)
        assert store.is_stop_requested(each)
    states = [store.run(each).state for each in (queued, running, done)]
    assert states == [RunState.STOPPED, RunState.STOPPING, RunState.FINISHED]
    assert not store.start_run(queued, "cpu", {})
    assert ids(store.unfinished_runs()) == [running]
    plan = store.read("EXPLAIN QUERY PLAN SELECT * FROM runs WHERE state IN ('queued', 'running')")
    assert "USING INDEX runs_of_state" in plan[0]["detail"]


def test_names_notes_and_tags(store: Store) -> None:
    run_id = store.create_run(tiny_config(), "a\x1b[2J")
    other = store.create_run(tiny_config(), "other")
    assert store.run(run_id).name == r"a\x1b[2J"  # no command to a terminal
    store.rename_run(run_id, "  '; DROP TABLE runs; -- é\U0001f600\u202f! ")
    with pytest.raises(UserError):
        store.rename_run(run_id, " \n")
    tags = [" b ", "a", "b", " ", "t\x1b]0;x\x07"]
    store.annotate_run(run_id, ' it\'s\n"mine" \U0001f600 ', tags)
    run, untouched = store.run(run_id), store.run(other)
    assert run.name == "'; DROP TABLE runs; -- é\U0001f600\u202f!"
    assert run.notes == 'it\'s\n"mine" \U0001f600'
    assert run.tags == ("b", "a", r"t\x1b]0;x\x07")
    assert (untouched.name, untouched.notes, untouched.tags) == ("other", "", ())


def test_archived_and_deleted_runs(store: Store) -> None:
    first, second, third = (finished(store) for _ in range(3))
    assert ids(store.runs()) == [third, second, first]
    store.archive_run(first)
    for each in (third, second):
        store.delete_run(each)
    assert store.runs() == []
    assert ids(store.runs(archived=True)) == [first]
    assert ids(store.deleted_runs()) == [second, third]
    store.archive_run(first, archived=False)
    store.restore_run(third)
    assert ids(store.runs()) == [third, first]
    unfinished = store.create_run(tiny_config())
    for _ in range(2):
        for action in (store.delete_run, store.archive_run):
            with pytest.raises(UserError, match=f"Run {unfinished} is not finished"):
                action(unfinished)
        store.start_run(unfinished, "cpu", {})


def test_a_purge_removes_all_records_of_a_deleted_run_only(store: Store) -> None:
    run_id, other = finished(store), finished(store)
    for each in (run_id, other):
        store.write_steps(each, steps(1, 5))
        store.add_evaluation(each, Evaluation(0, 0.0, 1.0, ()))
        store.add_device_samples(each, [DeviceSample(1.0, "cpu", None, 1, 2, None)])
    store.delete_run(other)
    assert len(store.steps(other)) == 5  # it can be restored
    for each in (run_id, other):
        store.purge_run(each)
    assert ids(store.runs()) == [run_id]
    for read in (store.steps, store.evaluations, store.device_samples):
        assert len(read(other)) == 0
        assert len(read(run_id)) > 0
    assert store.create_run(tiny_config()) > other  # an id is never used again


def test_a_run_is_queued_again_without_the_records_after_its_checkpoint(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.start_run(run_id, "cpu", {})
    for first in (1, 11, 21):
        store.write_steps(run_id, steps(first, first + 9))
        store.add_evaluation(run_id, Evaluation(first + 9, 0.0, 1.0, ()))
    assert store.interrupt_run(run_id, [Remark(RemarkKind.OWNER_DIED)])
    assert not store.interrupt_run(run_id, [])
    store.dismiss_run(run_id)
    store.requeue_run(run_id, 14, [14])
    run = store.run(run_id)
    assert (run.state, run.iterations_done, run.resumed_at) == (RunState.QUEUED, 14, (14,))
    assert (run.remarks, run.finished_at, run.dismissed) == ((), None, False)
    assert np.array_equal(store.steps(run_id), steps(1, 14))
    assert [each.iteration for each in store.evaluations(run_id)] == [10]
    with pytest.raises(UserError):
        store.requeue_run(run_id, 14, [14])


def test_finished_runs_are_parsed_once_and_changes_are_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [finished(store, f"run {number}") for number in range(3)]
    store.runs()
    parsed: list[int] = []
    parse_run = rows.parse_run
    monkeypatch.setattr(rows, "parse_run", lambda row: parsed.append(row["id"]) or parse_run(row))
    assert ids(store.runs()) == numbers[::-1]
    assert parsed == []
    store.rename_run(numbers[1], "another")
    assert store.runs()[1].name == "another"
    assert parsed == [numbers[1]]


def test_a_failed_write_leaves_nothing_and_the_store_usable(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    with pytest.raises(sqlite3.IntegrityError):
        store.write_steps(run_id + 1, steps(1, 4))  # there is no such run
    samples = [DeviceSample(at, "cpu", None, None, None, None) for at in (1.0, None)]  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        store.add_device_samples(run_id, samples)
    assert store.device_samples(run_id) == []
    store.write_steps(run_id, steps(1, 4))
    assert len(store.steps(run_id)) == 4


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    """Two stores of one file, and a writer and a reader per run."""
    runs = [store.create_run(tiny_config()) for _ in range(4)]

    def write(run_id: int) -> None:
        for last in range(1, 51):
            stores[run_id % 2].write_steps(run_id, steps(1 + (last - 1) // 10 * 10, last))

    def read(run_id: int) -> list[int]:
        seen: list[int] = []
        while len(seen) < 50:
            seen += store.steps(run_id, after=len(seen))["iteration"].tolist()
        return seen

    with closing(Store(home())) as other, ThreadPoolExecutor(8) as pool:
        stores = (store, other)
        writing = [pool.submit(write, run_id) for run_id in runs]
        assert list(pool.map(read, runs)) == [list(range(1, 51))] * 4
        for each in writing:
            each.result()
