"""Start a run and watch it live."""

import dataclasses

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_manager, get_store
from pages.train import form
from pages.train.first_use import first_use
from pages.train.live import watch
from pages.train.offer_resume import offer_resume, resume_button
from pages.train.queue import queue
from s2s.analysis.run.steps import LossScale
from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.formatting import run_label
from s2s.records import Run, RunState
from s2s.runs.files import has_checkpoint
from s2s.text.choices import choices

FOLLOW = 0  # stands for no run in the choice of the run to show


def start(configs: list[TrainConfig]) -> None:
    """Queues runs, folds the form away and follows what trains."""
    try:
        get_manager().submit(configs)
    except UserError as error:
        st.error(escape(error))
        return
    st.session_state[form.OPEN] = False
    st.session_state["shown_run"] = FOLLOW


def again(run: Run) -> None:
    """Fills the form with what the run was trained with."""
    form.fill([run.config])
    st.session_state[form.OPEN] = True


def go_on(run: Run) -> None:
    """Trains on from the run's weights."""
    more = st.session_state[f"more_{run.id}"]
    start([dataclasses.replace(run.config, continue_from=run.id, iterations=more, max_seconds=0.0)])


def chosen(runs: list[Run]) -> Run:
    """The run to show: the chosen one, else what trains now or next, else the latest."""
    by_id = {run.id: run for run in runs}
    waiting = [run for run in reversed(runs) if run.state is RunState.QUEUED]
    trains = [run for run in runs if not run.state.is_finished() and run not in waiting]
    default = (trains or waiting or runs)[0]
    if st.session_state.get("shown_run") not in by_id:
        st.session_state["shown_run"] = FOLLOW
    picked = st.selectbox(
        "Run",
        [FOLLOW, *by_id],
        key="shown_run",
        format_func=lambda run_id: (
            f"{run_label(by_id[run_id])} · {by_id[run_id].state}"
            if run_id
            else f"{'What trains' if trains or waiting else 'The latest'}: {run_label(default)}"
        ),
        persist_state="session",
    )
    return by_id.get(picked, default)


def actions(run: Run) -> None:
    """What can follow a finished run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        resume_button(run)
        if has_checkpoint(run.id):
            with st.popover("Train more…", icon=":material/add:"):
                st.number_input(
                    "More iterations", min_value=1, value=min(run.config.iterations, 1000),
                    step=500, key=f"more_{run.id}",
                )  # fmt: skip
                st.button(
                    "Train on from here", type="primary", on_click=catch_errors(go_on), args=(run,)
                )
        st.button(
            "Again with…",
            icon=":material/replay:",
            help="Fills the form with this run's choices, ready to be changed.",
            on_click=again,
            args=(run,),
        )
        st.page_link("pages/compare/compare.py", label="Compare runs", icon=":material/bar_chart:")
        st.page_link("pages/translate/translate.py", label="Translate", icon=":material/translate:")


st.title("Train")
offer_resume()
runs = get_store().runs()
if not runs:
    first_use(start)
panel = st.expander("New run", icon=":material/add_circle:", key=form.OPEN, on_change="rerun")
if panel.open:
    with panel:
        form.form(start)
if runs:
    active = [run for run in reversed(runs) if not run.state.is_finished()]
    queue(active)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = chosen(runs)
        scale = st.segmented_control(
            "Loss", list(LossScale), default=LossScale.TOKEN, required=True, key="train_scale",
            persist_state="session",
        )  # fmt: skip
    if run.state.is_finished():
        actions(run)
    watch(run.id, scale, tuple((each.id, each.state) for each in active))
    panel = st.expander(
        "All choices of this run", icon=":material/list:", key="choices", on_change="rerun"
    )
    if panel.open:  # folded away it would still be drawn anew at each tick
        panel.table({name: escape(value) for name, value in choices(run.config).items()})
