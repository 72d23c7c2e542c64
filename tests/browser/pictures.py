"""The pictures of the documentation, taken by the browser tests on their way."""

from pathlib import Path

from playwright.sync_api import Page

from tests.browser.actions import settle
from tests.browser.serving import WAIT_MS


class Pictures:
    """Takes pictures into a folder; does nothing without one."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def wait(self, page: Page, condition: str) -> None:
        """Wait for something worth showing that the test itself does not need."""
        if self.folder:
            page.wait_for_function(condition, timeout=10 * WAIT_MS)

    def take(self, page: Page, name: str, height: int) -> None:
        """Save a picture of the page."""
        if self.folder:
            page.set_viewport_size({"width": 1400, "height": height})
            page.mouse.move(0, 0)
            settle(page)
            page.screenshot(path=Path(self.folder, f"{name}.png"), animations="disabled")
