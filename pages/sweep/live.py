"""The progress of a sweep, refreshed on a timer while it runs."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.records import read_records
from pages.shared.state import get_estimator, get_store
from s2s.analysis.run.progress import Progress, measure_progress
from s2s.background.estimates import SweepEstimate, estimate_remaining
from s2s.errors import UserError
from s2s.formatting import format_duration, format_run_label
from s2s.records import Run, RunState, Sweep, SweepState
from s2s.store.sweeps import read_sweep

_TICK = "2s"
Snapshot = tuple[object, ...]
"""The state that the rest of the page shows: when it changes, the page is rerun."""


def watch_sweep(sweep: Sweep) -> None:
    """Show the sweep's progress and the time left."""
    is_running = sweep.state is SweepState.RUNNING
    estimate = _estimate(sweep) if is_running else None
    st.fragment(catch_errors(_tick), run_every=_TICK if is_running else None)(
        sweep.id, _snapshot(sweep), estimate
    )


def _estimate(sweep: Sweep) -> SweepEstimate | None:
    remaining = [part for part in sweep.parts if not part.is_done()]
    try:
        return get_estimator().estimate_sweep(sweep.config, remaining)
    except UserError:  # a trial failed; the runs themselves report why
        return None


def _snapshot(sweep: Sweep) -> Snapshot:
    run = _running_run(sweep)
    return sweep.state, sweep.count_done_parts(), run and run.id


def _running_run(sweep: Sweep) -> Run | None:
    runs = [part.run for part in sweep.parts if part.run]
    return next((run for run in runs if run.state is RunState.RUNNING), None)


def _tick(sweep_id: int, snapshot: Snapshot, estimate: SweepEstimate | None) -> None:
    try:
        sweep = read_sweep(get_store(), sweep_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if _snapshot(sweep) != snapshot:
        st.rerun()
    done, total, progress = sweep.count_done_parts(), len(sweep.parts), None
    parts = [f"{done:,} of {total:,} runs done"]
    if run := _running_run(sweep):
        progress = measure_progress(run.config, read_records(run.id)[0])
        parts.append(f"now {escape(format_run_label(run))}")
    if sweep.state is SweepState.RUNNING:
        # Unknown at first: devices are looked up in the background, which loads torch.
        parts.append(_describe_time_left(sweep, estimate or _estimate(sweep), progress))
    share = (done + (progress.share if progress else 0.0)) / total
    st.progress(min(1.0, share), " · ".join(parts))


def _describe_time_left(
    sweep: Sweep, estimate: SweepEstimate | None, progress: Progress | None
) -> str:
    current = progress.seconds_left if progress else None
    left = estimate and estimate_remaining(sweep, estimate.times, estimate.device, current)
    if left is None:
        return "time remaining is unknown until the first runs finish"
    return f"{'at most ' if sweep.config.target_loss else ''}about {format_duration(left)} left"
