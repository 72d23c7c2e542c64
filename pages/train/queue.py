"""Lists of unfinished and interrupted runs, with Stop, Remove, Resume and Dismiss buttons."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_scheduler, get_store
from s2s.formatting import format_run_label
from s2s.records import Run, RunState
from s2s.runs.lost_gpu import is_blocked
from s2s.runs.resume import find_resumable, resume_iteration
from s2s.text.run import describe_interruption

_MAX_OFFERS = 3  # a shutdown can interrupt a whole queue


def queue_list(runs: Sequence[Run]) -> None:
    """Show each unfinished run with a Stop or Remove button.

    Call this in the page body: a button in a fragment would react only at the next refresh.
    """
    for run in runs:
        icon, label, button_icon = "model_training", "Stop", "stop"
        help_, state = "Stops after the current step and keeps the weights.", str(run.state)
        if run.state is RunState.QUEUED:
            icon, label, button_icon = "hourglass_empty", "Remove", "close"
            help_ = "Removes the run from the queue."
            if is_blocked(run.config.device):
                state += ", blocked until s2s is restarted"
        with st.container(horizontal=True, vertical_alignment="center"):
            text = f":material/{icon}: **{escape(format_run_label(run))}** :gray[{state}]"
            st.markdown(text, width="content")
            st.button(
                label, key=f"stop_{run.id}", icon=f":material/{button_icon}:", help=help_,
                disabled=run.state is RunState.STOPPING,
                on_click=catch_errors(get_scheduler().stop), args=(run.id,),
            )  # fmt: skip


def resume_offers() -> None:
    """Show interrupted runs that can be resumed, those with progress first."""
    offers = sorted(find_resumable(get_store()), key=lambda offer: not offer[0].iterations_done)
    for run, iteration in offers[:_MAX_OFFERS]:
        sentence = escape(describe_interruption(run, iteration))
        with st.container(horizontal=True, vertical_alignment="center", key=f"offer_{run.id}"):
            st.markdown(f":material/pause_circle: {sentence}", width="content")
            _offer_buttons([run], str(run.id))
    if len(offers) > _MAX_OFFERS:
        with st.container(horizontal=True, vertical_alignment="center", key="offer_all"):
            st.caption(f"And {len(offers) - _MAX_OFFERS:,} more.", width="content")
            _offer_buttons([run for run, _ in reversed(offers)], "all", " all")


def resume_button(run: Run) -> None:
    """Show a Resume button if the run can be resumed."""
    iteration = resume_iteration(get_store(), run)
    if iteration is not None:
        st.button(
            "Resume", key=f"resume_{run.id}", icon=":material/play_arrow:", on_click=_resume,
            args=([run],), help=f"Continues from iteration {iteration:,} until the run's end.",
        )  # fmt: skip


def _offer_buttons(runs: Sequence[Run], key: str, all_: str = "") -> None:
    st.button(
        f"Resume{all_}", key=f"offer_resume_{key}", icon=":material/play_arrow:",
        on_click=_resume, args=(runs,), help="The result is the same as without the interruption.",
    )  # fmt: skip
    st.button(
        f"Dismiss{all_}", key=f"offer_dismiss_{key}", on_click=_dismiss, args=(runs,),
        help="Hides this offer. Records and weights are kept.",
    )  # fmt: skip


def _resume(runs: Sequence[Run]) -> None:
    for run in runs:  # one that was resumed in another tab must not keep the others waiting
        catch_errors(get_scheduler().resume)(run.id)


def _dismiss(runs: Sequence[Run]) -> None:
    for run in runs:
        get_store().dismiss_run(run.id)
