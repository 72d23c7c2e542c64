"""The README's pictures, which the tests of the browser take on their way."""

from pathlib import Path

from playwright.sync_api import Page

from tests.browser.serving import WAIT_MS


class Pictures:
    """Of the README, taken where a folder for them is named; else its methods do nothing."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def wait(self, page: Page, condition: str) -> None:
        """For what is worth showing, and what a test by itself need not wait for."""
        if self.folder:
            page.wait_for_function(condition, timeout=10 * WAIT_MS)

    def take(self, page: Page, name: str, height: int) -> None:
        if self.folder:
            page.set_viewport_size({"width": 1400, "height": height})
            page.mouse.move(0, 0)
            page.wait_for_function("() => !document.querySelector('[data-stale=true]')")
            page.screenshot(path=Path(self.folder, f"{name}.png"), animations="disabled")
