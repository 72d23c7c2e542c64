"""The status bar above every page: warnings, running and waiting runs."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.errors import UserError
from s2s.formatting import format_run_label
from s2s.records import RunState
from s2s.runs.lost_gpu import lost_device
from s2s.text.run import describe_lost_device


def status_bar(*, is_live_page: bool) -> None:
    """Show the status bar; stop the script if the store cannot be opened.

    Args:
        is_live_page: Whether the page itself shows a run's progress, more often than the bar.
    """
    st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")
    try:
        store = get_store()
    except UserError as error:
        st.error(escape(error))
        st.stop()
    store.runs()
    unreadable = " ".join(store.unreadable["runs"][:3])
    for text in (store.notice, describe_lost_device(lost_device()), unreadable):
        if text:
            st.warning(escape(text))
    store.mark_interrupted()
    interval = "10s" if store.unfinished_runs() else None
    st.fragment(catch_errors(_show_activity), run_every=interval)(is_live_page)


def _show_activity(is_live_page: bool) -> None:
    store = get_store()
    store.mark_interrupted()  # a run of a killed process ends on an open page too
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
