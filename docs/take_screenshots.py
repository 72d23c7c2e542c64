"""Takes the screenshots of the README, of a real dashboard that trains two batch sizes.

`make screenshots` runs it. It takes about a minute and writes docs/*.png.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests" / "browser"))

from serving import opened, served  # noqa: E402 (found through the line above)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder, "home"), Path(folder, "log")) as address,
        opened() as browser,
    ):
        page = browser.new_context(
            viewport={"width": 1400, "height": 1250}, color_scheme="light"
        ).new_page()
        page.set_default_timeout(120_000)
        page.goto(address)
        page.get_by_role("button", name="Train the article's pair").click()
        shoot_training(page)
        page.get_by_text("2 · ", exact=False).first.wait_for()
        page.get_by_role("link", name="Compare runs").first.wait_for()
        page.get_by_role("link", name="Compare").first.click()
        page.locator(".s2s-chart .plot-container").first.wait_for()
        shoot(page, "compare")
        page.get_by_role("link", name="Translate").first.click()
        page.get_by_role("button", name="Translate", exact=True).click()
        page.get_by_text("Greedy decoding on the processor").wait_for()
        shoot(page, "translate")


def shoot_training(page: Page) -> None:
    """In the middle of the second run."""
    page.wait_for_function(
        "() => { const node = document.querySelector('.s2s-chart');"
        " return node?.ariaLabel?.includes('32') &&"
        " Math.max(...node.data.flatMap(line => line.x)) > 600 }"
    )
    shoot(page, "train")


def shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)  # transitions of the page itself
    page.screenshot(path=DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
