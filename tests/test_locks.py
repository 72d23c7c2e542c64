"""One run at a time per device."""

import threading
from threading import Event

import pytest

from s2s.errors import UserError
from s2s.locks import lease, lease_at_once
from s2s.records import RunState
from s2s.runs.execute import execute
from s2s.store import Store
from tests.concurrency.processes import start_together
from tests.tiny import tiny_config, wait_until

LEASE = """
from s2s.locks import lease
with lease("cpu", lambda: False) as is_acquired:
    send(is_acquired)
    receive()
"""


def test_two_leases_of_a_device_take_turns() -> None:
    waiting, acquired = Event(), Event()

    def second() -> None:
        with lease("cpu", lambda: bool(waiting.set())) as is_acquired:
            assert is_acquired
            acquired.set()

    with lease("cpu", lambda: False) as is_acquired:
        assert is_acquired
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        waiting.clear()
        assert waiting.wait(10)  # it asked again
        assert not acquired.is_set()
        with lease("cuda:0", lambda: False) as is_other_acquired:
            assert is_other_acquired
    thread.join(10)
    assert acquired.is_set()


def test_a_cancelled_lease_and_one_at_once() -> None:
    answers = iter([False, False, True, True])
    with lease("cpu", lambda: False):
        with lease("cpu", lambda: next(answers)) as is_acquired:
            assert not is_acquired
        with pytest.raises(UserError), lease_at_once("cpu"):
            pass
    with lease_at_once("cpu"):
        pass
    with lease("cpu", lambda: True) as is_acquired:
        assert not is_acquired


@pytest.mark.usefixtures("tiny")
def test_a_run_waits_while_another_process_has_the_device(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.create_run(tiny_config())
    checks: list[int] = []
    is_stop_requested = store.is_stop_requested

    def check(run_id: int) -> bool:
        checks.append(run_id)
        return is_stop_requested(run_id)

    monkeypatch.setattr(store, "is_stop_requested", check)
    with start_together([LEASE]) as [process]:
        assert process.receive() == "True"
        thread = threading.Thread(target=execute, args=(store, run_id, Event()))
        thread.start()
        wait_until(lambda: len(checks) >= 3)
        assert store.run(run_id).state is RunState.QUEUED
        process.kill()  # the system releases its lock
    thread.join(30)
    assert store.run(run_id).state is RunState.FINISHED
