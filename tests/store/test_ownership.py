"""A run's owner: told from others by what nobody sets, heard from other machines."""

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
from s2s.runs.resume import resume
from s2s.store import ownership as owner_module
from s2s.store import pulse as pulse_module
from s2s.store.errors import StoreError
from s2s.store.ownership import SILENT_SECONDS, Listener, lives, this_process
from s2s.store.runs import Store
from s2s.store.sweeps import create_sweep, leave, read_sweep, take
from tests.tiny import tiny_config, wait_until

HERE = this_process()


def row(**changes: object) -> dict[str, object]:
    return {f"owner_{name}": value for name, value in dataclasses.asdict(HERE).items()} | changes


def test_this_process_lives_and_none_does_not() -> None:
    assert lives(row())
    assert lives(row(owner_pid=None)) is False


def test_the_start_is_that_of_proc() -> None:
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    assert HERE.start == fields[19]
    assert HERE.pid == os.getpid()


@pytest.mark.parametrize("start", ["0", str(int(HERE.start) + 1), ""], ids=["0", "later", ""])
def test_a_process_id_used_again_is_another_process(start: str) -> None:
    assert lives(row(owner_start=start)) is False


def test_a_dead_process_and_one_not_yet_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    there = row(owner_pid=process.pid, owner_start=owner_module._start(process.pid))
    assert lives(there)
    process.kill()
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert lives(there) is False
    process.wait()
    assert lives(there) is False
    assert process.stdin is not None
    process.stdin.close()


def test_a_name_full_of_brackets(tmp_path: Path) -> None:
    script = tmp_path / "a) Z 1 (b"
    script.write_text("#!/bin/sh\nread line\n")
    script.chmod(0o755)
    with subprocess.Popen([script], stdin=subprocess.PIPE) as process:
        found = owner_module._start(process.pid)
        assert found is not None
        assert int(found) >= int(HERE.start)
        process.kill()


def test_a_clock_that_is_set_kills_no_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = store.create_run(tiny_config())
    later = SimpleNamespace(create_time=lambda: 1e9, status=lambda: "running")
    monkeypatch.setattr(owner_module.psutil, "Process", lambda *_: later)
    assert store.mark_interrupted() == []
    assert store.run(run_id).state is RunState.QUEUED


def test_a_process_that_is_hidden_cannot_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_module, "_start", lambda _: None)

    def forbidden(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(owner_module.os, "kill", forbidden)
    assert lives(row()) is None


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


def test_a_run_that_another_takes_just_now_is_not_interrupted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(tiny_config())

    def taken(*_: object) -> bool:
        with store.transaction() as database:
            database.execute("UPDATE runs SET owner_start = 'another'")
        return False

    monkeypatch.setattr(store, "is_owned", taken)
    assert store.mark_interrupted() == []
    assert store.run(run_id).state is RunState.QUEUED


# Other machines


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=60))
def test_silent_is_who_was_not_heard_for_a_minute(looks: list[tuple[float, bool]]) -> None:
    clock, heartbeat, still = Clock(), 0, 0.0
    listener = Listener(clock)
    assert not listener.is_silent("run", 1, heartbeat)
    for seconds, beats in looks:
        clock.seconds += seconds
        before, now = heartbeat, heartbeat + beats
        still = still + seconds if now == before else 0.0
        heartbeat = now
        if abs(still - SILENT_SECONDS) > 1e-6:
            assert listener.is_silent("run", 1, heartbeat) is (still >= SILENT_SECONDS)
        else:
            listener.is_silent("run", 1, heartbeat)
        assert not listener.is_silent("sweep", 1, int(clock.seconds * 1000))


def test_time_in_which_nobody_looked_is_no_silence() -> None:
    clock = Clock()
    listener = Listener(clock)
    for _ in range(3):  # the machine slept, or the folder was out of reach
        assert not listener.is_silent("run", 1, 5)
        clock.seconds += 10_000
    assert not listener.is_silent("run", 1, 5)


def test_a_heartbeat_that_goes_back_is_heard() -> None:
    """A store that was put back from a copy."""
    clock = Clock()
    listener = Listener(clock)
    for number in range(20):
        clock.seconds += 9
        assert not listener.is_silent("run", 1, 100 - number)


@pytest.fixture
def elsewhere(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """What is owned from now on is of another machine with the same process ids."""
    clock = Clock()
    monkeypatch.setattr(store, "_listener", Listener(clock))
    monkeypatch.setattr(owner_module, "_machine", lambda: "another")
    owner_module._process.cache_clear()
    yield clock
    owner_module._process.cache_clear()


def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_module, "_machine", lambda: HERE.machine)
    owner_module._process.cache_clear()


def look_for(store: Store, clock: Clock, seconds: float) -> list[int]:
    found: list[int] = []
    for _ in range(int(seconds / 5)):
        clock.seconds += 5
        found += store.mark_interrupted()
    return found


def test_a_run_of_another_machine_lives_while_its_heart_beats(
    store: Store, elsewhere: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(tiny_config())
    here(monkeypatch)
    assert store.mark_interrupted() == []
    with pytest.raises(UserError, match="is queued on another machine, or in another container"):
        resume(store, run_id)
    for _ in range(5):
        assert look_for(store, elsewhere, 55) == []
        with store.transaction() as database:
            database.execute("UPDATE runs SET heartbeat = heartbeat + 1")
    assert look_for(store, elsewhere, 55) == []
    assert look_for(store, elsewhere, 15) == [run_id]
    assert store.run(run_id).state is RunState.INTERRUPTED


def test_a_sweep_of_another_machine(
    store: Store, elsewhere: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id = create_sweep(store, SweepConfig(base=tiny_config()))
    take(store, sweep_id)
    here(monkeypatch)
    assert read_sweep(store, sweep_id).state is SweepState.RUNNING
    with pytest.raises(UserError, match="is going on already"):
        take(store, sweep_id)
    for _ in range(13):
        elsewhere.seconds += 5
        read_sweep(store, sweep_id)
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED
    take(store, sweep_id)
    leave(store, sweep_id)
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED


def test_a_process_beats_for_all_that_it_owns(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse_module, "PULSE_SECONDS", 0.01)
    over, waiting = store.create_run(tiny_config()), store.create_run(tiny_config())
    store.request_stop(over)
    sweep_id = create_sweep(store, SweepConfig(base=tiny_config()))
    take(store, sweep_id)

    def beats() -> list[int]:
        found = store.read("SELECT heartbeat FROM runs ORDER BY id")
        found += store.read("SELECT heartbeat FROM sweeps")
        return [each["heartbeat"] for each in found]

    ended = beats()[0]
    before = beats()
    wait_until(lambda: beats()[1] > before[1] + 3 and beats()[2] > before[2] + 3)
    assert beats()[0] <= ended + 1  # stopped in the very moment of a beat, at most
    with store.transaction() as database:
        database.execute("UPDATE runs SET owner_machine = 'another'")
    wait_until(lambda: beats()[2] > before[2] + 10)
    others = beats()[1]
    wait_until(lambda: beats()[2] > before[2] + 20)
    assert beats()[1] == others
    assert store.run(waiting).state is RunState.QUEUED


def test_a_full_disk_stops_no_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def beat() -> None:
        nonlocal calls
        calls += 1
        raise StoreError("The disk is full; make room there.", passing=True)

    monkeypatch.setattr(pulse_module, "PULSE_SECONDS", 0.01)
    pulse = pulse_module.Pulse(beat)
    pulse.start()
    wait_until(lambda: calls > 2)
    pulse.stop()


def test_steps_are_heard(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    before = store.read("SELECT heartbeat FROM runs")[0][0]
    store.write_steps(run_id, np.ones(1, STEP_DTYPE))
    assert store.read("SELECT heartbeat FROM runs")[0][0] > before


def test_nothing_is_owned_by_a_store_that_only_reads() -> None:
    store = Store(home())
    assert store._pulse._thread is None
    store.close()
