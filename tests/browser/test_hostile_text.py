"""Hostile text of corpora, users and addresses: every page shows it as text."""

import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.browser.actions import click, select, settle, widget
from tests.browser.hostile_store import ATTACK, HOST, TEXTS, fill_store
from tests.browser.serving import PROJECT, WAIT_MS

pytestmark = pytest.mark.browser

PARAMETERS = ("sweep", "run", "tag", "corpus", "baseline", "axis", "sweep_tab", "anatomy")
ADDRESS = "&".join(f"{name}={quote(ATTACK)}" for name in PARAMETERS)


class WatchedTab:
    """A tab that records requests and dialogs, which no text may cause."""

    def __init__(self, page: Page, server: str) -> None:
        self.page, self._server = page, server
        self._requests: list[str] = []
        self._dialogs: list[str] = []
        page.on("request", lambda request: self._requests.append(request.url))
        page.on("dialog", self._on_dialog)

    def _on_dialog(self, dialog: Dialog) -> None:
        self._dialogs.append(dialog.message)
        dialog.dismiss()

    def find_harm(self) -> list[str]:
        """Return foreign requests, dialogs, executed scripts and elements made from text."""
        elements: list[str] = self.page.evaluate(
            """host => {
                const executed = window.pwned === undefined ? [] : ["a script was executed"];
                const wrong = "img:not([data-testid]), iframe, object, embed, svg a, .katex, "
                    + "a[href^='mailto:'], a[href^='javascript:'], [onerror]";
                const linked = [...document.querySelectorAll("[src], [href]")].filter(node =>
                    `${node.getAttribute("src")}${node.getAttribute("href")}`.includes(host));
                return [...executed, ...[...document.querySelectorAll(wrong), ...linked]
                    .map(node => node.outerHTML.slice(0, 300))];
            }""",
            HOST,
        )
        own = (self._server, "data:", "blob:")
        requests = [url for url in self._requests if not url.startswith(own)]
        return [*elements, *self._dialogs, *requests]


@pytest.fixture(scope="module")
def home(home: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(home))
        fill_store(home.parent)
    return home


@pytest.fixture
def tab(browser: Browser, server: str) -> Iterator[WatchedTab]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(WAIT_MS)
    yield WatchedTab(context.new_page(), server)
    context.close()


def visible_text(page: Page) -> str:
    """Return all text, also that of charts and of table cells, without line breaks."""
    text = page.evaluate(
        "() => document.body.innerText + ' ' + [...document.querySelectorAll("
        "'svg text, [role=gridcell]')].map(node => node.textContent).join(' ')"
    )
    return " ".join(text.split())


def open_expanders(page: Page) -> None:
    for box in page.locator("[data-testid=stExpander] details:not([open]) > summary").all():
        box.click()
    settle(page)


def hover_charts(page: Page) -> None:
    """Show the label of the first point of each line."""
    page.evaluate(
        "() => document.querySelectorAll('.s2s-chart').forEach(node => node.data?.forEach("
        "(line, index) => { if (line.y?.length)"
        " Plotly.Fx.hover(node, [{ curveNumber: index, pointNumber: 0 }]); }))"
    )


def open_all(page: Page, selector: str) -> None:
    for each in page.locator(selector).all():
        each.click()
        settle(page)


def translate(page: Page) -> None:
    widget(page, "typed").locator("textarea").fill(ATTACK)
    click(page, "translate")
    page.locator("[role=gridcell]").first.wait_for(state="attached")
    open_expanders(page)


SHOW_MORE: dict[str, Callable[[Page], None]] = {
    "": lambda page: select(page, "shown_run", "· finished"),
    "sweep": lambda page: open_all(page, "[role=tab]"),
    "replay": lambda page: open_all(page, "[role=tab]"),
    "translate": translate,
    "corpora": lambda page: open_all(page, ".st-key-corpus_view [role=radio]"),
}
PAGES = ("", "sweep", "replay", "compare", "advisor", "translate", "corpora", "system")


@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_is_shown_as_text(tab: WatchedTab, server: str, name: str) -> None:
    page = tab.page
    page.goto(f"{server}/{name}?{ADDRESS}")
    page.get_by_role("heading").first.wait_for()
    settle(page)
    open_expanders(page)
    shown = visible_text(page)
    if show_more := SHOW_MORE.get(name):
        show_more(page)
        shown += visible_text(page)
    hover_charts(page)
    assert page.get_by_test_id("stException").count() == 0
    assert ATTACK in shown
    assert tab.find_harm() == []


def test_escaped_markup_is_shown_literally(tab: WatchedTab, server: str) -> None:
    page = tab.page
    page.goto(server)
    rows = page.locator("[data-testid=stTable] tr", has=page.locator("td"))
    rows.nth(len(TEXTS)).wait_for()
    first_cells = rows.locator("td:first-child").all_text_contents()
    expected = {" ".join(each.replace("\0", " ").split()) for each in TEXTS}
    assert expected - set(first_cells) == set()


def test_another_site_cannot_frame_the_dashboard(
    tab: WatchedTab, server: str, tmp_path: Path
) -> None:
    """A site that frames the dashboard could redirect clicks."""
    frame = f"<iframe src='{server}/compare' width=1200 height=900></iframe>"
    (tmp_path / "index.html").write_text(frame)
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with HTTPServer(("127.0.0.1", 0), handler) as other_site:
        threading.Thread(target=other_site.handle_request).start()
        tab.page.goto(f"http://127.0.0.1:{other_site.server_port}/")
    framed = tab.page.frame_locator("iframe")
    expect(framed.locator("body")).to_have_text(re.compile("another site"))
    expect(framed.locator("button")).to_have_count(0)


def list_files_outside(home: Path) -> set[Path]:
    """Return the files outside the home that the path of an upload could lead to."""
    around = {each for each in home.parent.rglob("*") if not each.is_relative_to(home)}
    project = set(PROJECT.glob("*"))
    return around | project | set(Path(tempfile.gettempdir()).glob("s2s-upload-*"))


def test_the_name_of_an_upload_never_becomes_a_path(
    tab: WatchedTab, server: str, home: Path
) -> None:
    page, before = tab.page, list_files_outside(home)
    names = ["../../../x.tsv", "C:\\y.tsv", "<img src=x onerror=pwned=1>.tsv"]
    for number, name in enumerate(names):
        page.goto(f"{server}/corpora")
        page.get_by_text("Add a corpus").click()
        widget(page, "add_from").get_by_text("File", exact=True).click()
        content = "\n".join(f"a{n} {number}\tb{n} {number}" for n in range(50)).encode()
        files = {"name": name, "mimeType": "text/plain", "buffer": content}
        page.locator("input[type=file]").set_input_files(files)
        page.get_by_test_id("stFileChip").wait_for()
        expect(page.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)
        click(page, "add_corpus")
        page.get_by_test_id("stAlert").get_by_text("50 of 50 pairs").wait_for()
        settle(page)
    added = {each.name for each in (home / "corpora").iterdir()} - {"attacks", "starter"}
    assert len(added) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,64}", each) for each in added)
    assert list_files_outside(home) == before
    assert tab.find_harm() == []
