"""The expected duration of a new sweep, from earlier runs or from trial steps on request."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_estimator, get_store
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.records import RunState
from s2s.sweeps.plan import plan
from s2s.text.listing import sweep_estimate_text

_REQUESTED = "sweep_estimate_of"


def estimate(config: SweepConfig) -> None:
    """Show the expected duration, or a button that measures it; refresh while measuring."""

    def tick() -> None:
        if _draw(config, "timer"):
            st.rerun()  # draw it once more, without a timer

    place = st.empty()
    with place.container():
        is_final = _draw(config, "page")
    if not is_final:
        with place.container():
            st.fragment(catch_errors(tick), run_every="1s")()


def _draw(config: SweepConfig, caller: str) -> bool:
    """Draw the estimate and return whether it is final; `caller` keeps widget keys distinct."""
    is_requested = st.session_state.get(_REQUESTED) == config
    parts = plan(config)
    try:
        result = get_estimator().estimate_sweep(config, parts, try_steps=is_requested)
    except UserError as error:
        st.caption(f":red[{escape(error)}]")
        return True
    if result:
        seconds, basis, device = result.total_seconds, result.basis, result.device
        st.caption(sweep_estimate_text(config, len(parts), seconds, basis, device))
        return True
    if is_requested:
        is_training = any(run.state is RunState.RUNNING for run in get_store().runs())
        when = " once the current run has ended" if is_training else ""
        st.caption(f"Measuring step times{when}…")
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Estimate",
            icon=":material/timer:",
            key=f"sweep_estimate_{caller}",
            on_click=st.session_state.update,
            args=({_REQUESTED: config},),
            help="Times a few steps at the smallest, the middle and the largest size.",
        )
        st.caption("No earlier runs to estimate the duration from.", width="content")
    return bool(get_estimator().devices())  # earlier runs are looked up by device
