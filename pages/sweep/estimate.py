"""The expected duration of a new sweep, from earlier runs or from trial steps on request."""

import streamlit as st

from pages.shared.escaping import escape
from pages.shared.form_widgets import rerun_when, wait_for_estimate
from pages.shared.state import get_estimator
from s2s.background.estimates import SweepEstimate
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.sweeps.plan import plan
from s2s.text.listing import describe_sweep_estimate

_REQUESTED = "sweep_estimate_of"


def estimate(config: SweepConfig) -> None:
    """Show the expected duration, or a button that measures it."""
    is_requested = st.session_state.get(_REQUESTED) == config
    parts = plan(config)

    def estimate_sweep() -> SweepEstimate | None:
        return get_estimator().estimate_sweep(config, parts, try_steps=is_requested)

    try:
        result = estimate_sweep()
    except UserError as error:
        st.caption(f":red[{escape(error)}]")
        return
    if result:
        seconds, basis, device = result.total_seconds, result.basis, result.device
        st.caption(describe_sweep_estimate(config, len(parts), seconds, basis, device))
    elif is_requested:
        wait_for_estimate(lambda: estimate_sweep() is not None)
    else:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Estimate", icon=":material/timer:", key="sweep_estimate",
                on_click=st.session_state.update, args=({_REQUESTED: config},),
                help="Times a few steps at the smallest, the middle and the largest size.",
            )  # fmt: skip
            st.caption("No earlier runs to estimate the duration from.", width="content")
        if not get_estimator().devices():  # earlier runs are looked up by device
            rerun_when(lambda: bool(get_estimator().devices()))
