"""Changes in one tab while another tab shows what it changes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state import get_store
from s2s.config import SweepConfig
from s2s.data import catalog
from s2s.paths import corpora_folder
from s2s.runs.files import purge
from s2s.store import Store
from s2s.store.sweeps import delete_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.replay import build_replay_config
from tests.tiny import tiny_config

OpenPage = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def dashboard_store(trained_home: Path, own_dashboard: None) -> Store:
    """The dashboard's store, with a finished run, a stopped run, a sweep and a replay."""
    del trained_home, own_dashboard
    store = get_store()
    store.request_stop(store.create_run(tiny_config()))
    create_sweep(store, SweepConfig(base=tiny_config(), batch_sizes=(2,), amount=30))
    create_sweep(store, build_replay_config("tiny"))
    return store


def delete_and_purge(store: Store) -> None:
    store.delete_run(1)
    purge(store, 1)


CHANGES: dict[str, Callable[[Store], object]] = {
    "deleted": lambda store: store.delete_run(1),
    "archived": lambda store: store.archive_run(1),
    "renamed": lambda store: store.rename_run(1, "a new name"),
    "corpus removed": lambda _: catalog.remove(corpora_folder(), "tiny"),
    "sweeps deleted": lambda store: [delete_sweep(store, each) for each in (1, 2)],
    "purged": delete_and_purge,
}


def test_pages_survive_changes_in_another_tab(dashboard_store: Store, open_page: OpenPage) -> None:
    shown = [
        open_page(each) for each in ("train", "compare", "translate", "sweep", "replay", "corpora")
    ]
    for name, change in CHANGES.items():
        change(dashboard_store)
        for each in shown:
            assert not each.run().exception, name
        if name == "deleted":
            dashboard_store.restore_run(1)


def test_the_timer_of_a_deleted_replay(dashboard_store: Store) -> None:
    """The timer still fires although the page no longer offers the replay."""
    delete_sweep(dashboard_store, 2)

    def app() -> None:
        import streamlit as st

        from pages.replay.view import show_replay

        if "again" in st.session_state:
            st.write("rerun")
        else:
            st.session_state["again"] = True
            show_replay(2, None, None, is_live=True)

    shown = AppTest.from_function(app, default_timeout=50).run()
    assert not shown.exception
    assert shown.markdown[0].value == "rerun"


def test_a_corpus_and_a_run_that_two_tabs_remove(
    dashboard_store: Store, open_page: OpenPage
) -> None:
    for tab in [open_page("corpora"), open_page("corpora")]:
        assert not tab.button(key="remove").click().run().exception
    assert [info.name for info in catalog.list_corpora(corpora_folder())] == []

    tabs = [open_page("compare"), open_page("compare")]
    for each in tabs:
        each.session_state["changing"] = True
        each.session_state["changed"] = [1]
        assert not each.run().exception
    delete_and_purge(dashboard_store)
    for each in tabs:
        [button] = [button for button in each.button if button.label == "Delete"]
        assert not button.click().run().exception
    assert [run.id for run in dashboard_store.runs()] == [2]
