"""Which sweep a page shows."""

from collections.abc import Sequence

import streamlit as st

from s2s.analysis.sweep_table import sweep_line
from s2s.records import Sweep

SHOWN = "shown_sweep"
"""Where a session keeps the id of the one that it shows."""


def chosen_sweep(sweeps: Sequence[Sweep]) -> Sweep:
    """The one chosen here or on another page, kept in the address; at first the newest."""
    by_id = {sweep.id: sweep for sweep in sweeps}
    if st.session_state.get(SHOWN) not in by_id:
        asked = st.query_params.get("sweep", "")
        known = asked.isdecimal() and int(asked) in by_id
        if asked and not known:
            st.warning(f"The link names a sweep that is not here (any more): {asked}.")
        st.session_state[SHOWN] = int(asked) if known else sweeps[0].id
    picked = st.selectbox(
        "Sweep",
        list(by_id),
        key=SHOWN,
        format_func=lambda sweep_id: sweep_label(by_id[sweep_id]),
        persist_state="session",
    )
    st.query_params["sweep"] = str(picked)
    return by_id[picked]


def sweep_label(sweep: Sweep) -> str:
    """How it is called in lists."""
    number, state, rest = sweep_line(sweep).split(maxsplit=2)
    return f"{number} · {rest} · {state}"
