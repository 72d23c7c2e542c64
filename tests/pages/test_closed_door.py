"""A secrets.toml that does not say clearly who may come in closes the dashboard to all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from pages.shared import state as shared

OpenPage = Callable[[str], AppTest]
AUTH = '[auth]\ncookie_secret = "of the test"\n'


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Makes the server read this as its secrets.toml."""
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
    ("text", "why"),
    [
        ("[auth", "cannot be read"),
        ("= 1", "cannot be read"),
        ('[login]\nallowed_emails = ["a@b.example"]', "has a \\[login\\] but no \\[auth\\]"),
        (AUTH + '[login]\nallowed_emails = "a@b.example"', "is not a list of addresses"),
        (AUTH + "[login]\nallowed_emails = [1]", "is not a list of addresses"),
        (AUTH + '[login]\nallowed_emails = ["\u212aim@b.example"]', "is not a list of addresses"),
        (AUTH + '[login]\nallowed_emails = [""]', "is not a list of addresses"),
        (AUTH + '[login]\nallowed_email = ["a@b.example"]', "is not a list of addresses"),
    ],
)
def test_nobody_is_let_in(
    open_page: OpenPage, secrets: Callable[[str], None], text: str, why: str
) -> None:
    secrets(text)
    app = open_page("corpora")
    assert not app.exception
    [error] = app.error
    assert why in error.value
    assert "nobody is let in" in error.value
    assert not app.title
    assert not app.button
    assert shared._manager is None, "the store was opened"


def test_a_login_is_asked_for(open_page: OpenPage, secrets: Callable[[str], None]) -> None:
    secrets(AUTH + '[auth.home]\nclient_id = "x"\n[auth."a*b"]\nclient_id = "x"\n')
    app = open_page("train")
    assert not app.exception
    assert [each.label for each in app.button] == ["Log in with home", "Log in with a\\*b"]
    assert shared._manager is None, "the store was opened"


@pytest.mark.parametrize("text", ["", "[database]\nuser = 1\n"])
def test_other_secrets_change_nothing(
    open_page: OpenPage, secrets: Callable[[str], None], text: str
) -> None:
    secrets(text)
    app = open_page("train")
    assert not app.exception
    assert app.title[0].value == "Train"
