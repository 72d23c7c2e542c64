"""Every figure in a browser, on a narrow page: no text is cut off or covered."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import combinations

import pytest
from playwright.sync_api import Browser, Page

from s2s.analysis.sweep.throughput import fit_speed_curve
from s2s.charts.sweep import plot_speed_curves
from tests.charts.examples import examples

pytestmark = pytest.mark.browser

EXAMPLES = examples()
WIDTH, HALF_WIDTH = 620, 300
"""Width of a chart, and of each of two side by side, on a page of 700 pixels."""
IN_COLUMNS = ("plot_throughput", "plot_readings", "plot_bars")
WIDTHS = [(name, WIDTH) for name in EXAMPLES] + [(name, HALF_WIDTH) for name in IN_COLUMNS]

_DRAW = """async ([figure, width]) => {
    const node = document.body.appendChild(document.createElement("div"));
    node.style.width = width + "px";
    await Plotly.newPlot(node, figure.data, figure.layout, { displayModeBar: false });
    const box = each => { const { left, right, top, bottom } = each.getBoundingClientRect();
        return { text: each.textContent, left, right, top, bottom }; };
    const boxes = selector =>
        [...node.querySelectorAll(selector)].map(box).filter(each => each.text);
    const found = { whole: box(node), texts: boxes("text"), ticks: {
        x: boxes(".xtick text"), y: boxes(".ytick text"), y2: boxes(".y2tick text") },
        titles: boxes(".g-gtitle text, .g-xtitle text, .g-ytitle text, .g-y2title text") };
    node.remove();
    return found;
}"""


def find_overlaps(boxes: list[dict[str, float]]) -> list[tuple[object, object]]:
    return [
        (one, other)
        for one, other in combinations(boxes, 2)
        if one["left"] < other["right"] and other["left"] < one["right"]
        and one["top"] < other["bottom"] and other["top"] < one["bottom"]
    ]  # fmt: skip


@pytest.fixture(scope="module")
def paper(browser: Browser) -> Iterator[Page]:
    """An empty page with Plotly loaded."""
    page = browser.new_page()
    page.add_script_tag(path=str(files("plotly").joinpath("package_data", "plotly.min.js")))
    yield page
    page.close()


@pytest.mark.parametrize(("name", "width"), WIDTHS)
def test_all_text_of_a_narrow_chart_is_visible(paper: Page, name: str, width: int) -> None:
    figure, _ = EXAMPLES[name]
    drawn = paper.evaluate(_DRAW, [figure, width])
    whole = drawn["whole"]
    assert len(drawn["texts"]) > 5
    for text in drawn["texts"]:
        assert whole["left"] - 1 <= text["left"] <= text["right"] <= whole["right"] + 1, text
        assert whole["top"] - 1 <= text["top"] <= text["bottom"] <= whole["bottom"] + 1, text
    assert all(tick["bottom"] - tick["top"] < 22 for tick in drawn["ticks"]["x"]), "turned"
    for beside in (*drawn["ticks"].values(), drawn["titles"]):
        assert find_overlaps(beside) == []


@pytest.mark.parametrize("sizes", [range(1, 31), [2**power for power in range(11)], [16, 17, 18]])
def test_the_ticks_of_many_sizes_stay_apart(paper: Page, sizes: Sequence[int]) -> None:
    figure = plot_speed_curves([fit_speed_curve("fused", {size: [100.0 * size] for size in sizes})])
    ticks = paper.evaluate(_DRAW, [figure, WIDTH])["ticks"]["x"]
    assert len(ticks) > 2
    assert find_overlaps(ticks) == []
