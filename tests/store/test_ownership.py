"""Ownership of runs and sweeps: which process owns one, and whether that process is alive."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.records import RunState, SweepState
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
from s2s.store.sweeps import claim_sweep, read_sweep
from s2s.sweeps.plan import create_sweep
from tests.store.test_run_records import steps
from tests.tiny import tiny_config, wait_until

THIS = this_process()


def row(**changes: object) -> dict[str, object]:
    return {f"owner_{name}": value for name, value in THIS._asdict().items()} | changes


def test_this_process_is_alive_and_others_of_its_id_are_not() -> None:
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    assert (THIS.pid, THIS.start) == (os.getpid(), fields[19])
    assert owner_is_alive(row())
    for change in ({"owner_pid": None}, {"owner_start": "0"}, {"owner_start": ""}):
        assert owner_is_alive(row(**change)) is False


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


def test_a_hidden_process_may_be_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_start_time", lambda _: None)
    assert owner_is_alive(row()) is None


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
    monkeypatch.setattr(store, "is_owned", lambda *_: not store.write(f"UPDATE runs SET {change}"))
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


def test_a_run_and_a_sweep_of_another_machine_live_while_their_hearts_beat(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(store, "_monitor", HeartbeatMonitor(clock))
    run_id = store.create_run(tiny_config())
    sweep_id = create_sweep(store, SweepConfig(base=tiny_config()))
    claim_sweep(store, sweep_id)
    for table in ("runs", "sweeps"):
        store.write(f"UPDATE {table} SET owner_machine = 'another'")
    assert not store.can_see_owner(run_id)
    with pytest.raises(UserError, match="another machine"):
        resume_run(store, run_id)

    def observe(seconds: int) -> tuple[list[int], SweepState]:
        interrupted: list[int] = []
        for _ in range(0, seconds, 5):
            clock.seconds += 5
            interrupted += store.mark_interrupted()
            state = read_sweep(store, sweep_id).state
        return interrupted, state

    for _ in range(3):
        assert observe(55) == ([], SweepState.RUNNING)
        for table in ("runs", "sweeps"):
            store.write(f"UPDATE {table} SET heartbeat = heartbeat + 1")
    with pytest.raises(UserError, match="already running"):
        claim_sweep(store, sweep_id)
    assert observe(70) == ([run_id], SweepState.STOPPED)
    claim_sweep(store, sweep_id)


# Heartbeats


def test_a_process_beats_for_all_that_it_owns(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "HEARTBEAT_SECONDS", 0.01)
    assert store.heartbeat._thread is None  # until it owns something
    mine, other, stopped = (store.create_run(tiny_config()) for _ in range(3))
    store.request_stop(stopped)
    store.write("UPDATE runs SET owner_machine = 'another' WHERE id = ?", (other,))
    claim_sweep(store, create_sweep(store, SweepConfig(base=tiny_config())))

    def beats() -> dict[object, int]:
        query = "SELECT id, heartbeat FROM runs UNION SELECT 'sweep', heartbeat FROM sweeps"
        return dict(store.read(query))

    before = beats()
    wait_until(lambda: all(beats()[key] > before[key] + 3 for key in (mine, "sweep")))
    assert (beats()[other], beats()[stopped]) == (before[other], before[stopped])
    store.write_steps(other, steps(1, 1))  # a heartbeat too
    assert beats()[other] == before[other] + 1


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
    first, second = DashboardLock(), DashboardLock()
    assert (first.is_only_dashboard, second.is_only_dashboard) == (True, False)
    first.release()
    second.release()
    code = "from s2s.store.ownership import DashboardLock; DashboardLock()"
    subprocess.run([sys.executable, "-c", code], check=True)  # ends without releasing
    last = DashboardLock()
    assert last.is_only_dashboard
    last.release()
