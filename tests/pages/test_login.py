"""The login without a browser: an ambiguous secrets.toml locks everyone out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from pages.shared import state

OpenPage = Callable[..., AppTest]
AUTH = '[auth]\ncookie_secret = "of the test"\n'


@pytest.fixture
def write_secrets(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Let the server read a text as its secrets.toml."""
    before = config.get_option("secrets.files")
    path = tmp_path / "secrets.toml"

    def write(text: str) -> None:
        path.write_text(text)
        config.set_option("secrets.files", [str(path)])
        st.secrets._reset()

    yield write
    config.set_option("secrets.files", before)
    st.secrets._reset()


@pytest.mark.parametrize(
    "text",
    [
        "[auth",
        '[login]\nallowed_emails = ["a@b.example"]',
        AUTH + '[login]\nallowed_emails = "a@b.example"',
        AUTH + "[login]\nallowed_emails = [1]",
        AUTH + '[login]\nallowed_emails = ["\u212aim@b.example"]',
        AUTH + '[login]\nallowed_emails = [""]',
        AUTH + '[login]\nallowed_email = ["a@b.example"]',
    ],
)
def test_ambiguous_secrets_lock_everyone_out(
    open_page: OpenPage, write_secrets: Callable[[str], None], text: str
) -> None:
    write_secrets(text)
    page = open_page("corpora")
    [error] = page.error
    assert "secrets.toml" in error.value.replace("\\", "")
    assert not page.title
    assert not page.button
    assert state._scheduler is None, "the store was opened"


def test_each_provider_has_a_button_and_other_secrets_need_no_login(
    open_page: OpenPage, write_secrets: Callable[[str], None]
) -> None:
    write_secrets(AUTH + '[auth.home]\nclient_id = "x"\n[auth."a*b"]\nclient_id = "x"\n')
    page = open_page("train")
    assert [each.key for each in page.button] == ["home", "a*b"]
    assert r"a\*b" in page.button[1].label
    assert state._scheduler is None, "the store was opened"
    for text in ("", "[database]\nuser = 1\n"):
        write_secrets(text)
        assert open_page("train").title[0].value == "Train"
