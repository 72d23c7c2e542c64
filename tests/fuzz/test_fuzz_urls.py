"""Any query parameters of any page: the page opens without an error."""

import shutil
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.state import get_scheduler, get_store
from tests.fuzz.sandbox import sandbox
from tests.fuzz.strategies import fuzz, hostile_text

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
PAGES = ("train", "sweep", "replay", "compare", "advisor", "translate", "corpora", "system")
NAMES = (
    "run", "baseline", "axis", "scale", "repeats", "smoothing", "log_x", "log", "validation", "tag",
    "archived", "sweep", "sweep_equal", "sweep_unit", "sweep_time_of", "anatomy", "corpus",
    "nonsense",
)  # fmt: skip
value = st.one_of(
    st.sampled_from(
        ("0", "1", "2", "-1", "9" * 40, "²", "٣", "1,1", "true", "0.5", "nan", "x", "")
    ),
    st.sampled_from(("iterations", "samples", "seconds", "per token", "per sentence", "range")),
    hostile_text.map(lambda each: each.encode(errors="replace").decode()),
)


@pytest.mark.usefixtures("own_dashboard")
@fuzz(4)
@given(
    st.sampled_from(PAGES),
    st.dictionaries(
        st.sampled_from(NAMES), st.lists(value, min_size=1, max_size=3), min_size=1, max_size=4
    ),
)
@example("compare", {"run": ["²", "9" * 5000, "1"], "baseline": ["9" * 5000], "axis": ["x"]})
@example("compare", {"smoothing": ["nan"], "log": ["maybe"], "tag": ["a\nb", "tag"], "scale": [""]})
@example("sweep", {"sweep": ["²"], "sweep_equal": ["iterations"], "sweep_unit": [""]})
@example("advisor", {"sweep": ["9" * 5000]})
@example("corpora", {"corpus": ["../x"]})
def test_query_parameters(
    tmp_path: Path, home_with_runs: Path, page: str, parameters: dict[str, list[str]]
) -> None:
    with sandbox(tmp_path) as here:
        shutil.copytree(home_with_runs, here / "home")
        try:
            app = AppTest.from_file(DASHBOARD, default_timeout=50)
            for name, values in parameters.items():
                app.query_params[name] = values
            app.switch_page(f"pages/{page}/{page}.py").run()
            assert not app.exception, [each.value for each in app.exception]
            assert not [each.value for each in app.error if "of the page failed" in each.value]
            assert app.title
        finally:
            get_scheduler().close()
            get_store().close()
            state._scheduler = None
