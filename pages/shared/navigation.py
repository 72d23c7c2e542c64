"""The list of pages and the navigation bar."""

from typing import Literal
from urllib.parse import urlsplit

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_reload = st.components.v2.component(
    "s2s_reload", js="export default function() { window.location.reload(); }"
)
_has_navigated = False
"""Whether `st.navigation` has run in this process."""

PAGES = (
    ("train", "Train", ":material/model_training:"),
    ("sweep", "Sweep", ":material/stacked_line_chart:"),
    ("replay", "Replay", ":material/replay:"),
    ("compare", "Compare", ":material/bar_chart:"),
    ("advisor", "Advisor", ":material/tips_and_updates:"),
    ("translate", "Translate", ":material/translate:"),
    ("corpora", "Corpora", ":material/library_books:"),
    ("system", "System", ":material/memory:"),
)
"""Folder, title and icon of each page; the first page is the start page.

A page's script has its folder's name, because Streamlit derives the address from it.
"""


def show_navigation(position: Literal["top", "hidden"] = "top") -> StreamlitPage:
    """Show the navigation bar and return the requested page.

    Until `st.navigation` has run once in the process, Streamlit takes the folder `pages/` for an
    app of its older kind and tells a visitor of any address but `/` "Page not found", over the
    right page. Reloading that first visitor's tab removes the message.
    """
    global _has_navigated
    pages = [
        st.Page(f"pages/{name}/{name}.py", title=title, icon=icon, default=name == PAGES[0][0])
        for name, title, icon in PAGES
    ]
    page = st.navigation(pages, position=position)
    if not _has_navigated and urlsplit(st.context.url or "").path.strip("/"):
        _reload(key="reload")
    _has_navigated = True
    return page
