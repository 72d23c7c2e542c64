"""A sweep by clicks, and the advice on a sweep, in a real browser."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from s2s.store import Store
from tests import studies
from tests.browser.actions import click, enter, go_to, wait_for_chart, wait_for_data, widget
from tests.browser.pictures import Pictures

pytestmark = pytest.mark.browser

MEASURED = "node.data.filter(trace => trace.mode === 'markers')"
RUN_COUNT = f"{MEASURED}.flatMap(each => each.customdata).reduce((sum, each) => sum + each, 0)"


def measured(chart: Locator) -> tuple[list[int], list[int]]:
    """Return the batch sizes that have a point, and the number of runs of each."""
    sizes, runs = chart.evaluate(f"node => {MEASURED}.map(each => [each.x, each.customdata])[0]")
    return sizes, runs


def test_a_sweep_draws_its_chart_and_is_stopped_and_continued(
    page: Page, pictures: Pictures
) -> None:
    go_to(page, "Sweep")
    page.get_by_role("button", name="Remove 8", exact=True).click()
    enter(page, "sweep_amount_samples", 1000)
    repeats = 2 if pictures.folder else 1
    enter(page, "sweep_repeats", repeats)
    expect(widget(page, "start_sweep")).to_contain_text(f"{3 * repeats} runs")
    click(page, "start_sweep")

    chart = wait_for_chart(page)
    wait_for_data(chart, f"{RUN_COUNT} > 0")  # at 128, the first by the seed; 2 takes longest
    chart.evaluate("node => { node.markedByTest = true }")
    click(page, "stop_sweep")
    widget(page, "continue_sweep").wait_for()
    sizes, counts = measured(wait_for_chart(page))
    assert 1 <= len(sizes) < 3
    assert set(sizes) < {2, 32, 128}

    click(page, "continue_sweep")
    wait_for_data(chart, f"{RUN_COUNT} > value", sum(counts))
    assert chart.evaluate("node => node.markedByTest"), "the chart's DOM node was replaced"
    pictures.wait(page, "() => !document.querySelector('.st-key-stop_sweep')")
    pictures.take(page, "sweep", height=1030)


def test_the_advisor_recommends_from_a_sweep(page: Page, home: Path, pictures: Pictures) -> None:
    with closing(Store(home)) as store:
        sweep_id = studies.save(store)
    go_to(page, "Advisor")
    enter(page, f"target_{sweep_id}", 3)
    # 100 * (1 + 32 / B) steps of 10 + 0.5 * B ms: 7 s at 8, 5.4 s at 16, 5.2 s at 32, 6.3 s at 64,
    # and 28.3 s at 512, which is 5.4 times the least.
    expect(page.get_by_role("heading", name="Batch size 16 to 32")).to_be_visible()
    expect(widget(page, "confirm_recommendation").locator("button").first).to_be_enabled()
    chart = wait_for_chart(page)
    expect(chart).to_have_accessible_name(re.compile("batch size 32: 5.2 s, "))
    pictures.take(page, "advisor", height=910)
