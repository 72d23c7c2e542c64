"""A folder that really cannot be written, not even by root."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.cli.main import main
from s2s.errors import UserError
from s2s.paths import home
from s2s.records import RunState
from s2s.runs.execute import execute
from s2s.store import Store
from s2s.store.errors import StoreError
from tests.tiny import tiny_config

ReadOnly = Callable[[Path], Path]
DASHBOARD = Path(__file__).parents[2] / "dashboard.py"


@pytest.fixture
def trained(tiny: object) -> int:
    """A run in the store, with its records; all is closed."""
    assert tiny
    with closing(Store(home())) as store:
        run_id = store.create_run(tiny_config(), "kept")
        execute(store, run_id, Event())
        return run_id


def test_an_existing_store_can_be_read(trained: int, read_only: ReadOnly) -> None:
    read_only(home())
    with closing(Store(home())) as store:
        assert store.read_only
        assert str(home()) in store.notice
        assert store.run(trained).state is RunState.FINISHED
        assert len(store.steps(trained)) == 10
        assert store.mark_interrupted() == []
        with pytest.raises(StoreError, match=r"Cannot write to .*Set S2S_HOME"):
            store.create_run(tiny_config())


def test_records_that_lie_in_the_log_are_read(trained: int, read_only: ReadOnly) -> None:
    """The program was killed: its last records are in the write-ahead log."""
    with closing(Store(home())) as store:
        store._writer.execute("PRAGMA wal_autocheckpoint = 0")
        store.rename_run(trained, "in the log")
        names = ("store.sqlite", "store.sqlite-wal", "store.sqlite-shm")
        kept = {name: (home() / name).read_bytes() for name in names}
    for name, content in kept.items():
        (home() / name).write_bytes(content)
    read_only(home())
    with closing(Store(home())) as store:
        assert store.run(trained).name == "in the log"


def test_the_command_line(
    trained: int, read_only: ReadOnly, capsys: pytest.CaptureFixture[str]
) -> None:
    read_only(home())
    assert main(["runs"]) == 0
    assert "kept" in capsys.readouterr().out
    assert main(["export", "--format=json"]) == 0
    assert f'"run_id": {trained}' in capsys.readouterr().out
    assert main(["train", "--corpus=tiny", "--iterations=1", "--device=cpu"]) == 1
    error = capsys.readouterr().err
    assert f"{home()}" in error
    assert error.count("\n") == 1


def test_an_empty_folder(read_only: ReadOnly, capsys: pytest.CaptureFixture[str]) -> None:
    home().mkdir()
    read_only(home())
    with pytest.raises(UserError, match=r"Cannot write to .*Set S2S_HOME"):
        Store(home())
    assert main(["runs"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    monkeypatch.setattr(state, "_scheduler", None)
    return lambda: AppTest.from_file(DASHBOARD, default_timeout=60).run()


def test_the_dashboard_shows_what_is_there(
    trained: int, read_only: ReadOnly, dashboard: Callable[[], AppTest]
) -> None:
    read_only(home())
    app = dashboard()
    assert not app.exception
    assert not app.error
    assert escape(get_store().notice) in app.warning[0].value
    assert app.selectbox(key="shown_run").options[1].startswith(f"{trained} · kept")
    get_store().close()


def test_the_dashboard_on_what_a_killed_program_left(
    trained: int, read_only: ReadOnly, dashboard: Callable[[], AppTest]
) -> None:
    """With the log and its index beside the store SQLite itself would begin to write."""
    store = Store(home())
    store.rename_run(trained, "in the log")
    read_only(home())
    app = dashboard()
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="shown_run").options[1].startswith(f"{trained} · in the log")
    assert get_store().read_only
    get_store().close()
    store.close()


def test_the_dashboard_with_an_empty_folder(
    read_only: ReadOnly, dashboard: Callable[[], AppTest]
) -> None:
    home().mkdir()
    read_only(home())
    app = dashboard()
    assert not app.exception
    assert [error.value.count("Cannot write to") for error in app.error] == [1]


def test_a_read_only_store_of_another_version(trained: int, read_only: ReadOnly) -> None:
    assert trained
    with closing(sqlite3.connect(home() / "store.sqlite")) as database:
        database.execute("PRAGMA user_version = 2")
    read_only(home())
    with pytest.raises(UserError, match="written by another version of s2s"):
        Store(home())
