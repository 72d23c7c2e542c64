"""The Sweep page: start sweeps, watch them, and see their results by batch size."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import get_estimator, get_store, read_records
from pages.shared.sweeps import list_sweeps, select_sweep, stop_or_continue_button
from pages.shared.widgets import lazy_expander
from pages.sweep import form as sweep_form
from pages.sweep.charts import sweep_charts
from pages.sweep.edit_sweep import edit_sweep, show_deleted_sweeps
from s2s.analysis.run.progress import measure_progress
from s2s.background.estimates import SweepEstimate, estimate_remaining
from s2s.errors import UserError
from s2s.formatting import format_duration, format_run_label
from s2s.records import Run, RunState, Sweep, SweepState
from s2s.store.sweeps import read_sweep

REFRESH_INTERVAL = "2s"
Snapshot = tuple[SweepState, int, int | None]
"""State of the sweep, number of parts done, and id of the run in progress."""


def watch_sweep(sweep: Sweep) -> None:
    """Show the sweep's progress and the time left."""
    is_running = sweep.state is SweepState.RUNNING
    # Estimated here, because an estimate reads all runs: too slow for every refresh.
    estimate = estimate_remaining_parts(sweep) if is_running else None
    interval = REFRESH_INTERVAL if is_running else None
    st.fragment(catch_errors(show_progress), run_every=interval)(
        sweep.id, take_snapshot(sweep), estimate
    )


def estimate_remaining_parts(sweep: Sweep) -> SweepEstimate | None:
    """Estimate the duration of the parts that are not done."""
    remaining = [part for part in sweep.parts if not part.is_done()]
    try:
        return get_estimator().estimate_sweep(sweep.config, remaining)
    except UserError:  # trial steps failed; the runs of the sweep report why
        return None


def take_snapshot(sweep: Sweep) -> Snapshot:
    """Return the part of the sweep's state on which the rest of the page depends."""
    run = find_running_run(sweep)
    return sweep.state, sweep.count_done_parts(), run.id if run else None


def find_running_run(sweep: Sweep) -> Run | None:
    """Return the run of the sweep that is training, if any."""
    runs = [part.run for part in sweep.parts if part.run]
    return next((run for run in runs if run.state is RunState.RUNNING), None)


def show_progress(sweep_id: int, snapshot: Snapshot, estimate: SweepEstimate | None) -> None:
    """Show the progress. If the sweep has changed since the snapshot, rerun the page."""
    try:
        sweep = read_sweep(get_store(), sweep_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if take_snapshot(sweep) != snapshot:
        st.rerun()
    done_count, part_count = sweep.count_done_parts(), len(sweep.parts)
    texts = [f"{done_count:,} of {part_count:,} runs done"]
    run_share, run_seconds_left = 0.0, None
    if run := find_running_run(sweep):
        progress = measure_progress(run.config, read_records(run.id)[0])
        run_share, run_seconds_left = progress.share, progress.seconds_left
        texts.append(f"now training {escape(format_run_label(run))}")
    if sweep.state is SweepState.RUNNING:
        # Without devices there is no estimate, and they are looked up in the background.
        estimate = estimate or estimate_remaining_parts(sweep)
        seconds_left = None
        if estimate:
            times, device = estimate.times, estimate.device
            seconds_left = estimate_remaining(sweep, times, device, run_seconds_left)
        if seconds_left is None:
            texts.append("time remaining is unknown until the first runs finish")
        else:
            limit = "at most " if sweep.config.target_loss else ""
            texts.append(f"{limit}about {format_duration(seconds_left)} left")
    st.progress((done_count + run_share) / part_count, " · ".join(texts))


st.title("Sweep")
st.caption("Train several batch sizes on this machine, with interleaved repeats.")
st.page_link("pages/replay/replay.py", label="Replay the article", icon=":material/replay:")
sweeps = list_sweeps()
st.session_state.setdefault(sweep_form.OPEN_KEY, not sweeps)
lazy_expander("New sweep", "add_circle", sweep_form.OPEN_KEY, sweep_form.new_sweep_form)
if sweeps:
    sweep = select_sweep(sweeps)
    with st.container(horizontal=True, vertical_alignment="center"):
        stop_or_continue_button(sweep)
        advisor, compare = "pages/advisor/advisor.py", "pages/compare/compare.py"
        st.page_link(advisor, label="Recommended batch size", icon=":material/tips_and_updates:")
        st.page_link(compare, label="Compare runs", icon=":material/bar_chart:")
    watch_sweep(sweep)
    if sweep.notes:
        st.text(sweep.notes)
    sweep_charts(sweep)
    lazy_expander("Name, notes, delete", "edit", "changing_sweep", lambda: edit_sweep(sweep))
show_deleted_sweeps()
