"""The list of pages and the navigation bar."""

from typing import Literal

import streamlit as st
from streamlit.navigation.page import StreamlitPage

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
    """Show the navigation bar and return the requested page."""
    pages = [
        st.Page(f"pages/{name}/{name}.py", title=title, icon=icon, default=name == PAGES[0][0])
        for name, title, icon in PAGES
    ]
    return st.navigation(pages, position=position)


def set_icon() -> None:
    """Set the tab's icon; call it before `show_navigation`, which would load one from Google."""
    st.set_page_config(page_icon="🔤", layout="wide")
