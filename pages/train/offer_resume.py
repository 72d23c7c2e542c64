"""Runs that were interrupted and can go on: a sentence and two buttons each."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.escaping import escape
from pages.shared.state import get_manager, get_store
from s2s.errors import UserError
from s2s.records import Run
from s2s.runs.resume import resumable, resumes_at
from s2s.text.run import describe_interruption

_SHOWN = 3
"""Those that had begun before others: a shutdown interrupts a whole queue."""


def offer_resume() -> None:
    """In the page body, above all else: nothing where no run was cut off."""
    found = sorted(resumable(get_store()), key=lambda each: not each[0].iterations_done)
    for run, iteration in found[:_SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center", key=f"offer_{run.id}"):
            st.markdown(
                f":material/pause_circle: {escape(describe_interruption(run, iteration))}",
                width="content",
            )
            _buttons([run], "Resume", "Leave it")
    if len(found) > _SHOWN:
        with st.container(horizontal=True, vertical_alignment="center", key="offer_all"):
            st.caption(f"And {len(found) - _SHOWN:,} more.", width="content")
            _buttons([run for run, _ in reversed(found)], "Resume all", "Leave them all")


def resume_button(run: Run) -> None:
    """Among what can follow a run; nothing where it cannot be resumed."""
    iteration = resumes_at(get_store(), run)
    if iteration is not None:
        st.button(
            "Resume", key=f"resume_{run.id}", icon=":material/play_arrow:", on_click=_resume,
            args=([run],), help=f"Goes on from iteration {iteration:,} to the run's own end.",
        )  # fmt: skip


def _buttons(runs: Sequence[Run], resume: str, leave: str) -> None:
    key = runs[0].id if len(runs) == 1 else "all"
    st.button(
        resume, key=f"offer_resume_{key}", icon=":material/play_arrow:", on_click=_resume,
        args=(runs,), help="Goes on just as if it had never been cut off.",
    )  # fmt: skip
    st.button(
        leave, key=f"offer_leave_{key}", on_click=_leave, args=(runs,),
        help="No longer offered here; records and model stay.",
    )  # fmt: skip


def _resume(runs: Sequence[Run]) -> None:
    """Another tab may have been faster."""
    for run in runs:
        try:
            get_manager().resume(run.id)
        except UserError as error:
            st.error(escape(error))


def _leave(runs: Sequence[Run]) -> None:
    for run in runs:
        get_store().dismiss_run(run.id)
