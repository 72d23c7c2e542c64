"""JSON in the store as another version, or nobody, would write it: the rest goes on."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.chart import copy_plotly
from pages.shared.state import get_scheduler, get_store
from s2s.analysis.advice.gradient_noise import RunNoise
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.records import SweepState
from s2s.runs.execute import execute
from s2s.runs.export import run_json
from s2s.store import Store
from s2s.store.sweeps import read_sweep, read_sweeps
from s2s.sweeps.plan import create_sweep
from s2s.text.listing import run_line
from s2s.text.run import describe_state
from tests.fuzz.fence import check_sentence, fenced
from tests.fuzz.small import config, home_made_in
from tests.fuzz.strategies import fuzzed, hostile_text, mutated_json

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
COLUMNS = (
    "runs.config", "runs.environment", "runs.summary", "runs.machine_before", "runs.machine_after",
    "runs.tags", "sweeps.config", "evaluations.translations", "gradient_noise.noise",
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two runs of two steps and a sweep."""
    with home_made_in(tmp_path_factory.mktemp("prepared")) as home, closing(Store(home)) as store:
        for size in (2, 3):
            execute(store, store.create_run(config(batch_size=size)), Event())
        store.describe_run(1, "", ["tag"])
        create_sweep(store, SweepConfig(base=config(), batch_sizes=(2, 3), amount=30))
    return home


def look(home: Path) -> None:
    """Everything that lists or shows runs and sweeps; the other run is always among them."""
    with closing(Store(home)) as store:
        runs = store.runs()
        assert 2 in [run.id for run in runs]
        assert len(runs) + len(store.unreadable["runs"]) == 2
        for problem in store.unreadable["runs"]:
            check_sentence(problem, "Run 1 cannot be read (")
        for run in runs:
            for told in (run_line(run), describe_state(run), json.dumps(run_json(run))):
                told.encode(errors="backslashreplace")
            for each in store.evaluations(run.id):
                assert each.iteration >= 0
        for sweep in read_sweeps(store):
            assert sweep.state in list(SweepState)
        for read in (lambda: store.run(1), lambda: read_sweep(store, 1)):
            try:
                read()
            except UserError as error:
                check_sentence(str(error))
        assert all(isinstance(each, RunNoise) for each in store.gradient_noise([1, 2]))


def written(home: Path, column: str, value: str) -> None:
    """Into the first row of its table."""
    table, name = column.split(".")
    key = "run_id" if table in ("evaluations", "gradient_noise") else "id"
    with closing(sqlite3.connect(home / "store.sqlite", isolation_level=None)) as database:
        database.execute(f"UPDATE {table} SET {name} = ? WHERE {key} = 1", (value,))
        if table == "gradient_noise":
            database.execute("INSERT OR REPLACE INTO gradient_noise VALUES (1, ?)", (value,))


def read_back(home: Path, column: str) -> object:
    table, name = column.split(".")
    with closing(sqlite3.connect(home / "store.sqlite")) as database:
        row = database.execute(f"SELECT {name} FROM {table} LIMIT 1").fetchone()
    return json.loads(row[0]) if row and row[0] else {}


@fuzzed(60)
@given(data=st.data(), column=st.sampled_from(COLUMNS))
def test_columns(tmp_path: Path, prepared: Path, data: st.DataObject, column: str) -> None:
    if data.draw(st.integers(0, 5)):
        value = json.dumps(data.draw(mutated_json(read_back(prepared, column))))
    else:
        value = data.draw(hostile_text).encode(errors="replace").decode()
    with fenced(tmp_path) as here:
        shutil.copytree(prepared, here / "home")
        written(here / "home", column, value)
        look(here / "home")


@pytest.mark.parametrize("column", COLUMNS[:6])
def test_names_of_a_later_version_are_no_matter(
    tmp_path: Path, prepared: Path, column: str
) -> None:
    value = read_back(prepared, column)
    if isinstance(value, dict):
        value = {**value, "of_a_later_version": [1, {"x": None}]}
    shutil.copytree(prepared, tmp_path / "home")
    written(tmp_path / "home", column, json.dumps(value))
    with closing(Store(tmp_path / "home")) as store:
        assert [run.id for run in store.runs()] == [2, 1]


def test_every_page_opens_beside_a_run_of_a_later_version(
    tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_plotly()
    monkeypatch.setattr(state, "_scheduler", None)
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "home"))
    shutil.copytree(prepared, tmp_path / "home")
    later = json.dumps({**config().to_json(), "engine": "quantum"})
    written(tmp_path / "home", "runs.config", later)
    try:
        for page in ("train", "compare", "sweep", "translate"):
            app = AppTest.from_file(DASHBOARD, default_timeout=50)
            app.switch_page(f"pages/{page}/{page}.py").run()
            assert not app.exception
            assert "Run 1 cannot be read" in app.warning[0].value
    finally:
        get_scheduler().close()
        get_store().close()
        monkeypatch.setattr(state, "_scheduler", None)
