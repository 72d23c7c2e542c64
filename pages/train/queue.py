"""What runs and what waits, each with its button."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import state as shared
from pages.shared.errors import guarded
from pages.shared.escaping import inert
from s2s.formatting import run_label
from s2s.records import Run, RunState
from s2s.runs import lost_gpu as cuda_context

STOP_WAIT_SECONDS = 0.1
"""A small model has stopped by then; of another the page says at once that it stops."""


def queue(active: Sequence[Run]) -> None:
    """`active` in the order of their turn. In the page body: a fragment's button would wait."""
    for run in active:
        with st.container(horizontal=True, vertical_alignment="center"):
            waiting = run.state is RunState.QUEUED
            is_held = waiting and cuda_context.is_held(run.config.device)
            held = ", held till s2s is started again" if is_held else ""
            icon = "hourglass_empty" if waiting else "model_training"
            st.markdown(
                f":material/{icon}: **{inert(run_label(run))}** :gray[{run.state}{held}]",
                width="content",
            )
            st.button(
                "Remove" if waiting else "Stop",
                key=f"stop_{run.id}",
                icon=":material/close:" if waiting else ":material/stop:",
                disabled=run.state is RunState.STOPPING,
                help="Takes it out of the queue."
                if waiting
                else "Ends after the step it is in; what it learnt is kept.",
                on_click=guarded(shared.manager().stop),
                args=(run.id, STOP_WAIT_SECONDS),
            )
