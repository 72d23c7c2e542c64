"""How long a new sweep would take: by earlier runs, else by trial steps once asked for."""

import streamlit as st

from pages.shared import state as shared
from pages.shared.errors import guarded
from pages.shared.escaping import inert
from s2s.background.sweep_time import SweepTime
from s2s.config import SweepConfig, UserError
from s2s.formatting import device, duration
from s2s.records import RunState
from s2s.sweeps.plan import plan

_ASKED = "sweep_estimate_of"


def estimate(config: SweepConfig) -> None:
    """A sentence, or the button that asks; asks again each second while it is measured."""

    def tick() -> None:
        if _draw(config, "in time"):
            st.rerun()  # to be drawn without a timer from now on

    place = st.empty()
    with place.container():
        ready = _draw(config, "at once")
    if not ready:
        with place.container():
            st.fragment(guarded(tick), run_every="1s")()


def _draw(config: SweepConfig, when: str) -> bool:
    """True when nothing more is to come. `when`: tells apart two drawings in one run."""
    manager = shared.manager()
    asked = st.session_state.get(_ASKED) == config
    try:
        found = manager.expected_sweep(config, plan(config, []), try_steps=asked)
    except UserError as error:
        st.caption(f":red[{inert(error)}]")
        return True
    if found:
        st.caption(_sentence(config, found))
        return True
    if asked:
        training = any(run.state is RunState.RUNNING for run in manager.store.runs())
        then = " when the running training has ended" if training else ""
        st.caption(f"Measuring how long steps take here{then}…")
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Estimate", icon=":material/timer:", key=f"sweep_estimate_{when}",
            on_click=_ask, args=(config,),
            help="Tries a few steps at the smallest, the middle and the largest size.",
        )  # fmt: skip
        st.caption("How long it takes is not known from earlier runs.", width="content")
    return bool(manager.devices())  # without them earlier runs could not be looked up


def _ask(config: SweepConfig) -> None:
    st.session_state[_ASKED] = config


def _sentence(config: SweepConfig, found: SweepTime) -> str:
    if found.total_seconds is None:
        return "How long it takes could not be measured: no trial step found enough memory."
    most = "At most about" if config.target_loss else "About"
    larger = "; larger sizes come on top" if config.grow_until_oom else ""
    return (
        f"{most} **{duration(found.total_seconds)}** in all on {device(found.device)} "
        f"(by {found.basis}{larger})."
    )
