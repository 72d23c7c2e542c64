"""Another process holds the store: training goes on, pages say that they wait."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.state import get_scheduler, get_store
from s2s.paths import home
from s2s.records import RemarkKind, RunState
from s2s.runs import recorder as recorder_module
from s2s.runs.execute import execute
from s2s.store import Store, run_records
from s2s.store import errors as store_error
from s2s.store.errors import StoreError, retry_while_unavailable
from tests.tiny import tiny_config, wait_until

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked_by_another() -> Iterator[None]:
    command = [sys.executable, "-c", _LOCK, str(home() / "store.sqlite")]
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
    """On a local and on a network folder, where readers have to wait too."""
    if request.param != "wal":
        mounts = [SimpleNamespace(mountpoint="/", fstype="nfs4")]
        monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    with closing(Store(home(), wait_seconds=0.2)) as opened:
        yield opened


@pytest.mark.usefixtures("tiny")
def test_training_goes_on_and_its_records_arrive_afterwards(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_records, "RECORD_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder_module, "_RETRY_SECONDS", 0.05)
    steps = 0
    write_errors: list[str] = []

    def watch(_: object) -> None:
        nonlocal steps
        steps += 1
        write_errors.append(store.write_error)

    run_id = store.create_run(tiny_config(iterations=100_000, evaluate_every=200))
    stop = Event()
    thread = Thread(target=execute, args=(store, run_id, stop, watch))
    thread.start()
    wait_until(lambda: steps > 20)
    with locked_by_another():
        seen = steps
        wait_until(lambda: steps > seen + 300)
    seen = steps
    wait_until(lambda: steps > seen + 20)
    stop.set()
    thread.join(30)
    run = store.run(run_id)
    assert run.state is RunState.INTERRUPTED
    done = [int(each) for each in store.steps(run_id)["iteration"]]
    assert done == list(range(1, run.iterations_done + 1))
    assert run.iterations_done > 340
    found = [each.iteration for each in store.evaluations(run_id)]
    assert found == list(range(0, run.iterations_done + 1, 200))
    assert any("is locked by another program" in error for error in write_errors)
    assert RemarkKind.STORE_UNAVAILABLE in [remark.kind for remark in run.remarks]


def test_a_longer_lock_is_an_error(store: Store) -> None:
    with locked_by_another(), pytest.raises(StoreError) as refused:
        store.create_run(tiny_config())
    assert str(home() / "store.sqlite") in str(refused.value)
    assert store.create_run(tiny_config()) == 1  # and the store is as good as before


def test_retrying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_error, "RETRY_INTERVAL_SECONDS", 0.0)
    tries: list[int] = []

    def work(good_at: int, is_temporary: bool = True) -> Callable[[], str]:
        def work_() -> str:
            tries.append(1)
            if len(tries) < good_at:
                raise StoreError("locked", is_temporary)
            return "done"

        tries.clear()
        return work_

    assert retry_while_unavailable(work(good_at=5)) == "done"
    with pytest.raises(StoreError):  # damage is not temporary
        retry_while_unavailable(work(good_at=5, is_temporary=False))
    assert len(tries) == 1
    with pytest.raises(StoreError):
        retry_while_unavailable(work(good_at=5), is_cancelled=lambda: True)
    assert len(tries) == 1
    monkeypatch.setattr(store_error, "RETRY_LIMIT_SECONDS", 0.05)
    with pytest.raises(StoreError):
        retry_while_unavailable(work(good_at=10**9))


@pytest.mark.usefixtures("tiny")
def test_a_page_says_that_it_waits_and_is_drawn_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_run(tiny_config(), "seen again")
    store.request_stop(1)
    monkeypatch.setattr(state, "_scheduler", None)
    monkeypatch.setattr(state, "WAIT_SECONDS", 0.1)
    app = visit()
    assert "is locked" not in warnings(app)
    network = bool(store.notice)
    with locked_by_another():
        app = visit()
        assert not app.exception
        assert ("is locked by another program" in warnings(app)) is network  # else nobody waits
    app = visit()
    assert "is locked" not in warnings(app)
    assert "seen again" in app.selectbox(key="shown_run").options[1]
    get_scheduler().close()
    get_store().close()


def visit() -> AppTest:
    return AppTest.from_file(DASHBOARD, default_timeout=60).run()


def warnings(app: AppTest) -> str:
    return " ".join(each.value for each in app.warning)
