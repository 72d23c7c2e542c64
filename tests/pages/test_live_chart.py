"""The chart's library is copied to where the browser may fetch it, or charts do without."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import chart as live_chart
from pages.shared import state as shared
from s2s.config import TrainConfig
from tests.plausible import ended

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"


@pytest.fixture(autouse=True)
def _copied_anew() -> Iterator[None]:
    live_chart.provide_plotly.cache_clear()
    yield
    live_chart.provide_plotly.cache_clear()


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "static").touch()  # root may write anywhere, but not below a file
    monkeypatch.setattr(live_chart, "_PLOTLY", tmp_path / "static" / "plotly.min.js")


def test_plotly_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "static" / "plotly.min.js"
    monkeypatch.setattr(live_chart, "_PLOTLY", target)
    assert live_chart.provide_plotly() == ""
    assert "plotly.js" in target.read_text(encoding="utf-8")[:200]
    copied_at = target.stat().st_mtime_ns
    live_chart.provide_plotly.cache_clear()
    assert live_chart.provide_plotly() == ""
    assert target.stat().st_mtime_ns == copied_at


def test_a_half_written_copy_is_made_anew_and_nothing_is_left_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "static" / "plotly.min.js"
    monkeypatch.setattr(live_chart, "_PLOTLY", target)
    live_chart.provide_plotly()
    whole = target.read_bytes()
    target.write_bytes(whole[:1000])
    live_chart.provide_plotly.cache_clear()
    assert live_chart.provide_plotly() == ""
    assert target.read_bytes() == whole

    def full(_: str, beside: Path) -> None:
        beside.write_bytes(whole[:1000])
        raise OSError(28, "No space left on device")

    target.unlink()
    monkeypatch.setattr(shutil, "copyfile", full)
    live_chart.provide_plotly.cache_clear()
    assert "No space left on device" in live_chart.provide_plotly()
    assert list(target.parent.iterdir()) == []


@pytest.mark.usefixtures("read_only")
def test_a_read_only_checkout_gets_a_sentence_and_charts_all_the_same() -> None:
    ended(shared.store(), TrainConfig())
    app = AppTest.from_file(DASHBOARD, default_timeout=60).run()
    assert not app.exception, app.exception
    assert "make that folder writable" in app.warning[0].value
    assert len(app.get("plotly_chart")) == 4


def test_a_chart_is_drawn_with_its_text(open_page: Callable[[str], AppTest]) -> None:
    ended(shared.store(), TrainConfig())
    drawn = open_page("train").get("bidi_component")[0]
    assert '"text": "Loss per token against iterations.' in drawn.proto.json
