"""The progress of a sweep, refreshed on a timer while it runs."""

import streamlit as st

from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.records import read_records
from pages.shared.state import get_estimator, get_store
from s2s.analysis.run.progress import Progress, measure_progress
from s2s.background.estimates import SweepEstimate, estimate_remaining
from s2s.errors import UserError
from s2s.formatting import format_duration, run_label
from s2s.records import Run, RunState, Sweep, SweepState
from s2s.store.sweeps import read_sweep

_TICK = "2s"
Snapshot = tuple[object, ...]
"""The state that the rest of the page shows: when it changes, the page is rerun."""


def watch_sweep(sweep: Sweep) -> None:
    """Show the sweep's progress and the time left."""
    is_running = sweep.state is SweepState.RUNNING
    takes = _expected(sweep) if is_running else None
    st.fragment(catch_errors(_tick), run_every=_TICK if is_running else None)(
        sweep.id, _snapshot(sweep), takes
    )


def _expected(sweep: Sweep) -> SweepEstimate | None:
    left = [part for part in sweep.parts if not part.is_done()]
    try:
        return get_estimator().estimate_sweep(sweep.config, left)
    except UserError:  # a trial failed; the runs themselves report why
        return None


def _snapshot(sweep: Sweep) -> Snapshot:
    running = _running(sweep)
    return sweep.state, sweep.parts_done(), running and running.id


def _running(sweep: Sweep) -> Run | None:
    runs = [part.run for part in sweep.parts if part.run]
    return next((run for run in runs if run.state is RunState.RUNNING), None)


def _tick(sweep_id: int, snapshot: Snapshot, takes: SweepEstimate | None) -> None:
    try:
        sweep = read_sweep(get_store(), sweep_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if _snapshot(sweep) != snapshot:
        st.rerun()
    run, now = _running(sweep), None
    if run:
        now = measure_progress(run.config, read_records(run.id)[0])
    share = (sweep.parts_done() + (now.share if now else 0.0)) / len(sweep.parts)
    parts = [f"{sweep.parts_done():,} of {len(sweep.parts):,} runs done"]
    if run:
        parts.append(f"now {escape(run_label(run))}")
    if sweep.state is SweepState.RUNNING:
        # Unknown at first: devices are looked up in the background, which loads torch.
        parts.append(_left(sweep, takes or _expected(sweep), now))
    st.progress(min(1.0, share), " · ".join(parts))


def _left(sweep: Sweep, takes: SweepEstimate | None, now: Progress | None) -> str:
    here = now.seconds_left if now else None
    left = takes and estimate_remaining(sweep, takes.times, takes.device, here)
    if left is None:
        return "time remaining is unknown until the first runs finish"
    return f"{'at most ' if sweep.config.target_loss else ''}about {format_duration(left)} left"
