"""The Train page: start runs and watch them."""

import dataclasses

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.form_widgets import lazy_expander
from pages.shared.state import get_scheduler, get_store
from pages.train import form
from pages.train.live import watch_run
from pages.train.queue import queue_list, resume_button, resume_offers
from s2s.analysis.run.steps import LossScale
from s2s.config import TrainConfig
from s2s.formatting import format_run_label
from s2s.records import Run, RunState
from s2s.runs.files import has_checkpoint
from s2s.text.compare import list_choices

CURRENT_RUN = 0
"""Option of the run selection, in place of a run id, that stands for the run that trains."""


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
    """Start a new run from the weights of a run."""
    changes = {"iterations": st.session_state[f"more_{run.id}"], "max_seconds": 0.0}
    start([dataclasses.replace(run.config, continue_from=run.id, **changes)])


def select_run(runs: list[Run], unfinished: list[Run]) -> Run:
    """Return the selected run; by default the run that trains now or next, or else the latest."""
    by_id = {run.id: run for run in runs}
    running = [run for run in runs if run.state in (RunState.RUNNING, RunState.STOPPING)]
    current = (running or unfinished or runs)[0]
    if st.session_state.get("shown_run") not in by_id:
        st.session_state["shown_run"] = CURRENT_RUN

    def label(run_id: int) -> str:
        if run_id != CURRENT_RUN:
            return f"{format_run_label(by_id[run_id])} · {by_id[run_id].state}"
        return f"{'Running' if unfinished else 'Latest'}: {format_run_label(current)}"

    selected = st.selectbox(
        "Run", [CURRENT_RUN, *by_id], key="shown_run", format_func=label, persist_state="session"
    )
    return by_id.get(selected, current)


def action_buttons(run: Run) -> None:
    """Show the buttons and links of a run that has ended."""
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


def welcome_panel() -> None:
    """Introduce s2s to a first visitor, with two buttons that start runs."""
    with st.container(border=True):
        st.subheader("Teach this computer to translate")
        st.write(
            "s2s trains a small French → English translator on this machine and shows how the "
            "**batch size** affects speed, memory and learning. A starter corpus is built in; "
            "nothing is downloaded."
        )
        with st.container(horizontal=True):
            st.button(
                "Train for one minute", key="start_one_minute", type="primary",
                icon=":material/play_arrow:", on_click=catch_errors(start),
                args=(form.ONE_MINUTE.configs,),
            )  # fmt: skip
            st.button(
                "Train the article's pair: batch sizes 2 and 32", key="start_article_pair",
                on_click=catch_errors(start), args=(form.ARTICLE_PAIR.configs,),
            )  # fmt: skip
        st.caption("To choose the settings yourself, open **New run** below.")


def settings_table(run: Run) -> None:
    """Show all settings of a run."""
    st.table({name: escape(value) for name, value in list_choices(run.config).items()})


st.title("Train")
resume_offers()
runs = get_store().runs()
if not runs:
    welcome_panel()
lazy_expander("New run", "add_circle", form.OPEN, lambda: form.run_form(start))
if runs:
    unfinished = [run for run in reversed(runs) if not run.state.has_ended()]  # oldest first
    queue_list(unfinished)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = select_run(runs, unfinished)
        scale = st.segmented_control(
            "Loss", list(LossScale), default=LossScale.TOKEN, required=True, key="train_scale",
            persist_state="session",
        )  # fmt: skip
    if run.state.has_ended():
        action_buttons(run)
    watch_run(run.id, scale, tuple((each.id, each.state) for each in unfinished))
    lazy_expander("All settings of this run", "list", "settings", lambda: settings_table(run))
