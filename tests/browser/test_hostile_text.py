"""Text of corpora, people and addresses that attacks the browser: every page shows it as text."""

import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.attacked import ATTACK, Watched

from tests.browser import attacked, serving

pytestmark = pytest.mark.browser

IN_ADDRESS = "&".join(
    f"{name}={quote(ATTACK)}"
    for name in ("sweep", "run", "tag", "corpus", "baseline", "axis", "sweep_tab", "anatomy")
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attacked") / "home"


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    folder = home.parent
    with attacked.home_in(folder):
        attacked.fill(folder)
    with serving.served(home, folder / "server.log") as address:
        yield address
    assert "Traceback" not in (folder / "server.log").read_text()


@pytest.fixture
def tab(browser: Browser, server: str) -> Iterator[Watched]:
    with attacked.watched(browser, server) as tab:
        yield tab


def settle(page: Page) -> None:
    """Until the script has run to its end and what it drew is drawn."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.s2s-chart')].every(node => node.data ||"
        " node.getBoundingClientRect().height === 0) &&"
        " !document.querySelector('[data-stale=true]')"
    )


def shown(page: Page) -> str:
    """All text, that of charts and of the cells of tables too, without its line breaks."""
    text = page.evaluate(
        "() => document.body.innerText + ' ' + [...document.querySelectorAll("
        "'svg text, [role=gridcell]')].map(node => node.textContent).join(' ')"
    )
    return " ".join(text.split())


def open_all(page: Page) -> None:
    for box in page.locator("[data-testid=stExpander] details:not([open]) > summary").all():
        box.click()
    settle(page)


def hover_charts(page: Page) -> None:
    """The label of each line's first point; a line without points has none."""
    page.evaluate(
        "() => document.querySelectorAll('.s2s-chart').forEach(node => node.data?.forEach("
        "(line, index) => { if (line.y?.length)"
        " Plotly.Fx.hover(node, [{ curveNumber: index, pointNumber: 0 }]); }))"
    )


def open_tabs(page: Page) -> None:
    for tab in page.get_by_role("tab").all():
        tab.click()
        settle(page)


def translate(page: Page) -> None:
    page.get_by_role("textbox", name="Sentences, one a line").fill(ATTACK)
    page.get_by_role("button", name="Translate", exact=True).click()
    page.get_by_text("Greedy decoding on the processor").wait_for()
    open_all(page)


def look_inside(page: Page) -> None:
    for view in ("Lengths", "Words", "Pairs", "A batch"):
        page.locator(".st-key-corpus_view").get_by_text(view, exact=True).click()
        settle(page)


def finished_run(page: Page) -> None:
    box = page.locator(".st-key-shown_run")
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(100)  # the event of a scroll closes an open list
    box.get_by_role("button").click()
    page.get_by_role("option").filter(has_text="· finished").first.click()
    page.get_by_text("Finished at iteration").wait_for()
    settle(page)


def nothing(page: Page) -> None:
    """Looking is enough."""


PAGES: list[tuple[str, Callable[[Page], None]]] = [
    ("sweep", open_tabs),  # first, so that a server's first visitor comes by a link
    ("", nothing),
    ("", finished_run),
    ("replay", open_tabs),
    ("compare", nothing),
    ("advisor", nothing),
    ("translate", translate),
    ("corpora", look_inside),
    ("system", nothing),
]


@pytest.mark.parametrize(("name", "more"), PAGES)
def test_an_attack_is_shown_as_text(
    tab: Watched, server: str, name: str, more: Callable[[Page], None]
) -> None:
    page = tab.page
    page.goto(f"{server}/{name}?{IN_ADDRESS}")
    page.get_by_role("heading").first.wait_for()
    settle(page)
    open_all(page)
    more(page)
    hover_charts(page)
    assert page.get_by_test_id("stException").count() == 0
    assert ATTACK in shown(page)
    assert tab.harm() == []


def test_it_is_not_shown_in_the_page_of_another_site(tab: Watched, server: str) -> None:
    """Where a click on one thing could be led to another."""
    frame = f"<iframe src='{server}/compare' width=1200 height=900></iframe>".encode()

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(frame)

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        answering = threading.Thread(target=other.handle_request)
        answering.start()
        tab.page.goto(f"http://127.0.0.1:{other.server_port}/")
        answering.join()
    inside = tab.page.frame_locator("iframe")
    inside.get_by_text("s2s is not shown inside the page of another site").wait_for()
    expect(inside.locator("button")).to_have_count(0)


def files_outside(home: Path) -> set[Path]:
    """Around the home, where a path with dots would lead to; in the project; of uploads."""
    around = {each for each in home.parent.rglob("*") if not each.is_relative_to(home)}
    project = set(serving.PROJECT.glob("*")) | set(serving.PROJECT.glob("static/*"))
    return around | project | set(Path(tempfile.gettempdir()).glob("s2s-upload-*"))


def test_an_uploaded_name_never_becomes_a_path(tab: Watched, server: str, home: Path) -> None:
    page, before = tab.page, files_outside(home)
    names = ["../../../x.tsv", "C:\\y.tsv", "<img src=x onerror=pwned=1>.tsv"]
    for number, name in enumerate(names):
        page.goto(f"{server}/corpora")
        page.get_by_text("Add a corpus").click()
        page.locator(".st-key-add_from").get_by_text("a file", exact=True).click()
        content = "\n".join(f"a{n} {number}\tb{n} {number}" for n in range(50)).encode()
        files = {"name": name, "mimeType": "text/plain", "buffer": content}
        page.locator("input[type=file]").set_input_files(files)
        page.get_by_test_id("stFileChip").wait_for()
        expect(page.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)
        page.get_by_role("button", name="Prepare", exact=True).click()
        page.get_by_text("is ready: 50 pairs").wait_for()
        settle(page)
    made = {each.name for each in (home / "corpora").iterdir()} - {"attacks", "starter"}
    assert len(made) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,64}", each) for each in made)
    assert files_outside(home) == before
    assert tab.harm() == []
