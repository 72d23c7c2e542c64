import dataclasses
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest

from s2s.config import UserError
from s2s.paths import home
from s2s.records import (
    STEP_DTYPE,
    DeviceSample,
    Evaluation,
    MachineState,
    RunState,
    SampleTranslation,
    Summary,
)
from s2s.store import runs as store_module
from s2s.store.runs import Store
from tests.tiny import tiny_config, wait_until


def steps(first: int, last: int) -> npt.NDArray[np.void]:
    rows = np.zeros(last - first + 1, STEP_DTYPE)
    rows["iteration"] = np.arange(first, last + 1)
    rows["loss_sum"] = 1 / rows["iteration"]
    rows["samples"] = 4
    rows["source_tokens"] = rows["iteration"] % 7
    rows["seconds"] = 1e-3 * rows["iteration"]
    rows["timed"] = rows["iteration"] > 3
    return rows


def summary(run_id: int, state: RunState = RunState.FINISHED) -> Summary:
    return Summary(run_id, state, "fused", 4, 10, 1.5, 1.0, 0.1, 40.0, None, 0.2, 3.0, 1.0, None, 5)


def integrity(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        return database.execute("PRAGMA integrity_check").fetchone()[0]


@contextmanager
def python(code: str) -> Iterator[subprocess.Popen[str]]:
    """Another process, with `store` open on the same folder."""
    head = "import sys; from s2s.config import TrainConfig; from s2s.paths import home;"
    head += "from s2s.store.runs import Store; store = Store(home())\n"
    process = subprocess.Popen(
        [sys.executable, "-c", head + code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


# Runs


def test_a_run_from_queued_to_finished(store: Store) -> None:
    config = tiny_config(sentences=("où ?",), continues=3)
    run_id = store.create_run(config)
    queued = store.run(run_id)
    assert (queued.state, queued.name) == (RunState.QUEUED, "tiny · batch 4")
    assert queued.config == config
    assert (queued.started_at, queued.finished_at, queued.summary) == (None, None, None)
    assert (queued.message, queued.details, queued.device, queued.iterations_done) == ("",) * 3 + (
        0,
    )

    assert store.start_run(run_id, "cpu", {"python": "3.11"})
    running = store.run(run_id)
    assert (running.state, running.device) == (RunState.RUNNING, "cpu")
    assert running.environment == {"python": "3.11"}

    store.write_steps(run_id, steps(1, 10))
    store.finish_run(run_id, RunState.FINISHED, summary(run_id), "why", "where")
    finished = store.run(run_id)
    assert (finished.state, finished.iterations_done) == (RunState.FINISHED, 10)
    assert finished.summary == summary(run_id)
    assert finished.summary.state is RunState.FINISHED
    assert (finished.message, finished.details) == ("why", "where")
    assert queued.created_at <= running.started_at <= finished.finished_at


def test_runs_the_newest_first(store: Store) -> None:
    ids = [store.create_run(tiny_config(batch_size=size)) for size in (1, 2, 3)]
    assert [run.id for run in store.runs()] == ids[::-1]
    assert [run.config.batch_size for run in store.runs()] == [3, 2, 1]


def test_the_machine_before_and_after(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    assert store.run(run_id).machine_before is store.run(run_id).machine_after is None
    before = MachineState(1.0, 0.5, None, None, None)
    store.note_machine(run_id, before)
    assert (store.run(run_id).machine_before, store.run(run_id).machine_after) == (before, None)
    after = MachineState(
        2.0, 0.5, 0.25, 2600.0, 61.0, 1980, 2619, 41.0, 350.5, ("heat",), ((7, 2**30), (8, None))
    )
    store.note_machine(run_id, before, after)
    assert (store.run(run_id).machine_before, store.run(run_id).machine_after) == (before, after)
    nothing = dataclasses.replace(after, gpu_slowed_by=(), gpu_other_processes=())
    store.note_machine(run_id, before, nothing)
    assert store.run(run_id).machine_after == nothing


def test_unknown_run(store: Store) -> None:
    with pytest.raises(UserError, match="There is no run 7"):
        store.run(7)
    with pytest.raises(UserError, match="There is no run 7"):
        store.delete_run(7)
    assert store.stop_requested(7)


def test_only_a_queued_run_starts(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    assert store.start_run(run_id, "cpu", {})
    assert not store.start_run(run_id, "cpu", {})
    assert not store.start_run(run_id + 1, "cpu", {})


def test_failed_run_has_no_summary(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.fail_run(run_id, "why", "where")
    run = store.run(run_id)
    assert (run.state, run.message, run.details) == (RunState.FAILED, "why", "where")
    assert run.summary is None
    assert run.finished_at is not None


def test_stop_of_a_queued_run(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    assert not store.stop_requested(run_id)
    store.request_stop(run_id)
    assert store.run(run_id).state is RunState.STOPPED
    assert store.run(run_id).finished_at is not None
    assert store.stop_requested(run_id)
    assert not store.start_run(run_id, "cpu", {})


def test_stop_of_a_running_run(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.start_run(run_id, "cpu", {})
    assert not store.stop_requested(run_id)
    store.request_stop(run_id)
    assert store.run(run_id).state is RunState.STOPPING
    assert store.stop_requested(run_id)


def test_stop_of_a_finished_run_changes_nothing(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.finish_run(run_id, RunState.FINISHED, summary(run_id))
    store.request_stop(run_id)
    assert store.run(run_id).state is RunState.FINISHED


def test_rename(store: Store) -> None:
    run_id, other = store.create_run(tiny_config()), store.create_run(tiny_config(), "other")
    store.rename_run(run_id, "  '; DROP TABLE runs; -- é\U0001f600 ")
    assert store.run(run_id).name == "'; DROP TABLE runs; -- é\U0001f600"
    assert store.run(other).name == "other"


def test_a_purge_takes_all_records_of_a_deleted_run_only(store: Store) -> None:
    run_id, other = store.create_run(tiny_config()), store.create_run(tiny_config())
    for each in (run_id, other):
        store.write_steps(each, steps(1, 5))
        store.add_evaluation(each, Evaluation(0, 0.0, 1.0, ()))
        store.add_device_samples(each, [DeviceSample(1.0, "cpu", None, 1, 2, None)])
        store.finish_run(each, RunState.FINISHED, summary(each))
    store.delete_run(run_id)
    assert len(store.steps(run_id)) == 5  # it can be restored
    for each in (run_id, other):
        store.purge_run(each)
    assert [run.id for run in store.runs()] == [other]
    assert len(store.steps(run_id)) == 0
    assert store.evaluations(run_id) == []
    assert store.device_samples(run_id) == []
    assert len(store.steps(other)) == 5
    assert len(store.evaluations(other)) == len(store.device_samples(other)) == 1


@pytest.mark.parametrize("started", [False, True])
def test_an_unfinished_run_is_not_deleted(store: Store, started: bool) -> None:
    run_id = store.create_run(tiny_config())
    if started:
        store.start_run(run_id, "cpu", {})
    with pytest.raises(UserError, match=f"Run {run_id} is not finished; stop it before deleting"):
        store.delete_run(run_id)
    with pytest.raises(UserError, match=f"Run {run_id} is not finished; stop it before archiving"):
        store.archive_run(run_id)
    assert [run.id for run in store.runs()] == [run_id]


def test_a_deleted_run_is_hidden_until_it_is_restored(store: Store) -> None:
    first, second = store.create_run(tiny_config()), store.create_run(tiny_config())
    before = time.time()
    for each in (second, first):
        store.request_stop(each)
        store.delete_run(each)
    assert store.runs() == store.runs(archived=True) == []
    assert [run.id for run in store.deleted_runs()] == [first, second]
    deleted_at = store.run(first).deleted_at
    assert deleted_at is not None
    assert before <= deleted_at <= time.time()
    store.restore_run(second)
    assert [run.id for run in store.runs()] == [second]
    assert store.run(second).deleted_at is None


def test_an_archived_run_is_listed_only_when_asked_for(store: Store) -> None:
    first, second = store.create_run(tiny_config()), store.create_run(tiny_config())
    store.request_stop(first)
    store.archive_run(first)
    assert [run.id for run in store.runs()] == [second]
    assert [run.id for run in store.runs(archived=True)] == [second, first]
    store.archive_run(first, archived=False)
    assert [run.id for run in store.runs()] == [second, first]


def test_notes_and_tags(store: Store) -> None:
    run_id, other = store.create_run(tiny_config()), store.create_run(tiny_config())
    assert (store.run(run_id).notes, store.run(run_id).tags) == ("", ())
    store.describe_run(run_id, ' it\'s\n"mine" \U0001f600 ', [" b ", "a", "b", " ", "é, c"])
    assert store.run(run_id).notes == 'it\'s\n"mine" \U0001f600'
    assert store.run(run_id).tags == ("b", "a", "é, c")
    assert (store.run(other).notes, store.run(other).tags) == ("", ())


def test_no_name_or_tag_holds_what_commands_a_terminal(store: Store) -> None:
    run_id = store.create_run(tiny_config(), "a\x1b[2J")
    assert store.run(run_id).name == r"a\x1b[2J"
    store.rename_run(run_id, "b\x9b31m\u202eé\u202f!")
    store.describe_run(run_id, "", ["t\x1b]0;x\x07", "two\nlines"])
    assert store.run(run_id).name == "b\\x9b31m\\u202eé\u202f!"
    assert store.run(run_id).tags == (r"t\x1b]0;x\x07", r"two\nlines")


def test_an_id_is_never_used_again(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    store.fail_run(run_id, "", "")
    store.delete_run(run_id)
    store.purge_run(run_id)
    assert store.create_run(tiny_config()) > run_id


# Steps, evaluations and readings


def test_steps_in_blocks(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    assert len(store.steps(run_id)) == 0
    assert store.steps(run_id).dtype == STEP_DTYPE
    store.write_steps(run_id, steps(1, 3))
    store.write_steps(run_id, steps(1, 5))  # the same block, grown
    store.write_steps(run_id, steps(6, 6))
    assert store.run(run_id).iterations_done == 6
    assert np.array_equal(store.steps(run_id), steps(1, 6))


@pytest.mark.parametrize("after", range(9))
def test_steps_after(store: Store, after: int) -> None:
    run_id = store.create_run(tiny_config())
    store.write_steps(run_id, steps(1, 3))
    store.write_steps(run_id, steps(4, 7))
    assert store.steps(run_id, after)["iteration"].tolist() == list(range(after + 1, 8))


def test_reading_on_while_the_last_block_grows_sees_each_step_once(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    seen: list[int] = []
    for last in range(1, 30):
        store.write_steps(run_id, steps(1 if last <= 10 else 11, last))
        seen += store.steps(run_id, after=seen[-1] if seen else 0)["iteration"].tolist()
    assert seen == list(range(1, 30))


def test_hundred_thousand_steps(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    every = steps(1, 100_000)
    for start in range(0, len(every), 1024):
        store.write_steps(run_id, every[start : start + 1024])
    assert np.array_equal(store.steps(run_id), every)
    assert np.array_equal(store.steps(run_id, after=99_990), every[99_990:])


def test_a_loss_that_is_no_number_is_kept(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    rows = steps(1, 3)
    rows["loss_sum"][1:] = np.nan, np.inf
    store.write_steps(run_id, rows)
    assert np.array_equal(store.steps(run_id)["loss_sum"], [1, np.nan, np.inf], equal_nan=True)


def test_evaluations(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    first = Evaluation(0, 0.0, None, ())
    second = Evaluation(5, 1.5, 2.25, (SampleTranslation("où ?", "where?", "“where”"),))
    store.add_evaluation(run_id, second)
    store.add_evaluation(run_id, first)
    assert store.evaluations(run_id) == [first, second]
    assert store.evaluations(run_id, after=0) == [second]
    assert store.evaluations(run_id, after=5) == []


def test_device_samples_keep_their_gaps(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    gap = DeviceSample(1.5, "cuda:0", None, None, None, None)
    full = DeviceSample(2.5, "cuda:0", 0.5, 2**40, 2**41, 61.0, 2**39, 0.75, False)
    store.add_device_samples(run_id, [gap, full])
    assert store.device_samples(run_id) == [gap, full]
    assert store.device_samples(run_id)[1].throttled is False
    first, row = store.device_samples_after(run_id, 0)
    assert first == store.device_samples(run_id)
    assert store.device_samples_after(run_id, row) == ([], row)
    back = dataclasses.replace(full, at=0.5)  # the clock was set
    store.add_device_samples(run_id, [back])
    assert store.device_samples_after(run_id, row)[0] == [back]
    store.add_device_samples(run_id, [])
    assert len(store.device_samples(run_id)) == 3


# Several users of one file


def test_two_stores_on_one_file(store: Store) -> None:
    with closing(Store(home())) as other:
        run_id = store.create_run(tiny_config())
        other.rename_run(run_id, "from there")
        assert store.run(run_id).name == "from there"
        other.write_steps(run_id, steps(1, 4))
        assert len(store.steps(run_id)) == 4


def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    with closing(sqlite3.connect(home() / "store.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE runs SET name = 'not yet'")
        store._reader.execute("PRAGMA busy_timeout = 0")  # to fail rather than wait
        assert store.run(run_id).name == "tiny · batch 4"
        writer.execute("ROLLBACK")


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


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """`work` in so many threads at once; what goes wrong in any of them is raised."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    ids = [store.create_run(tiny_config()) for _ in range(4)]
    with closing(Store(home())) as other:

        def work(number: int) -> None:
            run_id = ids[number // 2]
            if number % 2:
                seen, deadline = 0, time.monotonic() + 30
                while seen < 100:
                    assert time.monotonic() < deadline
                    rows = store.steps(run_id, after=seen)
                    assert rows["iteration"].tolist() == [*range(seen + 1, seen + len(rows) + 1)]
                    seen += len(rows)
            else:
                mine = (store, other)[number // 4]
                for last in range(1, 101):
                    mine.write_steps(run_id, steps(1 + (last - 1) // 10 * 10, last))

        in_threads(8, work)
    for run_id in ids:
        assert np.array_equal(store.steps(run_id), steps(1, 100))
    assert integrity(home()) == "ok"


def test_many_open_a_new_folder_at_once(tmp_path: Path) -> None:
    opened: list[Store] = []
    in_threads(8, lambda _: opened.append(Store(tmp_path / "new")))
    ids = {each.create_run(tiny_config()) for each in opened}
    assert len(ids) == 8
    for each in opened:
        each.close()


def test_two_processes_write_at_once(store: Store) -> None:
    code = """
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    store.create_run(TrainConfig(seed=number))
"""
    with python(code) as one, python(code) as two:
        assert read_line(one) == read_line(two) == "ready"
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for number in range(100):
            store.create_run(tiny_config(seed=number))
        assert one.wait(30) == two.wait(30) == 0
    runs = store.runs()
    assert sorted(run.config.seed for run in runs) == sorted(3 * list(range(100)))
    assert integrity(home()) == "ok"


# Runs whose process is gone


def test_runs_of_this_process_are_not_interrupted(store: Store) -> None:
    queued, running = store.create_run(tiny_config()), store.create_run(tiny_config())
    store.start_run(running, "cpu", {})
    assert store.mark_interrupted() == []
    assert store.run(queued).state is RunState.QUEUED
    assert store.run(running).state is RunState.RUNNING


def test_a_run_is_interrupted_when_its_process_dies_and_not_before(store: Store) -> None:
    code = """
ids = [store.create_run(TrainConfig()) for _ in range(4)]
for run_id in ids[1:]:
    store.start_run(run_id, "cpu", {})
store.request_stop(ids[2])
store.fail_run(ids[3], "its own message", "")
print(*ids, flush=True)
sys.stdin.readline()
"""
    with python(code) as process:
        queued, running, stopping, failed = map(int, read_line(process).split())
        assert store.mark_interrupted() == []
        process.kill()
        # Not yet waited for, it stays in the process table, but works no more.
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert sorted(store.mark_interrupted()) == [queued, running, stopping]
    for run_id in (queued, running, stopping):
        run = store.run(run_id)
        assert run.state is RunState.INTERRUPTED
        assert run.message == "The program that trained this run ended before the run did."
        assert run.finished_at is not None
    assert store.run(failed).message == "its own message"
    assert store.mark_interrupted() == []


def test_a_run_that_finishes_just_now_is_not_interrupted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(tiny_config())

    def finish_and_die(*_: object) -> bool:
        store.finish_run(run_id, RunState.FINISHED, summary(run_id))
        return False

    monkeypatch.setattr(store_module, "lives", finish_and_die)
    store.mark_interrupted()
    assert store.run(run_id).state is RunState.FINISHED


# The folder


def test_what_was_written_is_there_after_closing(store: Store) -> None:
    run_id = store.create_run(tiny_config(), "kept")
    store.close()
    with closing(Store(home())) as again:
        assert again.run(run_id).name == "kept"
        assert again.notice == ""
    assert integrity(home()) == "ok"
