"""The bars above every page: the navigation bar and the status of runs."""

from typing import Literal
from urllib.parse import urlsplit

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.errors import UserError
from s2s.formatting import format_run_label
from s2s.records import RunState
from s2s.runs.lost_gpu import lost_device
from s2s.text.run import describe_lost_device

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

    Until `st.navigation` has run once in the process, Streamlit assumes an app of its older kind,
    because there is a folder `pages/`. At any address except `/`, it then shows "Page not found"
    over the right page. Reloading the first visitor's tab removes the message.
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


def show_status_bar(*, is_live_page: bool) -> None:
    """Show the status bar; stop the script if the store cannot be opened.

    Args:
        is_live_page: Whether the page itself shows the run's iterations, so that the bar need not.
    """
    st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")
    try:
        store = get_store()
    except UserError as error:
        st.error(escape(error))
        st.stop()
    store.runs()  # also updates `store.unreadable`
    unreadable = " ".join(store.unreadable["runs"][:3])
    for text in (store.notice, describe_lost_device(lost_device()), unreadable):
        if text:
            st.warning(escape(text))
    store.mark_interrupted()
    interval = "10s" if store.unfinished_runs() else None
    st.fragment(catch_errors(_show_activity), run_every=interval)(is_live_page)


def _show_activity(is_live_page: bool) -> None:
    store = get_store()
    store.mark_interrupted()  # shows the end of a killed process's runs on open pages too
    if store.write_error:
        st.warning(escape(store.write_error), icon=":material/save:")
    runs = store.unfinished_runs()
    parts = []
    for run in reversed(runs):
        if run.state in (RunState.RUNNING, RunState.STOPPING):
            part = f":green[●] Training **{escape(format_run_label(run))}** on {escape(run.device)}"
            if run.iterations_done and not is_live_page:
                part += f", iteration {run.iterations_done:,}"
            parts.append(part)
    if not parts:
        parts.append(":gray[○] Nothing is training")
    if waiting := sum(run.state is RunState.QUEUED for run in runs):
        parts.append(f"{waiting:,} waiting")
    st.caption(" · ".join(parts))
