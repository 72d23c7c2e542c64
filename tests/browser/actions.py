"""Actions of browser tests. Each one first waits until the page accepts input."""

from playwright.sync_api import Locator, Page

_NO_OLD_ELEMENTS = """() =>
    !document.querySelector('[data-stale=true]')
    && [...document.querySelectorAll('.s2s-chart')].every(
        node => node.data || node.getBoundingClientRect().height === 0)
"""


def settle(page: Page) -> None:
    """Wait until the script has run to its end and everything it drew is drawn.

    Streamlit replaces elements while the script runs, and what is typed into an element that is
    about to be replaced is lost.
    """
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function(_NO_OLD_ELEMENTS)


def go_to(page: Page, title: str) -> None:
    """Open a page by its link in the navigation bar."""
    settle(page)
    page.get_by_role("link", name=title, exact=True).first.click()
    page.get_by_role("heading", name=title, exact=True).wait_for()
    settle(page)


def widget(page: Page, key: str) -> Locator:
    """Return the element of the widget with this key."""
    return page.locator(f".st-key-{key}")


def click(page: Page, key: str) -> None:
    """Click the button with this key."""
    settle(page)
    widget(page, key).locator("button:enabled").first.click()


def enter(page: Page, key: str, value: object) -> None:
    """Type a value into the input with this key and press Enter."""
    settle(page)
    box = widget(page, key).locator("input:enabled").first
    box.fill(str(value))
    box.press("Enter")


def select(page: Page, key: str, text: str) -> None:
    """Select the first option with this text in the select box with this key."""
    settle(page)
    box = widget(page, key)
    box.scroll_into_view_if_needed()
    box.evaluate(  # a scroll event closes an open list, and arrives one frame later
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    box.get_by_role("button").click()
    page.get_by_role("option").filter(has_text=text).first.click()
    settle(page)


def wait_for_chart(page: Page, index: int = 0) -> Locator:
    """Return a chart once it is drawn."""
    chart = page.locator(".s2s-chart").nth(index)
    chart.locator(".plot-container").wait_for()
    return chart


def wait_for_data(chart: Locator, condition: str, value: object = None) -> None:
    """Wait for a JavaScript condition on a chart's `node` and a `value`."""
    chart.page.wait_for_function(
        f"([node, value]) => {condition}", arg=[chart.element_handle(), value]
    )
