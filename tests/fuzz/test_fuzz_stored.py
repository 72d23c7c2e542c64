"""Any JSON in the store, as if written by a later version or damaged by the disk."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from s2s.analysis.advice.gradient_noise import RunNoise
from s2s.records import SweepState
from s2s.runs.export import run_to_json
from s2s.store import Store
from s2s.store.sweeps import read_sweep, read_sweeps
from s2s.text.listing import format_run
from s2s.text.run import describe_state
from tests.fuzz.sandbox import check_message, may_reject, sandbox
from tests.fuzz.small import config
from tests.fuzz.strategies import fuzz, hostile_text, mutated_json

COLUMNS = (
    "runs.config", "runs.environment", "runs.summary", "runs.machine_before", "runs.machine_after",
    "runs.tags", "sweeps.config", "evaluations.translations", "gradient_noise.noise",
)  # fmt: skip


def write(home: Path, column: str, value: str) -> None:
    table, name = column.split(".")
    key = "id" if table in ("runs", "sweeps") else "run_id"
    with closing(sqlite3.connect(home / "store.sqlite", isolation_level=None)) as database:
        database.execute("INSERT OR IGNORE INTO gradient_noise VALUES (1, '{}')")
        database.execute(f"UPDATE {table} SET {name} = ? WHERE {key} = 1", (value,))


def read(home: Path, column: str) -> object:
    table, name = column.split(".")
    with closing(sqlite3.connect(home / "store.sqlite")) as database:
        row = database.execute(f"SELECT {name} FROM {table} LIMIT 1").fetchone()
    return json.loads(row[0]) if row and row[0] else {}


def check_listings(home: Path) -> None:
    """List and format all runs and sweeps; run 2 is always among them."""
    with closing(Store(home)) as store:
        runs = store.runs(archived=True) + store.runs()
        assert 2 in [run.id for run in runs]
        for problem in store.unreadable["runs"]:
            check_message(problem, "Run 1 cannot be read (")
        for run in runs:
            for text in (format_run(run), describe_state(run), json.dumps(run_to_json(run))):
                text.encode(errors="backslashreplace")
            assert all(evaluation.iteration >= 0 for evaluation in store.evaluations(run.id))
        assert all(sweep.state in list(SweepState) for sweep in read_sweeps(store))
        for read_one in (lambda: store.run(1), lambda: read_sweep(store, 1)):
            with may_reject():
                read_one()
        assert all(isinstance(each, RunNoise) for each in store.gradient_noise([1, 2]))


@fuzz(20)
@given(data=st.data(), column=st.sampled_from(COLUMNS))
def test_any_value_of_a_column(
    tmp_path: Path, home_with_runs: Path, data: st.DataObject, column: str
) -> None:
    if data.draw(st.integers(0, 5)):
        value = json.dumps(data.draw(mutated_json(read(home_with_runs, column))))
    else:
        value = data.draw(hostile_text).encode(errors="replace").decode()
    with sandbox(tmp_path) as here:
        shutil.copytree(home_with_runs, here / "home")
        write(here / "home", column, value)
        check_listings(here / "home")


def test_pages_open_beside_an_unreadable_run(
    tmp_path: Path, home_with_runs: Path, open_page: Callable[..., AppTest]
) -> None:
    shutil.copytree(home_with_runs, tmp_path / "home")
    later = json.dumps({**config().to_json(), "engine": "quantum"})
    write(tmp_path / "home", "runs.config", later)
    for page in ("train", "compare"):
        assert "Run 1 cannot be read" in open_page(page).warning[0].value
