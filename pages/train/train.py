"""The Train page: start runs and watch them."""

import dataclasses

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_scheduler, get_store
from pages.train import form
from pages.train.live import watch_run
from pages.train.presets import welcome_panel
from pages.train.queue import queue, resume_button, resume_offers
from s2s.analysis.run.steps import LossScale
from s2s.config import TrainConfig
from s2s.formatting import format_run_label
from s2s.records import Run, RunState
from s2s.runs.files import has_checkpoint
from s2s.text.compare import list_choices

CURRENT_RUN = 0  # in the run selection: the run that trains, whichever it is


def start(configs: list[TrainConfig]) -> None:
    """Queue the runs, close the form and show the run that trains."""
    get_scheduler().submit(configs)
    st.session_state[form.OPEN] = False
    st.session_state["shown_run"] = CURRENT_RUN


def copy_to_form(run: Run) -> None:
    """Fill the form with the run's configuration."""
    form.fill_form([run.config])
    st.session_state[form.OPEN] = True


def continue_training(run: Run) -> None:
    """Start a run from the weights of this one."""
    changes = {"iterations": st.session_state[f"more_{run.id}"], "max_seconds": 0.0}
    start([dataclasses.replace(run.config, continue_from=run.id, **changes)])


def select_run(runs: list[Run]) -> Run:
    """Return the selected run; by default the one that trains now or next, or else the latest."""
    by_id = {run.id: run for run in runs}
    waiting = [run for run in reversed(runs) if run.state is RunState.QUEUED]
    running = [run for run in runs if not run.state.has_ended() and run not in waiting]
    current = (running or waiting or runs)[0]
    if st.session_state.get("shown_run") not in by_id:
        st.session_state["shown_run"] = CURRENT_RUN

    def label(run_id: int) -> str:
        if run_id != CURRENT_RUN:
            return f"{format_run_label(by_id[run_id])} · {by_id[run_id].state}"
        return f"{'Running' if running or waiting else 'Latest'}: {format_run_label(current)}"

    selected = st.selectbox(
        "Run", [CURRENT_RUN, *by_id], key="shown_run", format_func=label, persist_state="session"
    )
    return by_id.get(selected, current)


def actions(run: Run) -> None:
    """Show the buttons and links for a finished run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        resume_button(run)
        if has_checkpoint(run.id):
            with st.popover("Continue training", icon=":material/add:"):
                st.number_input(
                    "Iterations", min_value=1, value=min(run.config.iterations, 1000), step=500,
                    key=f"more_{run.id}",
                )  # fmt: skip
                st.button(
                    "Start", key="continue_training", type="primary",
                    on_click=catch_errors(continue_training), args=(run,),
                )  # fmt: skip
        st.button(
            "Copy to form", key="copy_to_form", icon=":material/replay:", on_click=copy_to_form,
            args=(run,), help="Fills the New run form with this run's settings.",
        )  # fmt: skip
        st.page_link("pages/compare/compare.py", label="Compare runs", icon=":material/bar_chart:")
        st.page_link("pages/translate/translate.py", label="Translate", icon=":material/translate:")


st.title("Train")
resume_offers()
runs = get_store().runs()
if not runs:
    welcome_panel(start)
panel = st.expander("New run", icon=":material/add_circle:", key=form.OPEN, on_change="rerun")
if panel.open:
    with panel:
        form.run_form(start)
if runs:
    unfinished = [run for run in reversed(runs) if not run.state.has_ended()]
    queue(unfinished)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = select_run(runs)
        scale = st.segmented_control(
            "Loss", list(LossScale), default=LossScale.TOKEN, required=True, key="train_scale",
            persist_state="session",
        )  # fmt: skip
    if run.state.has_ended():
        actions(run)
    watch_run(run.id, scale, tuple((each.id, each.state) for each in unfinished))
    panel = st.expander(
        "All settings of this run", icon=":material/list:", key="settings", on_change="rerun"
    )
    if panel.open:  # the contents of a closed expander would be drawn at every refresh too
        panel.table({name: escape(value) for name, value in list_choices(run.config).items()})
