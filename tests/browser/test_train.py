"""Training, watching, comparing and translating, by clicks in a real browser."""

from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from s2s.store import Store
from tests.browser.actions import click, enter, go_to, settle, wait_for_chart, wait_for_data, widget
from tests.browser.pictures import Pictures
from tests.browser.serving import WAIT_MS
from tests.tiny import wait_until

pytestmark = pytest.mark.browser

LAST_ITERATION = "Math.max(...node.data.flatMap(line => line.x))"


def last_iteration(chart: Locator) -> float:
    return chart.evaluate(f"node => {LAST_ITERATION}")


def wait_beyond(chart: Locator, iteration: float) -> None:
    wait_for_data(chart, f"{LAST_ITERATION} > value", iteration)


def x_range(chart: Locator) -> list[float]:
    return chart.evaluate("node => node.layout.xaxis.range.map(Number)")


def zoom(chart: Locator) -> list[float]:
    """Drag a window in the plot; return the range of the x axis after it."""
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box
    mouse = chart.page.mouse
    mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    mouse.up()
    wait_for_data(chart, "node.layout.xaxis.autorange === false")
    return x_range(chart)


def test_the_article_pair_is_trained_compared_and_translates(
    page: Page, pictures: Pictures
) -> None:
    click(page, "start_article_pair")
    wait_beyond(wait_for_chart(page), 3)
    pictures.wait(
        page,
        "() => { const chart = document.querySelector('.s2s-chart');"
        " return chart?.ariaLabel?.includes('batch 32') &&"
        " Math.max(...chart.data.flatMap(line => line.x)) > 600 }",
    )
    pictures.take(page, "train", height=1010)
    pictures.wait(page, "() => document.body.innerText.includes('Nothing is training')")
    go_to(page, "Compare")
    wait_beyond(wait_for_chart(page), 3)
    pictures.take(page, "compare", height=1100)
    go_to(page, "Translate")
    click(page, "translate")
    cells = page.locator("[role=gridcell]")
    cells.first.wait_for(state="attached")
    run, translation, *_ = cells.all_text_contents()
    assert run in ("1 · starter · batch 2", "2 · starter · batch 32")
    assert translation
    settle(page)
    pictures.take(page, "translate", height=820)


def test_a_chart_keeps_its_zoom_and_a_run_survives_reload_and_two_tabs(
    page: Page, server: str, home: Path
) -> None:
    with closing(Store(home)) as store:
        for run in store.unfinished_runs():
            store.request_stop(run.id)
        wait_until(lambda: not store.unfinished_runs())
    page.locator("summary", has_text="New run").click()
    enter(page, "form_iterations", 1_000_000)
    click(page, "start_runs")
    widget(page, "stop_3").wait_for()
    settle(page)

    chart = wait_for_chart(page)
    wait_beyond(chart, 3)
    chart.evaluate("node => { node.markedByTest = true }")
    zoomed, before = zoom(chart), last_iteration(chart)
    wait_beyond(chart, before)
    assert chart.evaluate("node => node.markedByTest"), "the chart's DOM node was replaced"
    assert x_range(chart) == pytest.approx(zoomed), "the zoom was lost"

    below = wait_for_chart(page, 1)  # drawn once, and again when it scrolls into view
    drawn = last_iteration(below)
    below.scroll_into_view_if_needed()
    wait_beyond(below, drawn)

    before = last_iteration(chart)
    page.reload()
    wait_beyond(wait_for_chart(page), before)
    second_tab = page.context.new_page()
    second_tab.goto(server)
    wait_beyond(wait_for_chart(second_tab), before)
    expect(widget(second_tab, "stop_3")).to_be_visible()

    page.bring_to_front()  # a browser rarely draws a tab in the background
    click(page, "stop_3")
    widget(page, "stop_3").wait_for(state="detached")
    expect(widget(second_tab, "stop_3")).to_have_count(0, timeout=WAIT_MS)
    click(page, "stop_4")
    widget(page, "stop_4").wait_for(state="detached")
    expect(page.get_by_test_id("stAlert").first).to_contain_text("Stopped", timeout=WAIT_MS)
