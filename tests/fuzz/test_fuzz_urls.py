"""Whatever an address asks of a page: the page opens, and says at most that it is not there."""

import shutil
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.chart import copy_plotly
from pages.shared.state import get_scheduler, get_store
from s2s.config import SweepConfig
from s2s.runs.execute import execute
from s2s.store import Store
from s2s.sweeps.plan import create_sweep
from tests.fuzz.fence import fenced
from tests.fuzz.small import config, home_made_in
from tests.fuzz.strategies import fuzzed, hostile_text

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
PAGES = ("train", "sweep", "replay", "compare", "advisor", "translate", "corpora", "system")
NAMES = (
    "run", "baseline", "axis", "scale", "repeats", "smoothing", "log_x", "log", "validation", "tag",
    "archived", "sweep", "sweep_equal", "sweep_unit", "sweep_time_of", "anatomy", "corpus",
    "nonsense",
)  # fmt: skip
asked_for = st.one_of(
    st.sampled_from(
        ("0", "1", "2", "-1", "9" * 40, "²", "٣", "1,1", "true", "0.5", "nan", "x", "")
    ),
    st.sampled_from(("iterations", "samples", "seconds", "a token", "a sentence", "range")),
    hostile_text.map(lambda each: each.encode(errors="replace").decode()),
)


@pytest.fixture(autouse=True)
def _own_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_scheduler", None)
    copy_plotly()  # the one file that belongs beside the program


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two runs of two steps, one of them tagged and one archived, and a sweep."""
    with home_made_in(tmp_path_factory.mktemp("prepared")) as home, closing(Store(home)) as store:
        for size in (2, 3):
            execute(store, store.create_run(config(batch_size=size)), Event())
        store.describe_run(1, "note", ["tag"])
        store.archive_run(2)
        create_sweep(store, SweepConfig(base=config(), batch_sizes=(2, 3), amount=30))
    return home


@fuzzed(12)
@given(
    page=st.sampled_from(PAGES),
    asked=st.dictionaries(
        st.sampled_from(NAMES), st.lists(asked_for, min_size=1, max_size=3), min_size=1, max_size=4
    ),
)
@example(
    page="compare", asked={"run": ["²", "9" * 5000, "1"], "baseline": ["9" * 5000], "axis": ["x"]}
)
@example(page="compare", asked={"smoothing": ["nan"], "log": ["maybe"], "tag": ["a\nb", "tag"]})
@example(page="sweep", asked={"sweep": ["²"], "sweep_equal": ["iterations"]})
@example(page="compare", asked={"axis": [""]})
@example(page="compare", asked={"scale": ["", "per token"], "repeats": [""], "smoothing": [""]})
@example(page="sweep", asked={"sweep_unit": [""], "sweep_time_of": [""], "sweep_equal": [""]})
@example(page="advisor", asked={"sweep": ["9" * 5000]})
@example(page="corpora", asked={"corpus": ["../x"]})
def test_query_parameters(
    tmp_path: Path, prepared: Path, page: str, asked: dict[str, list[str]]
) -> None:
    with fenced(tmp_path) as here:
        shutil.copytree(prepared, here / "home")
        try:
            app = AppTest.from_file(DASHBOARD, default_timeout=50)
            for name, values in asked.items():
                app.query_params[name] = values
            app.switch_page(f"pages/{page}/{page}.py").run()
            assert not app.exception, [each.value for each in app.exception]
            assert not [each.value for each in app.error if "of the page failed" in each.value]
            assert app.title
        finally:
            get_scheduler().close()
            get_store().close()
            state._scheduler = None
