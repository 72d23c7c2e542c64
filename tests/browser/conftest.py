"""The dashboard and the browser as fixtures."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.actions import settle
from tests.browser.pictures import Pictures
from tests.browser.serving import WAIT_MS, open_browser, serve_dashboard


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the module's dashboard, empty at first."""
    return tmp_path_factory.mktemp("dashboard") / "home"


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    """The address of the module's dashboard; an error in its log fails the last test."""
    log = home.with_name("server.log")
    with serve_dashboard(home, log) as address:
        yield address
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, server: str, tmp_path: Path) -> Iterator[Page]:
    """A tab with the dashboard; an error in the page's scripts fails the test.

    Its last state is saved as a picture in the test's temporary folder.
    """
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme="light")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server)
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    settle(page)
    yield page
    page.screenshot(path=tmp_path / "end.png", full_page=True)
    context.close()
    assert errors == []


@pytest.fixture
def pictures() -> Pictures:
    """The pictures of the documentation; `make screenshots` sets S2S_PICTURES."""
    return Pictures(os.environ.get("S2S_PICTURES", ""))
