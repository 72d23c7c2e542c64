"""A view of the Compare page as a link that another browser opens."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from s2s.config import TrainConfig
from s2s.store import Store
from tests.browser.actions import select, settle, wait_for_chart, wait_for_data, widget
from tests.browser.serving import WAIT_MS
from tests.plausible import add_ended_run

pytestmark = pytest.mark.browser

BASELINE = "3 · starter · batch 32"


@pytest.fixture
def server(tmp_path: Path, server: str) -> str:
    """With two batch sizes in its store, the larger one twice."""
    with closing(Store(tmp_path / "home")) as store:
        for config in ({"batch_size": 2}, {"batch_size": 32}, {"batch_size": 32, "seed": 1}):
            add_ended_run(store, TrainConfig(**config), count=200)
    return server


@pytest.fixture
def contexts(browser: Browser) -> Iterator[list[BrowserContext]]:
    """Two browser profiles that share nothing."""
    contexts = [browser.new_context(viewport={"width": 1400, "height": 1000}) for _ in range(2)]
    for context in contexts:
        context.set_default_timeout(WAIT_MS)
    yield contexts
    for context in contexts:
        context.close()


def view(page: Page) -> dict[str, object]:
    """Return what can be seen of the view: the loss chart, the baseline, the pressed options."""
    settle(page)
    drawn = wait_for_chart(page).evaluate(
        "node => ({ names: node.data.map(line => line.name), x: node.data.map(line => line.x),"
        " y: node.data.map(line => line.y), axis: node.layout.xaxis.title.text,"
        " kinds: [node.layout.xaxis.type, node.layout.yaxis.type] })"
    )
    return {
        **drawn,
        "runs": widget(page, "compared").inner_text(),
        "baseline": widget(page, "baseline").locator("input").input_value(),
        "pressed": page.locator("[aria-checked=true]").all_inner_texts(),
    }


def test_a_link_shows_the_same_view_in_another_browser(
    contexts: list[BrowserContext], server: str
) -> None:
    first, second = (context.new_page() for context in contexts)
    first.goto(f"{server}/compare")
    chart = wait_for_chart(first)
    initial = view(first)
    for key, option in (("axis", "samples"), ("repeats", "each run"), ("log_x", "Log x")):
        widget(first, key).get_by_text(option, exact=True).click()
        settle(first)
    wait_for_data(chart, "node.layout.xaxis.type === 'log' && node.data.length === 6")
    select(first, "baseline", BASELINE)
    first.wait_for_url("**baseline=3**")
    first.get_by_role("button", name="Remove 2 · starter · batch 32").click()
    wait_for_data(chart, "node.data.length === 4")

    shared = view(first)
    assert shared != initial
    assert shared["baseline"] == BASELINE
    second.goto(first.url)
    wait_for_data(wait_for_chart(second), "node.layout.xaxis.title.text === value", shared["axis"])
    expect(widget(second, "baseline").locator("input")).to_have_value(BASELINE)
    assert view(second) == shared
