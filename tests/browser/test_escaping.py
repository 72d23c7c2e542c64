"""Escaped text reads in a real page exactly as it was, whatever it contains."""

import json
import random
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.serving import serve_dashboard

APP = Path(__file__).with_name("escaping_app.py")
PIECES = [
    *"\\`*_{}[]()<>#+-.!|$~:@^=&/'\"1ax é", "  ", "\n", "\t", "](", "![", "$$", "**", "->", "<-",
    "--", ">=", "<=", "...", "://", "http", "https://", "www.", "x.example", "me@x.example",
    "mailto:", "xmpp:a@x.example", ":red[", ":material/home:", ":streamlit:", ":smile:",
    ":blue-badge[", "</b>", "<b>", "<!--", "&lt;", "&#58;", "&amp", "1. ", "- ", "# ", "> ", "[ ]",
    "[^1]", "[x]: y", "|-|", ":::note", "\\(", "\\begin{x}", "javascript:", "(c)", "~~", "\0",
    "\u200b",
]  # fmt: skip


def draw_texts(count: int) -> list[str]:
    """Return random texts, each with something visible."""
    draw = random.Random(0)
    return ["x" + "".join(draw.choices(PIECES, k=draw.randint(1, 12))) + "x" for _ in range(count)]


@pytest.mark.browser
def test_escaped_text_is_shown_literally(browser: Browser, tmp_path: Path) -> None:
    texts = [each for each in (*PIECES[:40], *draw_texts(300)) if each.strip(" \n\t\0\u200b")]
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(texts), encoding="utf-8")
    expected = [" ".join(each.replace("\0", " ").split()) for each in texts]
    with serve_dashboard(tmp_path, tmp_path / "log", "--", str(file), script=APP) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("heading", name="All").wait_for()
        page.locator("[data-testid=stTable] td").nth(len(texts) - 1).wait_for()
        cells = page.locator("[data-testid=stTable] td").all_text_contents()
        boxes = page.get_by_test_id("stAlert").all_text_contents()
        captions = page.get_by_test_id("stCaptionContainer").all_text_contents()
        page.close()
    assert cells == expected
    assert boxes == expected[:30]
    assert captions == [f"Deleted {each} (gone)" for each in expected[:30]]
