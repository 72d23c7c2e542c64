"""One run a device at a time."""

import subprocess
import sys
import threading
from threading import Event

import pytest

from s2s.locks import lease
from s2s.records import RunState
from s2s.runs.execute import execute
from s2s.store.runs import Store
from tests.tiny import tiny_config, wait_until

pytestmark = pytest.mark.usefixtures("tiny")


def test_two_leases_on_a_device_take_turns() -> None:
    asked, got = Event(), Event()

    def second() -> None:
        with lease("cpu", lambda: bool(asked.set())) as held:
            assert held
            got.set()

    with lease("cpu", lambda: False) as held:
        assert held
        thread = threading.Thread(target=second)
        thread.start()
        assert asked.wait(10)
        asked.clear()
        assert asked.wait(10)  # it asked again, so it waits
        assert not got.is_set()
        with lease("cuda:0", lambda: False) as other_device:
            assert other_device
    thread.join(10)
    assert got.is_set()


def test_a_lease_given_up() -> None:
    answers = iter([False, False, True])
    with lease("cpu", lambda: False), lease("cpu", lambda: next(answers)) as held:
        assert not held
    with lease("cpu", lambda: False) as held:
        assert held


def test_a_run_waits_while_another_process_has_the_device(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import sys
from s2s.locks import lease
with lease("cpu", lambda: False) as held:
    print(held, flush=True)
    sys.stdin.readline()
"""
    run_id = store.create_run(tiny_config())
    looks = 0
    stop_requested = store.stop_requested

    def counted(run_id: int) -> bool:
        nonlocal looks
        looks += 1
        return stop_requested(run_id)

    monkeypatch.setattr(store, "stop_requested", counted)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "True\n"
            thread = threading.Thread(target=execute, args=(store, run_id, Event()))
            thread.start()
            wait_until(lambda: looks >= 3)
            assert store.run(run_id).state is RunState.QUEUED
        finally:
            process.kill()  # the system lets go of its lock
    thread.join(30)
    assert store.run(run_id).state is RunState.FINISHED
