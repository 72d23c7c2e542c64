"""An error on a page is a message there; training continues and is visible again."""

import time
from collections.abc import Callable, Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.state import get_scheduler, get_store
from s2s.data import catalog
from s2s.paths import home
from s2s.records import RunState
from s2s.store import Store
from tests.tiny import tiny_config, wait_until

pytestmark = pytest.mark.usefixtures("tiny", "own_dashboard")
OpenPage = Callable[..., AppTest]


@pytest.fixture
def training() -> Iterator[int]:
    """A run that trains until it is stopped."""
    [run_id] = get_scheduler().submit([tiny_config(iterations=100_000_000)])
    wait_until(lambda: get_store().run(run_id).iterations_done > 0)
    yield run_id
    get_scheduler().stop(run_id)
    wait_until(lambda: get_store().run(run_id).state.has_ended())


def assert_continues(run_id: int) -> None:
    before = get_store().run(run_id).iterations_done
    wait_until(lambda: get_store().run(run_id).iterations_done > before)
    assert get_store().run(run_id).state is RunState.RUNNING


def fail(*_: object, **__: object) -> None:
    raise ZeroDivisionError


def test_an_unexpected_error_is_shown_and_training_continues(
    training: int,
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The error is in a page, in its live part, or in a button, whose action completes anyway."""
    with monkeypatch.context() as patch:
        patch.setattr(Store, "deleted_runs", fail)
        [error] = open_page("compare").error
        assert "ZeroDivisionError" in error.value
    with monkeypatch.context() as patch:
        patch.setattr(Store, "evaluations", fail)
        app = open_page("train")
        assert "ZeroDivisionError" in app.error[0].value
        assert app.button(key=f"stop_{training}")
    assert_continues(training)
    caplog.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "request_stop", fail)
        app.button(key=f"stop_{training}").click().run()
    assert not app.exception
    # The message itself is gone if the run has stopped so soon that the page ran again.
    assert "ZeroDivisionError" in caplog.text
    wait_until(lambda: get_store().run(training).state is RunState.INTERRUPTED)


def test_a_damaged_store_is_set_aside(open_page: OpenPage) -> None:
    get_store().create_run(tiny_config(), "lost")
    get_scheduler().close()
    get_store().close()
    state._scheduler = None
    (home() / "store.sqlite").write_bytes(b"garbage" * 1000)
    assert any("damaged" in each.value for each in open_page("train").warning)


def test_a_damaged_corpus_can_be_removed(open_page: OpenPage) -> None:
    path = home() / "corpora" / "tiny" / "source_tokens.npy"
    path.write_bytes(path.read_bytes()[:-40])
    app = open_page("corpora")
    assert app.error
    app.button(key="remove").click().run()
    assert catalog.list_corpora(home() / "corpora") == []
    (home() / "corpora" / "odd").mkdir()
    (home() / "corpora" / "odd" / "corpus.json").write_text("[")
    assert any("odd" in each.value for each in open_page("corpora").warning)


def test_the_cache_is_cleared_and_the_clock_is_set_during_a_run(
    monkeypatch: pytest.MonkeyPatch, open_page: OpenPage, training: int
) -> None:
    scheduler, store, now = get_scheduler(), get_store(), time.time
    st.cache_resource.clear()  # as the menu does
    st.cache_data.clear()
    later = []
    for hours in (-1, 1):
        monkeypatch.setattr(time, "time", lambda hours=hours: now() + 3600 * hours)
        later += scheduler.submit([tiny_config(iterations=3)])
        assert_continues(training)
        app = open_page("train")
    assert get_scheduler() is scheduler
    app.button(key=f"stop_{training}").click().run()
    wait_until(lambda: all(store.run(each).state is RunState.FINISHED for each in later))
    run, steps = store.run(training), store.steps(training)
    assert run.state is RunState.STOPPED
    assert run.summary.seconds < 600
    assert (steps["seconds"] > 0).all()
    assert steps["iteration"].tolist() == list(range(1, run.iterations_done + 1))
    open_page("compare")
