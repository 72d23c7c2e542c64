"""What fails on a page is a sentence there; what trains goes on and is seen again."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.escaping import escape
from pages.shared.state import get_scheduler, get_store
from s2s.data import catalog
from s2s.paths import home
from s2s.records import RunState
from s2s.store import Store
from s2s.store.errors import StoreError
from tests.tiny import tiny_config, wait_until

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(autouse=True)
def _own_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(state, "_scheduler", None)
    yield
    if state._scheduler:
        state._scheduler.close()
        state._scheduler.store.close()


@pytest.fixture
def training() -> Iterator[int]:
    """A run that trains until it is stopped."""
    [run_id] = get_scheduler().submit([tiny_config(iterations=100_000_000)])
    wait_until(lambda: get_store().run(run_id).iterations_done > 0)
    yield run_id
    get_scheduler().stop(run_id, wait_seconds=10)


def goes_on(run_id: int) -> bool:
    before = get_store().run(run_id).iterations_done
    wait_until(lambda: get_store().run(run_id).iterations_done > before)
    return get_store().run(run_id).state is RunState.RUNNING


def visit(page: str = "train") -> AppTest:
    app = AppTest.from_file(DASHBOARD, default_timeout=60)
    return app.switch_page(f"pages/{page}/{page}.py").run()


def broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("something *unforeseen*")


def test_an_unforeseen_error_in_a_page_is_one_sentence(
    training: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "deleted_runs", broken)
    app = visit("compare")
    assert not app.exception
    [error] = app.error
    assert "This part of the page failed (ZeroDivisionError: something \\*unforeseen" in error.value
    assert "What trains goes on; reload the page" in error.value
    assert goes_on(training)


def test_an_unforeseen_error_in_the_live_part_leaves_the_stop_button(
    training: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "evaluations", broken)
    app = visit()
    assert not app.exception
    assert "ZeroDivisionError" in app.error[0].value
    assert app.button(key=f"stop_{training}").label == "Stop"
    assert goes_on(training)
    app.button(key=f"stop_{training}").click().run()
    wait_until(lambda: get_store().run(training).state is RunState.STOPPED)


def test_an_unforeseen_error_in_a_buttons_work(
    training: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop is done all the same: this process's own run need not read of it in the store."""
    app = visit()
    with monkeypatch.context() as patched:
        patched.setattr(Store, "request_stop", broken)
        app.button(key=f"stop_{training}").click().run()
    assert not app.exception
    assert "ZeroDivisionError" in app.error[0].value
    wait_until(lambda: get_store().run(training).state is RunState.INTERRUPTED)


def test_a_damaged_store_is_said_on_the_page() -> None:
    get_store().create_run(tiny_config(), "lost")
    get_scheduler().close()
    get_store().close()
    state._scheduler = None
    (home() / "store.sqlite").write_bytes(b"garbage" * 1000)
    app = visit()
    assert not app.exception
    told = escape("The store was damaged and has been set aside as store.damaged-")
    assert told in app.warning[0].value


def test_damage_in_use_is_said_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise StoreError("store.sqlite is damaged. Restart s2s.", is_temporary=False)

    get_store()
    monkeypatch.setattr(Store, "runs", damaged)
    app = visit()
    assert not app.exception
    assert "is damaged. Restart s2s" in app.warning[0].value


def test_a_damaged_corpus_leaves_the_page_usable() -> None:
    path = home() / "corpora" / "tiny" / "source_tokens.npy"
    path.write_bytes(path.read_bytes()[:-40])
    app = visit("corpora")
    assert not app.exception
    assert "is damaged" in app.error[0].value
    assert "add it again under this name" in app.error[0].value
    app.button(key="remove").click().run()
    assert [info.name for info in catalog.list_corpora(home() / "corpora")] == []
    (home() / "corpora" / "odd").mkdir()
    (home() / "corpora" / "odd" / "corpus.json").write_text("[")
    app = visit("corpora")
    assert not app.exception
    assert "'odd' is damaged" in app.warning[0].value


def test_clear_cache_during_a_training(training: int) -> None:
    """As the menu's entry does it."""
    manager = get_scheduler()
    st.cache_resource.clear()
    st.cache_data.clear()
    assert goes_on(training)
    app = visit()
    assert not app.exception
    assert get_scheduler() is manager
    assert app.button(key=f"stop_{training}").label == "Stop"
    app.button(key=f"stop_{training}").click().run()
    wait_until(lambda: get_store().run(training).state is RunState.STOPPED)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_in_a_run(
    monkeypatch: pytest.MonkeyPatch, training: int, hours: int
) -> None:
    store, now = get_store(), time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600 * hours)
    [later] = get_scheduler().submit([tiny_config(iterations=3)])
    assert goes_on(training)
    app = visit()
    assert not app.exception
    assert "-" not in app.caption[0].value.replace("store.damaged-", "")
    get_scheduler().stop(training, wait_seconds=10)
    run = store.run(training)
    assert run.state is RunState.STOPPED
    assert run.summary.seconds < 600
    assert (store.steps(training)["seconds"] > 0).all()
    wait_until(lambda: store.run(later).state is RunState.FINISHED)
    assert [each.id for each in store.runs()] == [later, training]
    iterations = store.steps(training)["iteration"]
    assert (iterations[1:] > iterations[:-1]).all()
    for page in ("train", "compare"):
        assert not visit(page).exception


def test_sqlites_own_errors_without_a_code_are_not_taken_for_a_lock() -> None:
    """Only what SQLite itself says is a reason to wait."""
    with pytest.raises(sqlite3.OperationalError):
        get_store().read("SELECT * FROM nowhere")
