"""A view of the Compare page as a link that another browser opens."""

from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from s2s.config import TrainConfig
from s2s.store import Store
from tests.browser.actions import go_to, select, settle, wait_for_chart, wait_for_data, widget
from tests.browser.serving import WAIT_MS
from tests.plausible import add_ended_run

pytestmark = pytest.mark.browser

BASELINE = "3 · starter · batch 32"


def view(page: Page) -> dict[str, object]:
    """Return the visible view: the loss chart, the baseline, the pressed options."""
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
    page: Page, browser: Browser, home: Path
) -> None:
    with closing(Store(home)) as store:
        for config in ({"batch_size": 2}, {"batch_size": 32}, {"batch_size": 32, "seed": 1}):
            add_ended_run(store, TrainConfig(**config), count=200)
    go_to(page, "Compare")
    chart = wait_for_chart(page)
    initial = view(page)
    for key, option in (("axis", "samples"), ("repeats", "each run"), ("log_x", "Log x")):
        widget(page, key).get_by_text(option, exact=True).click()
        settle(page)
    wait_for_data(chart, "node.layout.xaxis.type === 'log' && node.data.length === 6")
    select(page, "baseline", BASELINE)
    page.wait_for_url("**baseline=3**")
    page.get_by_role("button", name="Remove 2 · starter · batch 32").click()
    wait_for_data(chart, "node.data.length === 4")
    shared = view(page)
    assert shared != initial
    assert shared["baseline"] == BASELINE

    context = browser.new_context(viewport=page.viewport_size)
    context.set_default_timeout(WAIT_MS)
    other = context.new_page()
    other.goto(page.url)
    wait_for_data(wait_for_chart(other), "node.layout.xaxis.title.text === value", shared["axis"])
    expect(widget(other, "baseline").locator("input")).to_have_value(BASELINE, timeout=WAIT_MS)
    assert view(other) == shared
    context.close()
