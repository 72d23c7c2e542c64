"""The expected duration of a new sweep, from earlier runs or from trial steps on request."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_estimator, get_store
from s2s.background.estimates import SweepEstimate
from s2s.config import SweepConfig
from s2s.errors import UserError
from s2s.formatting import format_device, format_duration
from s2s.records import RunState
from s2s.sweeps.plan import plan

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
    try:
        found = get_estimator().estimate_sweep(config, plan(config), try_steps=is_requested)
    except UserError as error:
        st.caption(f":red[{escape(error)}]")
        return True
    if found:
        st.caption(_sentence(config, found))
        return True
    if is_requested:
        is_training = any(run.state is RunState.RUNNING for run in get_store().runs())
        when = " once the current run has ended" if is_training else ""
        st.caption(f"Measuring step times{when}…")
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Estimate", icon=":material/timer:", key=f"sweep_estimate_{caller}",
            on_click=_request, args=(config,),
            help="Times a few steps at the smallest, the middle and the largest size.",
        )  # fmt: skip
        st.caption("No earlier runs to estimate the duration from.", width="content")
    return bool(get_estimator().devices())  # earlier runs are looked up by device


def _request(config: SweepConfig) -> None:
    st.session_state[_REQUESTED] = config


def _sentence(config: SweepConfig, found: SweepEstimate) -> str:
    if found.total_seconds is None:
        return "The duration could not be measured: every trial step ran out of memory."
    prefix = "At most about" if config.target_loss else "About"
    larger = "; larger sizes not included" if config.grow_until_oom else ""
    duration = f"**{format_duration(found.total_seconds)}** in total"
    return f"{prefix} {duration} on {format_device(found.device)} (from {found.basis}{larger})."
