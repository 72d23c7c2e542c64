"""Text made inert is read back from a real page as it was, whatever it is made of."""

import json
import random
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import serving

APP = Path(__file__).with_name("inert_app.py")
PIECES = [
    *"\\`*_{}[]()<>#+-.!|$~:@^=&/'\"1ax é", "  ", "\n", "\t", "](", "![", "$$", "**", "->", "<-",
    "--", ">=", "<=", "...", "://", "http", "https://", "www.", "x.example", "me@x.example",
    "mailto:", "xmpp:a@x.example", ":red[", ":material/home:", ":streamlit:", ":smile:",
    ":blue-badge[", "</b>", "<b>", "<!--", "&lt;", "&#58;", "&amp", "1. ", "- ", "# ", "> ", "[ ]",
    "[^1]", "[x]: y", "|-|", ":::note", "\\(", "\\begin{x}", "javascript:", "(c)", "~~", "\0",
    "\u200b",
]  # fmt: skip


def texts(count: int) -> list[str]:
    """With something to see in each."""
    draw = random.Random(0)
    return ["x" + "".join(draw.choices(PIECES, k=draw.randint(1, 12))) + "x" for _ in range(count)]


@pytest.mark.browser
def test_inert_text_is_shown_as_it_is(browser: Browser, tmp_path: Path) -> None:
    said = [*PIECES[:40], *texts(300)]
    said = [each for each in said if each.strip(" \n\t\0\u200b")]
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(said), encoding="utf-8")
    expected = [" ".join(each.replace("\0", " ").split()) for each in said]
    with serving.served(tmp_path, tmp_path / "log", "--", str(file), script=APP) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("heading", name="All").wait_for()
        page.locator("[data-testid=stTable] td").nth(len(said) - 1).wait_for()
        cells = page.locator("[data-testid=stTable] td").all_text_contents()
        boxes = page.get_by_test_id("stAlert").all_text_contents()
        captions = page.get_by_test_id("stCaptionContainer").all_text_contents()
        page.close()
    assert cells == expected
    assert boxes == expected[:30]
    assert captions == [f"Deleted {each} (gone)" for each in expected[:30]]
