"""A read-only folder, which not even root can write to."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from s2s.cli.main import main
from s2s.errors import UserError
from s2s.paths import home
from s2s.records import RunState
from s2s.store import Store
from s2s.store.errors import StoreError
from tests.tiny import tiny_config

ReadOnly = Callable[[Path], Path]
OpenPage = Callable[..., AppTest]


@pytest.mark.usefixtures("trained_home")
def test_an_existing_store_can_be_read(
    read_only: ReadOnly, open_page: OpenPage, capsys: pytest.CaptureFixture[str]
) -> None:
    read_only(home())
    with closing(Store(home())) as store:
        assert store.read_only
        assert str(home()) in store.notice
        assert store.run(1).state is RunState.FINISHED
        assert len(store.steps(1)) == 10
        assert store.mark_interrupted() == []
        with pytest.raises(StoreError):
            store.create_run(tiny_config())
    assert main(["runs"]) == 0
    assert main(["export", "--format=json"]) == 0
    assert '"run_id": 1' in capsys.readouterr().out
    assert main(["train", "--corpus=tiny", "--iterations=1", "--device=cpu"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    app = open_page("train")
    assert not app.error
    assert len(app.warning) == 1
    assert app.selectbox(key="shown_run").options[1].startswith("1 · ")


@pytest.mark.usefixtures("trained_home")
def test_records_in_the_write_ahead_log_are_read(read_only: ReadOnly, open_page: OpenPage) -> None:
    """A killed program leaves records there, and SQLite would write in order to read them."""
    with closing(Store(home())) as store:
        store._writer.execute("PRAGMA wal_autocheckpoint = 0")
        store.rename_run(1, "in the log")
        contents = {path: path.read_bytes() for path in home().glob("store.sqlite*")}
    for path, content in contents.items():
        path.write_bytes(content)
    read_only(home())
    with closing(Store(home())) as store:
        assert store.run(1).name == "in the log"
    app = open_page("train")
    assert app.selectbox(key="shown_run").options[1].startswith("1 · in the log")


def test_an_empty_read_only_folder(
    read_only: ReadOnly, open_page: OpenPage, capsys: pytest.CaptureFixture[str]
) -> None:
    home().mkdir()
    read_only(home())
    with pytest.raises(UserError):
        Store(home())
    assert main(["runs"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    app = open_page("train")
    assert len(app.error) == 1
