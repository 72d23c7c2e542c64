"""A view of Compare as a link that another browser opens."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from s2s.config import TrainConfig
from s2s.store.runs import Store
from tests.browser.serving import WAIT_MS
from tests.plausible import ended

pytestmark = pytest.mark.browser


@pytest.fixture
def server(tmp_path: Path, server: str) -> str:
    """With two batch sizes, the larger one twice, in its store."""
    with closing(Store(tmp_path / "home")) as store:
        for choices in ({"batch_size": 2}, {"batch_size": 32}, {"batch_size": 32, "seed": 1}):
            ended(store, TrainConfig(**choices), count=200)
    return server


@pytest.fixture
def contexts(browser: Browser) -> Iterator[list[BrowserContext]]:
    """Two browsers that know nothing of each other."""
    made = [browser.new_context(viewport={"width": 1400, "height": 1000}) for _ in range(2)]
    for context in made:
        context.set_default_timeout(WAIT_MS)
    yield made
    for context in made:
        context.close()


def loss_chart(page: Page) -> Locator:
    chart = page.locator(".s2s-chart").first
    chart.locator(".plot-container").wait_for()
    return chart


def wait_for_axis(chart: Locator, title: str) -> None:
    chart.page.wait_for_function(
        "([node, title]) => node.layout.xaxis.title.text === title",
        arg=[chart.element_handle(), title],
    )


def choose_baseline(page: Page, label: str) -> None:
    box = page.locator(".st-key-baseline")
    box.scroll_into_view_if_needed()
    box.evaluate(  # the event of a scroll closes an open list, and comes a frame later
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    box.get_by_role("button").click()
    page.get_by_role("option", name=label).click()


def view(page: Page) -> dict[str, object]:
    """What is seen of the view: what the loss chart draws, the baseline, what is pressed."""
    drawn = loss_chart(page).evaluate(
        "node => ({ names: node.data.map(line => line.name), x: node.data.map(line => line.x),"
        " y: node.data.map(line => line.y), axis: node.layout.xaxis.title.text,"
        " kinds: [node.layout.xaxis.type, node.layout.yaxis.type] })"
    )
    return {
        **drawn,
        "runs": page.locator(".st-key-compared").inner_text(),
        "baseline": page.locator(".st-key-baseline input").input_value(),
        "pressed": page.locator("[aria-checked=true]").all_inner_texts(),
    }


def test_a_link_shows_the_same_view_in_a_fresh_browser(
    contexts: list[BrowserContext], server: str
) -> None:
    first, second = (context.new_page() for context in contexts)
    first.goto(f"{server}/compare")
    chart = loss_chart(first)
    at_first = view(first)
    first.locator(".st-key-axis").get_by_text("samples", exact=True).click()
    wait_for_axis(chart, "Samples (sentences seen)")
    first.locator(".st-key-repeats").get_by_text("each run", exact=True).click()
    first.locator(".st-key-log_x").get_by_text("Log x").click()
    first.wait_for_function(
        "node => node.layout.xaxis.type === 'log' && node.data.length === 6",
        arg=chart.element_handle(),
    )
    choose_baseline(first, "3 · starter · batch 32")
    first.wait_for_url("**baseline=3**")
    first.get_by_role("button", name="Remove 2 · starter · batch 32").click()
    first.wait_for_function("node => node.data.length === 4", arg=chart.element_handle())

    seen = view(first)
    assert seen != at_first
    assert seen["baseline"] == "3 · starter · batch 32"
    second.goto(first.url)
    wait_for_axis(loss_chart(second), "Samples (sentences seen)")
    expect(second.locator(".st-key-baseline input")).to_have_value("3 · starter · batch 32")
    assert view(second) == seen
