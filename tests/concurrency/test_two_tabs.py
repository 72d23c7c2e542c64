"""What one tab deletes, removes or renames while another tab shows it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.state import get_scheduler, get_store
from s2s.config import SweepConfig
from s2s.data import catalog
from s2s.paths import corpora_folder
from s2s.runs.execute import execute
from s2s.runs.files import purge
from s2s.store import Store
from s2s.store.sweeps import delete_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.replay import replay_config
from tests.tiny import tiny_config, write_tiny

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"


@pytest.fixture(autouse=True)
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Runs 1 and 2 of two steps, a sweep and a replay; the dashboard's own store."""
    monkeypatch.setattr(state, "_scheduler", None)
    catalog.add(corpora_folder(), write_tiny(tmp_path / "tiny.txt"), "tiny")
    store = get_store()
    for size in (2, 3):
        execute(store, store.create_run(tiny_config(batch_size=size, iterations=2)), Event())
    create_sweep(store, SweepConfig(base=tiny_config(), batch_sizes=(2,), amount=30))
    create_sweep(store, replay_config("tiny"))
    yield store
    get_scheduler().close()
    store.close()


def tab(name: str) -> AppTest:
    return (
        AppTest.from_file(DASHBOARD, default_timeout=50)
        .switch_page(f"pages/{name}/{name}.py")
        .run()
    )


def gone_for_good(store: Store) -> None:
    store.delete_run(1)
    purge(store, 1)


CHANGES: dict[str, Callable[[Store], object]] = {
    "deleted": lambda store: store.delete_run(1),
    "archived": lambda store: store.archive_run(1),
    "renamed": lambda store: store.rename_run(1, "a new name"),
    "corpus removed": lambda _: catalog.remove(corpora_folder(), "tiny"),
    "sweeps deleted": lambda store: [delete_sweep(store, each) for each in (1, 2)],
    "purged": gone_for_good,
}


def test_pages_go_on_when_another_tab_changes_what_they_show(trained: Store) -> None:
    shown = [tab(each) for each in ("train", "compare", "translate", "sweep", "replay", "corpora")]
    for what, change in CHANGES.items():
        change(trained)
        for each in shown:
            assert not each.run().exception, what
        if what == "deleted":
            trained.restore_run(1)


def test_a_fragment_of_a_replay_that_was_deleted(trained: Store) -> None:
    """The page itself would no longer offer it; its timer fires all the same."""
    delete_sweep(trained, 2)

    def app() -> None:
        import streamlit as st

        from pages.replay.view import show

        if "again" in st.session_state:
            st.write("drawn anew")
        else:
            st.session_state["again"] = True
            show(2, None, None)

    shown = AppTest.from_function(app, default_timeout=50).run()
    assert not shown.exception
    assert shown.markdown[0].value == "drawn anew"


def test_a_corpus_that_two_tabs_remove(trained: Store) -> None:
    del trained
    first, second = tab("corpora"), tab("corpora")
    for each in (first, second):
        each.button(key="remove").click()
        assert not each.run().exception
    assert [info.name for info in catalog.list_corpora(corpora_folder())] == []


def test_a_run_that_two_tabs_delete(trained: Store) -> None:
    tabs = [tab("compare"), tab("compare")]
    for each in tabs:
        each.session_state["changing"] = True
        each.session_state["changed"] = [1]
        assert not each.run().exception
    gone_for_good(trained)
    for each in tabs:
        [button] = [button for button in each.button if button.label == "Delete"]
        assert not button.click().run().exception
    assert [run.id for run in trained.runs()] == [2]
