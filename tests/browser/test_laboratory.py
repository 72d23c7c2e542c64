"""A sweep by clicking, and what the advisor makes of one, in a real browser."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from s2s.store.runs import Store
from tests import studies
from tests.browser.pictures import Pictures
from tests.browser.serving import WAIT_MS

pytestmark = pytest.mark.browser

_MEASURED = "node.data.filter(trace => trace.mode === 'markers')"


def speed_chart(page: Page) -> Locator:
    chart = page.get_by_role("img", name=re.compile("^Samples per second against the batch size"))
    chart.locator(".plot-container").wait_for()
    return chart


def measured(chart: Locator) -> tuple[list[int], list[int]]:
    """The batch sizes that have a point, and of how many runs each is."""
    sizes, runs = chart.evaluate(f"node => {_MEASURED}.map(each => [each.x, each.customdata])[0]")
    return sizes, runs


def wait_for_runs(chart: Locator, count: int) -> None:
    chart.page.wait_for_function(
        f"([node, count]) => {_MEASURED}.flatMap(each => each.customdata)"
        ".reduce((sum, each) => sum + each, 0) >= count",
        arg=[chart.element_handle(), count],
        timeout=count * WAIT_MS,
    )


def fill(page: Page, label: str, value: int) -> None:
    box = page.get_by_role("spinbutton", name=label)
    box.fill(str(value))
    box.press("Enter")


def test_a_sweep_fills_its_chart_is_stopped_and_goes_on(page: Page, pictures: Pictures) -> None:
    page.get_by_role("link", name="Sweep").first.click()
    page.get_by_role("heading", name="Sweep", exact=True).wait_for()
    page.get_by_role("button", name="Remove 8", exact=True).click()
    page.get_by_role("button", name="Start 9 runs").wait_for()
    fill(page, "Samples each", 1000)
    fill(page, "Repeats", 2)
    page.get_by_role("button", name="Start 6 runs").click()

    chart = speed_chart(page)
    wait_for_runs(chart, 1)  # at 128, whose turn is first by the seed; that at 2 takes longest
    chart.evaluate("node => { node.markedByTest = true }")
    page.get_by_role("button", name="Stop").click()
    go_on = page.get_by_role("button", name="Go on")
    go_on.wait_for()
    some, _ = measured(speed_chart(page))
    assert 1 <= len(some) < 3
    assert set(some) < {2, 32, 128}

    go_on.click()
    wait_for_runs(chart, len(some) + 1)
    assert chart.evaluate("node => node.markedByTest"), "the chart's DOM node was replaced"
    wait_for_runs(chart, 6)
    assert measured(chart) == ([2, 32, 128], [2, 2, 2])
    expect(chart).to_have_accessible_name(re.compile("batch 2: .*, batch 32: .*, batch 128: "))
    expect(go_on).to_have_count(0)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    pictures.take(page, "sweep", height=1030)


def test_the_advisor_names_the_sizes_of_the_law_behind_a_sweep(
    page: Page, tmp_path: Path, pictures: Pictures
) -> None:
    with closing(Store(tmp_path / "home")) as store:
        studies.written(store)
    page.get_by_role("link", name="Advisor").first.click()
    page.get_by_role("heading", name="Advisor", exact=True).wait_for()
    target = page.get_by_role("spinbutton", name="Target")
    target.fill("3")
    target.press("Enter")
    # By 100 * (1 + 32 / B) steps of 10 + 0.5 * B ms: 7 s at 8, 5.4 s at 16, 5.2 s at 32, 6.3 s at
    # 64, and 28.3 s at 512, which is 5.4 times the least.
    paragraph = page.get_by_text("Anything from 16 to 32 is right on this machine")
    expect(paragraph).to_contain_text("32 reaches a validation loss of 3 per token in about 5.2 s")
    expect(paragraph).to_contain_text("5.4 times sooner than 512")
    expect(paragraph).to_contain_text("critical batch size, above which more samples a step")
    times = page.get_by_role("img", name="Predicted training time to the target")
    expect(times).to_have_accessible_name(re.compile("batch 16: .*, good; batch 32: .*, good; "))
    expect(page.get_by_role("button", name="Confirm with one more run at 32")).to_be_enabled()
    times.locator(".plot-container").wait_for()
    pictures.take(page, "advisor", height=910)
