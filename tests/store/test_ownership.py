"""Owners: which process has a run or a sweep, and whether it is alive, here and elsewhere."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import SweepConfig, UserError
from s2s.paths import home
from s2s.records import STEP_DTYPE, RunState, SweepState
from s2s.runs.resume import resume_run
from s2s.store import Store, ownership
from s2s.store.errors import StoreError
from s2s.store.ownership import (
    SILENT_SECONDS,
    DashboardLock,
    Heartbeat,
    HeartbeatMonitor,
    owner_is_alive,
    this_process,
)
from s2s.store.sweeps import claim_sweep, read_sweep, release_sweep
from s2s.sweeps.plan import create_sweep
from tests.tiny import tiny_config, wait_until

THIS = this_process()


def row(**changes: object) -> dict[str, object]:
    return {f"owner_{name}": value for name, value in dataclasses.asdict(THIS).items()} | changes


def test_this_process_is_alive_and_others_of_its_id_are_not() -> None:
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    assert (THIS.pid, THIS.start) == (os.getpid(), fields[19])
    assert owner_is_alive(row())
    assert owner_is_alive(row(owner_pid=None)) is False
    for start in ("0", str(int(THIS.start) + 1), ""):
        assert owner_is_alive(row(owner_start=start)) is False


def test_a_process_is_dead_once_killed_whatever_its_name(tmp_path: Path) -> None:
    script = tmp_path / "a) Z 1 (b"
    script.write_text("#!/bin/sh\nread line\n")
    script.chmod(0o755)
    with subprocess.Popen([script], stdin=subprocess.PIPE) as process:
        other = row(owner_pid=process.pid, owner_start=ownership._start_time(process.pid))
        assert owner_is_alive(other)
        process.kill()
        # Not yet waited for, it stays in the process table.
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert owner_is_alive(other) is False
    assert owner_is_alive(other) is False


def test_a_clock_that_is_set_interrupts_no_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(tiny_config())
    later = SimpleNamespace(create_time=lambda: 1e9, status=lambda: "running")
    monkeypatch.setattr(ownership.psutil, "Process", lambda *_: later)
    assert store.mark_interrupted() == []
    assert store.run(run_id).state is RunState.QUEUED


def test_a_hidden_process_may_be_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(ownership, "_start_time", lambda _: None)
    monkeypatch.setattr(ownership.os, "kill", forbid)
    assert owner_is_alive(row()) is None


def test_a_forked_child_is_a_process_of_its_own() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(this_process().pid).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(read, 20)) == child
    os.close(read)
    os.close(write)


CREATE_RUNS = """
import sys
from s2s.config import TrainConfig
from s2s.paths import home
from s2s.store import Store
store = Store(home())
ids = [store.create_run(TrainConfig()) for _ in range(4)]
for run_id in ids[1:]:
    store.start_run(run_id, "cpu", {})
store.request_stop(ids[2])
store.fail_run(ids[3], "its own message")
print(flush=True)
sys.stdin.readline()
"""


def test_runs_are_interrupted_when_their_process_is_killed_and_not_before(store: Store) -> None:
    mine = store.create_run(tiny_config())
    command = [sys.executable, "-c", CREATE_RUNS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        failed, *unfinished = [run.id for run in store.runs() if run.id != mine]
        assert store.mark_interrupted() == []
        process.kill()
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert sorted(store.mark_interrupted()) == sorted(unfinished)
    for run_id in unfinished:
        assert store.run(run_id).state is RunState.INTERRUPTED
        assert store.run(run_id).finished_at is not None
    assert store.run(failed).error == "its own message"
    assert store.run(mine).state is RunState.QUEUED
    assert store.mark_interrupted() == []


@pytest.mark.parametrize("change", ["owner_start = 'another'", "state = 'finished'"])
def test_a_run_that_changes_just_now_is_not_interrupted(
    store: Store, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    store.create_run(tiny_config())

    def change_row(*_: object) -> bool:
        with store.transaction() as database:
            database.execute(f"UPDATE runs SET {change}")
        return False

    monkeypatch.setattr(store, "is_owned", change_row)
    assert store.mark_interrupted() == []


# Other machines


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=60))
def test_an_owner_is_silent_after_a_minute_without_a_heartbeat(
    observations: list[tuple[float, bool]],
) -> None:
    clock, heartbeat, unchanged = Clock(), 0, 0.0
    monitor = HeartbeatMonitor(clock)
    assert not monitor.is_silent("run", 1, heartbeat)
    for seconds, beats in observations:
        clock.seconds += seconds
        heartbeat += beats
        unchanged = 0.0 if beats else unchanged + seconds
        silent = monitor.is_silent("run", 1, heartbeat)
        if abs(unchanged - SILENT_SECONDS) > 1e-6:
            assert silent is (unchanged >= SILENT_SECONDS)
        assert not monitor.is_silent("sweep", 1, int(clock.seconds * 1000))


def test_time_without_observation_is_no_silence_and_any_change_is_a_beat() -> None:
    clock = Clock()
    monitor = HeartbeatMonitor(clock)
    for _ in range(3):  # the machine slept, or the folder was unreachable
        assert not monitor.is_silent("run", 1, 5)
        clock.seconds += 10_000
    for number in range(20):  # the store was restored from a copy
        assert not monitor.is_silent("run", 1, 100 - number)
        clock.seconds += 9


@pytest.fixture
def other_machine(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """From now on this process is one of another machine with the same process ids."""
    clock = Clock()
    monkeypatch.setattr(store, "_monitor", HeartbeatMonitor(clock))
    monkeypatch.setattr(ownership, "_machine", lambda: "another")
    ownership._process.cache_clear()
    yield clock
    ownership._process.cache_clear()


def back_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_machine", lambda: THIS.machine)
    ownership._process.cache_clear()


def interrupted_within(store: Store, clock: Clock, seconds: float) -> list[int]:
    ids: list[int] = []
    for _ in range(int(seconds / 5)):
        clock.seconds += 5
        ids += store.mark_interrupted()
    return ids


def test_a_run_of_another_machine_lives_while_its_heart_beats(
    store: Store, other_machine: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(tiny_config())
    back_to_this_machine(monkeypatch)
    assert not store.can_see_owner(run_id)
    with pytest.raises(UserError, match="another machine"):
        resume_run(store, run_id)
    for _ in range(3):
        assert interrupted_within(store, other_machine, 55) == []
        with store.transaction() as database:
            database.execute("UPDATE runs SET heartbeat = heartbeat + 1")
    assert interrupted_within(store, other_machine, 70) == [run_id]


def test_a_sweep_of_another_machine(
    store: Store, other_machine: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id = create_sweep(store, SweepConfig(base=tiny_config()))
    claim_sweep(store, sweep_id)
    back_to_this_machine(monkeypatch)
    with pytest.raises(UserError, match="already running"):
        claim_sweep(store, sweep_id)
    for _ in range(13):
        other_machine.seconds += 5
        read_sweep(store, sweep_id)
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED
    claim_sweep(store, sweep_id)
    release_sweep(store, sweep_id)


# Heartbeats


def test_a_process_beats_for_all_that_it_owns(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "HEARTBEAT_SECONDS", 0.01)
    assert store._heartbeat._thread is None  # until it owns something
    mine, other, stopped = (store.create_run(tiny_config()) for _ in range(3))
    store.request_stop(stopped)
    with store.transaction() as database:
        database.execute("UPDATE runs SET owner_machine = 'another' WHERE id = ?", (other,))
    claim_sweep(store, create_sweep(store, SweepConfig(base=tiny_config())))

    def beats() -> dict[str, int]:
        rows = store.read(
            "SELECT id, heartbeat FROM runs UNION SELECT 'sweep', heartbeat FROM sweeps"
        )
        return {row["id"]: row["heartbeat"] for row in rows}

    before = beats()
    wait_until(lambda: all(beats()[key] > before[key] + 3 for key in (mine, "sweep")))
    assert (beats()[other], beats()[stopped]) == (before[other], before[stopped])


def test_writing_steps_is_a_heartbeat(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    before = store.read("SELECT heartbeat FROM runs")[0][0]
    store.write_steps(run_id, np.ones(1, STEP_DTYPE))
    assert store.read("SELECT heartbeat FROM runs")[0][0] > before


def test_a_full_disk_does_not_end_the_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def beat() -> None:
        calls.append(1)
        raise StoreError("The disk is full.", is_temporary=True)

    monkeypatch.setattr(ownership, "HEARTBEAT_SECONDS", 0.01)
    heartbeat = Heartbeat(beat)
    heartbeat.start()
    wait_until(lambda: len(calls) > 2)
    heartbeat.stop()


def test_the_first_dashboard_knows_that_it_is_the_only_one() -> None:
    first = DashboardLock()
    assert first.is_only_dashboard
    second = DashboardLock()
    assert not second.is_only_dashboard
    first.release()
    second.release()
    code = "from s2s.store.ownership import DashboardLock; DashboardLock()"
    subprocess.run([sys.executable, "-c", code], check=True)  # ends without releasing
    last = DashboardLock()
    assert last.is_only_dashboard
    last.release()
    assert home().is_dir()
