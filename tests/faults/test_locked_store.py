"""Another process holds the store: training continues, and pages say that they wait."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread
from types import SimpleNamespace
from unittest.mock import Mock

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state
from s2s.paths import home
from s2s.records import RemarkKind, RunState
from s2s.runs import recorder as recorder_module
from s2s.runs.execute import execute
from s2s.store import Store, run_records
from s2s.store import errors as store_errors
from s2s.store.errors import StoreError, retry_while_unavailable
from tests.tiny import tiny_config, wait_until

LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked() -> Iterator[None]:
    """Lock the store in another process."""
    command = [sys.executable, "-c", LOCK, str(home() / "store.sqlite")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            process.stdin.write("\n")
            process.stdin.flush()


@pytest.fixture(params=["wal", "rollback journal"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store in a local folder, and one in a network folder, where readers wait too."""
    if request.param != "wal":
        mounts = [SimpleNamespace(mountpoint="/", fstype="nfs4")]
        monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    with closing(Store(home(), wait_seconds=0.2)) as opened:
        yield opened


@pytest.mark.usefixtures("tiny")
def test_training_continues_and_its_records_arrive_afterwards(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_records, "RECORD_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "_RETRY_SECONDS", 0.05)
    write_errors: list[str] = []  # one per event
    run_id = store.create_run(tiny_config(iterations=100_000, evaluate_every=50))
    stop = Event()
    watch = lambda _: write_errors.append(store.write_error)  # noqa: E731
    thread = Thread(target=execute, args=(store, run_id, stop, watch))
    thread.start()
    wait_until(lambda: len(write_errors) > 20)
    with locked():
        seen = len(write_errors)
        wait_until(lambda: len(write_errors) > seen + 60)
    seen = len(write_errors)
    wait_until(lambda: len(write_errors) > seen + 20)
    stop.set()
    thread.join(30)
    run = store.run(run_id)
    assert run.state is RunState.INTERRUPTED
    assert store.steps(run_id)["iteration"].tolist() == list(range(1, run.iterations_done + 1))
    evaluations = [each.iteration for each in store.evaluations(run_id)]
    assert evaluations == list(range(0, run.iterations_done + 1, 50))
    assert any(write_errors)
    assert RemarkKind.STORE_UNAVAILABLE in [each.kind for each in run.remarks]


def test_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a temporary error is retried, until the limit or a cancellation."""
    monkeypatch.setattr(store_errors, "RETRY_INTERVAL_SECONDS", 0.0)
    locked_error, damage = StoreError("locked", True), StoreError("damaged", False)
    assert retry_while_unavailable(Mock(side_effect=[locked_error] * 4 + ["done"])) == "done"
    for error, is_cancelled in ((damage, False), (locked_error, True)):
        operation = Mock(side_effect=error)
        with pytest.raises(StoreError):
            retry_while_unavailable(operation, is_cancelled=lambda answer=is_cancelled: answer)
        operation.assert_called_once()
    monkeypatch.setattr(store_errors, "RETRY_LIMIT_SECONDS", 0.05)
    with pytest.raises(StoreError):
        retry_while_unavailable(Mock(side_effect=locked_error))


@pytest.mark.usefixtures("tiny")
def test_a_page_that_waits_for_the_store(
    store: Store, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers wait only in a network folder, and the page is complete again afterwards."""
    store.create_run(tiny_config(), "visible again")
    store.request_stop(1)
    monkeypatch.setattr(state, "_WAIT_SECONDS", 0.1)
    is_network = bool(store.notice)

    def waits(app: AppTest) -> bool:
        return any("locked" in each.value for each in app.warning)

    assert not waits(open_page("train"))
    with locked():
        assert waits(open_page("train")) is is_network
        with pytest.raises(StoreError):  # a change waits for a while
            store.create_run(tiny_config())
    app = open_page("train")
    assert not waits(app)
    assert "visible again" in app.selectbox(key="shown_run").options[1]
