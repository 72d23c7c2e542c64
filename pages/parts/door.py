"""The list of pages, and the way that leads to each of them through `dashboard.py`."""

from typing import Literal

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_ENTERED = "came_through_the_door"


def navigation(position: Literal["top", "hidden"] = "top") -> StreamlitPage:
    """The navigation bar; returns the page that was asked for."""
    return st.navigation(
        [
            st.Page(
                "pages/train.py", title="Train", icon=":material/model_training:", default=True
            ),
            st.Page("pages/sweep.py", title="Sweep", icon=":material/stacked_line_chart:"),
            st.Page("pages/replay.py", title="Replay", icon=":material/replay:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/bar_chart:"),
            st.Page("pages/advisor.py", title="Advisor", icon=":material/tips_and_updates:"),
            st.Page("pages/translate.py", title="Translate", icon=":material/translate:"),
            st.Page("pages/corpora.py", title="Corpora", icon=":material/library_books:"),
            st.Page("pages/system.py", title="System", icon=":material/memory:"),
        ],
        position=position,
    )


def set_icon() -> None:
    """Before `navigation`: a page's Material icon as the tab's own would be fetched from Google."""
    st.set_page_config(page_icon="🔤", layout="wide")


def open_door() -> None:
    """`dashboard.py` has run in this session."""
    st.session_state[_ENTERED] = True


def enter() -> None:
    """First line of each page: starts again through `dashboard.py` if the page was run alone.

    Streamlit takes a folder `pages/` for its older kind of app, and runs its files by themselves,
    until `st.navigation` was called once in the process: so it does for a server's first visitor
    if that one comes by a link to a page.
    """
    if _ENTERED not in st.session_state:
        set_icon()
        navigation()
        st.rerun()
