"""Sweeps on pages: the list, the selected one, and its Stop and Continue buttons."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_scheduler, get_store
from pages.shared.widgets import parse_ids
from s2s.config import Engine
from s2s.errors import shorten
from s2s.records import Sweep, SweepState
from s2s.store.sweeps import read_sweeps
from s2s.text.sweep import describe_sweep

SELECTED_KEY = "selected_sweep"
"""Session-state key of the selected sweep's id."""


def list_sweeps() -> list[Sweep]:
    """Return all readable sweeps, newest first, and warn about the unreadable ones."""
    sweeps = read_sweeps(get_store())
    if problems := get_store().unreadable["sweeps"]:
        st.warning(escape(" ".join(problems[:3])))
    return sweeps


def select_sweep(sweeps: Sequence[Sweep]) -> Sweep:
    """Show a select box and return its sweep; by default the one in the address, or the newest."""
    by_id = {sweep.id: sweep for sweep in sweeps}
    if st.session_state.get(SELECTED_KEY) not in by_id:
        linked = st.query_params.get("sweep", "")
        matches = [each for each in parse_ids([linked]) if each in by_id]
        if linked and not matches:
            st.warning(f"The linked sweep does not exist: {escape(shorten(linked, 40))}.")
        st.session_state[SELECTED_KEY] = matches[0] if matches else sweeps[0].id
    sweep_id = st.selectbox(
        "Sweep", list(by_id), key=SELECTED_KEY, persist_state="session",
        format_func=lambda each: format_sweep_label(by_id[each]),
    )  # fmt: skip
    st.query_params["sweep"] = str(sweep_id)
    return by_id[sweep_id]


def select_engine(sweep: Sweep) -> Engine:
    """Return the selected engine; show a choice only if the sweep has several."""
    engines, key = sweep.config.engines, "sweep_engine"
    if len(engines) == 1:
        return engines[0]
    if st.session_state.get(key) not in engines:
        st.session_state[key] = engines[0]
    selected = st.segmented_control(
        "Engine", engines, key=key, required=True, persist_state="session"
    )
    return Engine(selected)


def stop_or_continue_button(sweep: Sweep) -> None:
    """Show a Stop or Continue button.

    Call it outside fragments, because a button in a fragment responds late.
    """
    if sweep.state is SweepState.RUNNING:
        st.button(
            "Stop", key="stop_sweep", icon=":material/stop:",
            on_click=catch_errors(get_scheduler().stop_sweep), args=(sweep.id,),
        )  # fmt: skip
    elif sweep.state is SweepState.STOPPED:
        st.button(
            "Continue", type="primary", key="continue_sweep", icon=":material/play_arrow:",
            on_click=catch_errors(get_scheduler().resume_sweep), args=(sweep.id,),
            help="Runs that have finished are not trained again.",
        )  # fmt: skip


def format_sweep_label(sweep: Sweep) -> str:
    """Return the label of the sweep in lists."""
    return f"{sweep.id} · {describe_sweep(sweep)} · {sweep.state}"
