"""The list of pages."""

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
"""Folder and script in `pages/`, title and icon of each page; the first is the start page.

Streamlit derives the address from the script's name, so it is the folder's."""


def navigation(position: Literal["top", "hidden"] = "top") -> StreamlitPage:
    """Show the navigation bar and return the requested page."""
    return st.navigation(
        [
            st.Page(
                f"pages/{name}/{name}.py",
                title=title,
                icon=icon,
                default=name == PAGES[0][0],
            )
            for name, title, icon in PAGES
        ],
        position=position,
    )


def set_icon() -> None:
    """Set the tab's icon before `navigation`, which would load a Material icon from Google."""
    st.set_page_config(page_icon="🔤", layout="wide")
