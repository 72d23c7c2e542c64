"""The lease of a device, which allows one run at a time."""

import threading
from threading import Event

import pytest

from s2s.errors import UserError
from s2s.locks import lease, lease_without_waiting
from s2s.paths import home


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


def test_a_cancelled_lease_and_a_lease_without_waiting() -> None:
    answers = iter([False, False, True, True])
    with lease("cpu", lambda: False):
        with lease("cpu", lambda: next(answers)) as is_acquired:
            assert not is_acquired
        with pytest.raises(UserError), lease_without_waiting("cpu"):
            pass
    with lease_without_waiting("cpu"):
        pass
    with lease("cpu", lambda: True) as is_acquired:
        assert not is_acquired


def test_a_home_that_cannot_be_written() -> None:
    home().write_text("")
    with pytest.raises(UserError, match="Cannot write"), lease_without_waiting("cpu"):
        pass
