"""The slim strip above every page: what trains now, what waits, and notices."""

import streamlit as st

from pages.shared import state as shared
from pages.shared.errors import guarded
from pages.shared.escaping import inert
from s2s.config import UserError
from s2s.formatting import run_label
from s2s.records import RunState
from s2s.runs import lost_gpu as cuda_context


def strip(notice: str, *, live: bool) -> None:
    """Ends the page with a sentence where there is no store to work with.

    `live`: the page itself shows how far a training is, more often than the strip.
    """
    st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")
    try:
        store = shared.store()
    except UserError as error:
        st.error(inert(error))
        st.stop()
    for text in (store.notice, notice, cuda_context.sentence()):
        if text:
            st.warning(inert(text))
    store.mark_interrupted()
    store.runs()
    if problems := store.unreadable["runs"]:
        st.warning(inert(" ".join(problems[:3])))
    st.fragment(guarded(_line), run_every="10s" if store.unfinished_runs() else None)(live)


def _line(live: bool) -> None:
    """A run whose process was killed is over on an open page too."""
    shared.store().mark_interrupted()
    if trouble := shared.store().trouble:
        st.warning(inert(trouble), icon=":material/save:")
    runs = shared.store().unfinished_runs()
    waiting = sum(run.state is RunState.QUEUED for run in runs)
    training = [run for run in runs if run.state in (RunState.RUNNING, RunState.STOPPING)]
    told = [
        f":green[●] Training **{inert(run_label(run))}** on {inert(run.device)}"
        + (f", iteration {run.iterations_done:,}" if run.iterations_done and not live else "")
        for run in reversed(training)
    ] or [":gray[○] Nothing is training"]
    if waiting:
        told.append(f"{waiting} waiting")
    st.caption(" · ".join(told))
