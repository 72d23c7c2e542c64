"""The sweeps there are, the one that a page shows, and its buttons Stop and Go on."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import state as shared
from pages.shared.address import ids_in
from pages.shared.errors import guarded
from pages.shared.escaping import inert
from s2s.analysis.sweep.table import sweep_line
from s2s.config import UserError
from s2s.records import Sweep, SweepState
from s2s.store.sweeps import read_sweeps
from s2s.validation import shortened

SHOWN = "shown_sweep"
"""Where a session keeps the id of the one that it shows."""


def all_sweeps() -> list[Sweep]:
    """The newest first; the page says which of them cannot be read."""
    found = read_sweeps(shared.store())
    if problems := shared.store().unreadable["sweeps"]:
        st.warning(inert(" ".join(problems[:3])))
    return found


def chosen_sweep(sweeps: Sequence[Sweep]) -> Sweep:
    """The one chosen here or on another page, kept in the address; at first the newest."""
    by_id = {sweep.id: sweep for sweep in sweeps}
    if st.session_state.get(SHOWN) not in by_id:
        asked = st.query_params.get("sweep", "")
        known = [each for each in ids_in([asked]) if each in by_id]
        if asked and not known:
            told = inert(shortened(asked, 40))
            st.warning(f"The link names a sweep that is not here (any more): {told}.")
        st.session_state[SHOWN] = known[0] if known else sweeps[0].id
    picked = st.selectbox(
        "Sweep",
        list(by_id),
        key=SHOWN,
        format_func=lambda sweep_id: sweep_label(by_id[sweep_id]),
        persist_state="session",
    )
    st.query_params["sweep"] = str(picked)
    return by_id[picked]


def stop_or_go_on(sweep: Sweep) -> None:
    """In the page body: a fragment's button would wait."""
    if sweep.state is SweepState.RUNNING:
        st.button(
            "Stop",
            icon=":material/stop:",
            on_click=guarded(shared.manager().stop_sweep),
            args=(sweep.id,),
        )
    elif sweep.state is SweepState.STOPPED:
        st.button(
            "Go on", type="primary", icon=":material/play_arrow:", on_click=guarded(_go_on),
            args=(sweep.id,), help="Finished runs are not done again.",
        )  # fmt: skip


def _go_on(sweep_id: int) -> None:
    try:
        shared.manager().resume_sweep(sweep_id)
    except UserError as error:
        st.error(inert(error))


def sweep_label(sweep: Sweep) -> str:
    """How it is called in lists."""
    number, state, rest = sweep_line(sweep).split(maxsplit=2)
    return f"{number} · {rest} · {state}"
