"""A stranger's way through the dashboard, by clicking in a real browser."""

import time

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.pictures import Pictures
from tests.browser.serving import WAIT_MS

pytestmark = pytest.mark.browser

STOP_SECONDS = 2.0
"""Promised to the user: Stop is seen to have worked within this time."""


def loss_chart(page: Page) -> Locator:
    chart = page.locator(".s2s-chart").first
    chart.locator(".plot-container").wait_for()
    return chart


def last_iteration(chart: Locator) -> float:
    return chart.evaluate("node => Math.max(...node.data.flatMap(line => line.x))")


def wait_beyond(chart: Locator, iteration: float) -> None:
    chart.page.wait_for_function(
        "([node, iteration]) => Math.max(...node.data.flatMap(line => line.x)) > iteration",
        arg=[chart.element_handle(), iteration],
    )


def zoom(chart: Locator) -> list[float]:
    """Drags a window into the plot; returns the x axis's range after it."""
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box
    mouse = chart.page.mouse
    mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    mouse.up()
    chart.page.wait_for_function(
        "() => document.querySelector('.s2s-chart').layout.xaxis.autorange === false"
    )
    return x_range(chart)


def x_range(chart: Locator) -> list[float]:
    return chart.evaluate("node => node.layout.xaxis.range.map(Number)")


def test_one_click_trains_the_starter_corpus(page: Page) -> None:
    page.get_by_role("button", name="Start a one-minute try").click()
    wait_beyond(loss_chart(page), 3)
    expect(page.get_by_test_id("stMetric").filter(has_text="Samples per second")).to_be_visible()


def test_the_articles_pair_is_compared_and_translates(page: Page, pictures: Pictures) -> None:
    page.get_by_role("button", name="Train the article's pair").click()
    wait_beyond(loss_chart(page), 3)
    pictures.wait(
        page,
        "() => { const chart = document.querySelector('.s2s-chart');"
        " return chart?.ariaLabel?.includes('batch 32') &&"
        " Math.max(...chart.data.flatMap(line => line.x)) > 600 }",
    )
    pictures.take(page, "train", height=1010)
    pictures.wait(page, "() => document.body.innerText.includes('Nothing is training')")
    page.get_by_role("link", name="Compare").first.click()
    page.get_by_role("heading", name="Compare", exact=True).wait_for()
    wait_beyond(loss_chart(page), 3)
    pictures.take(page, "compare", height=1100)
    page.get_by_role("link", name="Translate").first.click()
    page.get_by_role("heading", name="Translate", exact=True).wait_for()
    page.get_by_role("button", name="Translate", exact=True).click()
    page.get_by_text("Greedy decoding on the processor").wait_for()
    cells = page.locator("[role=gridcell]")
    cells.first.wait_for(state="attached")
    run, translation, *_ = cells.all_text_contents()
    assert run in ("1 · starter · batch 2", "2 · starter · batch 32")
    assert translation
    pictures.take(page, "translate", height=820)


def test_train_watch_reload_stop_translate(page: Page, server: str) -> None:
    page.locator("summary", has_text="New run").click()
    iterations = page.get_by_label("Iterations", exact=True)
    iterations.fill("1000000")
    iterations.press("Enter")
    page.get_by_role("button", name="Start 2 runs").click()

    chart = loss_chart(page)
    wait_beyond(chart, 3)
    chart.evaluate("node => { node.markedByTest = true }")
    zoomed, seen = zoom(chart), last_iteration(chart)
    wait_beyond(chart, seen)
    assert chart.evaluate("node => node.markedByTest"), "the chart's DOM node was replaced"
    assert x_range(chart) == pytest.approx(zoomed), "the zoom was lost"

    below = page.locator(".s2s-chart").nth(1)
    drawn = last_iteration(below)  # and not again while it is out of sight
    below.scroll_into_view_if_needed()
    wait_beyond(below, drawn)

    seen = last_iteration(chart)
    page.reload()
    wait_beyond(loss_chart(page), seen)

    second_tab = page.context.new_page()
    second_tab.goto(server)
    wait_beyond(loss_chart(second_tab), seen)
    expect(second_tab.locator(".st-key-stop_1")).to_be_visible()

    stop = page.locator(".st-key-stop_1").get_by_role("button").first
    page.bring_to_front()  # a browser draws the tab in the background once a second only
    stop.hover()
    clicked = time.monotonic()
    stop.click()
    page.locator(".st-key-stop_1").wait_for(state="detached")
    assert time.monotonic() - clicked < STOP_SECONDS
    expect(second_tab.locator(".st-key-stop_1")).not_to_be_visible()

    page.locator(".st-key-stop_2").get_by_role("button").first.click()
    page.locator(".st-key-stop_2").wait_for(state="detached")
    page.get_by_text("stopped", exact=False).first.wait_for()

    page.get_by_role("link", name="Translate").first.click()
    page.get_by_role("heading", name="Translate", exact=True).wait_for()
    page.get_by_role("textbox", name="Sentences, one a line").fill("Je suis très fatigué.")
    page.get_by_role("button", name="Translate", exact=True).click()
    page.get_by_test_id("stText").get_by_text("Je suis très fatigué.", exact=True).wait_for()
    cells = page.locator("[role=gridcell]")
    cells.first.wait_for(state="attached")
    run, translation, *_ = cells.all_text_contents()
    assert run == "2 · starter · batch 32"
    assert len(translation.split()) >= 1


def test_a_link_to_a_page_goes_through_the_dashboard(browser: Browser, server: str) -> None:
    """The server's first visitor comes by a link, which keeps what it says of the view."""
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{server}/compare?axis=samples")
    page.get_by_text("Nothing is training").wait_for()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    assert page.url.endswith("/compare?axis=samples")
    page.close()
