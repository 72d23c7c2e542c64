"""The slim strip above every page: what trains now, what waits, and notices."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.errors import UserError
from s2s.formatting import run_label
from s2s.records import RunState
from s2s.runs import lost_gpu as cuda_context


def strip(notice: str, *, live: bool) -> None:
    """Ends the page with a sentence where there is no store to work with.

    `live`: the page itself shows how far a training is, more often than the strip.
    """
    st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")
    try:
        store = get_store()
    except UserError as error:
        st.error(escape(error))
        st.stop()
    for text in (store.notice, notice, cuda_context.sentence()):
        if text:
            st.warning(escape(text))
    store.mark_interrupted()
    store.runs()
    if problems := store.unreadable["runs"]:
        st.warning(escape(" ".join(problems[:3])))
    st.fragment(catch_errors(_line), run_every="10s" if store.unfinished_runs() else None)(live)


def _line(live: bool) -> None:
    """A run whose process was killed is over on an open page too."""
    get_store().mark_interrupted()
    if trouble := get_store().trouble:
        st.warning(escape(trouble), icon=":material/save:")
    runs = get_store().unfinished_runs()
    waiting = sum(run.state is RunState.QUEUED for run in runs)
    training = [run for run in runs if run.state in (RunState.RUNNING, RunState.STOPPING)]
    told = [
        f":green[●] Training **{escape(run_label(run))}** on {escape(run.device)}"
        + (f", iteration {run.iterations_done:,}" if run.iterations_done and not live else "")
        for run in reversed(training)
    ] or [":gray[○] Nothing is training"]
    if waiting:
        told.append(f"{waiting} waiting")
    st.caption(" · ".join(told))
