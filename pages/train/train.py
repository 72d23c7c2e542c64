"""The Train page: start runs and watch them."""

import dataclasses
from collections.abc import Sequence

import streamlit as st

from pages.shared.errors import call_for_each, catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_scheduler, get_store
from pages.shared.widgets import lazy_expander
from pages.train import form
from pages.train.live import watch_run
from s2s.analysis.run.steps import LossScale
from s2s.config import TrainConfig
from s2s.formatting import format_run_label
from s2s.records import Run, RunState
from s2s.runs.files import has_checkpoint
from s2s.runs.lost_gpu import is_blocked
from s2s.runs.resume import find_resumable, find_resume_iteration
from s2s.text.compare import list_choices
from s2s.text.run import describe_interruption

CURRENT_RUN = 0
"""Value of the run selection for the run that trains now or next, or else the latest one."""
MAX_OFFERS = 3  # offers shown one by one: a shutdown can interrupt a whole queue


def start(configs: list[TrainConfig]) -> None:
    """Queue one run per configuration, close the form and show the current run."""
    get_scheduler().submit(configs)
    st.session_state[form.OPEN_KEY] = False
    st.session_state["shown_run"] = CURRENT_RUN


def copy_to_form(run: Run) -> None:
    """Fill the form with the run's configuration."""
    form.fill_form([run.config])
    st.session_state[form.OPEN_KEY] = True


def continue_training(run: Run) -> None:
    """Queue a new run that starts from the weights of this run."""
    changes = {"iterations": st.session_state[f"more_{run.id}"], "max_seconds": 0.0}
    start([dataclasses.replace(run.config, continue_from=run.id, **changes)])


def select_run(runs: list[Run], unfinished: list[Run]) -> Run:
    """Let the user select a run, by default the current one (see CURRENT_RUN), and return it."""
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
        iteration = find_resume_iteration(get_store(), run)
        if iteration is not None:
            st.button(
                "Resume", key=f"resume_{run.id}", icon=":material/play_arrow:",
                on_click=catch_errors(get_scheduler().resume), args=(run.id,),
                help=f"Trains the rest of this run, from iteration {iteration:,} to its end.",
            )  # fmt: skip
        if has_checkpoint(run.id):
            with st.popover("Continue training", icon=":material/add:"):
                st.number_input(
                    "Additional iterations", min_value=1, step=500, key=f"more_{run.id}",
                    value=min(run.config.iterations, 1000),
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
    """Introduce s2s to a new user, with two buttons that start runs."""
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


def queue_list(runs: Sequence[Run]) -> None:
    """Show each unfinished run, with a button to stop it or to remove it from the queue.

    Call this outside fragments: a button in a fragment takes effect only at its next refresh.
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
    """Offer to resume the interrupted runs, those with a completed step first."""
    offers = sorted(find_resumable(get_store()), key=lambda offer: not offer[0].iterations_done)
    for run, iteration in offers[:MAX_OFFERS]:
        escaped = escape(describe_interruption(run, iteration))
        with st.container(horizontal=True, vertical_alignment="center", key=f"offer_{run.id}"):
            st.markdown(f":material/pause_circle: {escaped}", width="content")
            offer_buttons([run.id], str(run.id))
    if len(offers) > MAX_OFFERS:
        with st.container(horizontal=True, vertical_alignment="center", key="offer_all"):
            st.caption(f"And {len(offers) - MAX_OFFERS:,} more.", width="content")
            offer_buttons([run.id for run, _ in reversed(offers)], "all", " all")


def offer_buttons(run_ids: Sequence[int], key: str, suffix: str = "") -> None:
    """Show buttons that resume or dismiss these interrupted runs; `suffix` ends their labels."""
    st.button(
        f"Resume{suffix}", key=f"offer_resume_{key}", icon=":material/play_arrow:",
        on_click=call_for_each, args=(get_scheduler().resume, run_ids),
        help="The result will be the same as without the interruption.",
    )  # fmt: skip
    st.button(
        f"Dismiss{suffix}", key=f"offer_dismiss_{key}",
        on_click=call_for_each, args=(get_store().dismiss_run, run_ids),
        help="Hides this offer. Records and weights are kept.",
    )  # fmt: skip


st.title("Train")
resume_offers()
runs = get_store().runs()
if not runs:
    welcome_panel()
lazy_expander("New run", "add_circle", form.OPEN_KEY, lambda: form.new_run_form(start))
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
    settings = {name: escape(value) for name, value in list_choices(run.config).items()}
    lazy_expander("All settings of this run", "list", "settings", lambda: st.table(settings))
