"""Many batch sizes, repeated and interleaved; the throughput curve fills in as they run."""

import dataclasses

import pandas as pd
import streamlit as st

from pages.parts import shared, sweep_form
from pages.parts.door import enter
from pages.parts.live_chart import chart
from pages.parts.sweeps import chosen_sweep
from s2s.analysis.speed_curve import law_text, speed_text
from s2s.analysis.sweep_figures import speed_curves
from s2s.analysis.sweep_table import sweep_rows
from s2s.analysis.words import run_label
from s2s.charts.speed_curve import speed_figure
from s2s.config import SweepConfig, UserError
from s2s.records import RunState, Sweep, SweepState
from s2s.runs.sweeps import read_sweep, read_sweeps

_TICK = "2s"


def start(config: SweepConfig) -> None:
    """Begins the sweep, folds the form away and follows it."""
    try:
        sweep_id = shared.manager().submit_sweep(config)
    except UserError as error:
        st.error(str(error))
        return
    st.session_state[sweep_form.OPEN] = False
    st.session_state["shown_sweep"] = sweep_id


def resume(sweep_id: int) -> None:
    """Goes on with the parts that have no result."""
    try:
        shared.manager().resume_sweep(sweep_id)
    except UserError as error:
        st.error(str(error))


def controls(sweep: Sweep) -> None:
    """Stop, go on, and where to look next."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if sweep.state is SweepState.RUNNING:
            st.button(
                "Stop", icon=":material/stop:", on_click=shared.manager().stop_sweep,
                args=(sweep.id,),
            )  # fmt: skip
        elif sweep.state is SweepState.STOPPED:
            st.button(
                "Go on", type="primary", icon=":material/play_arrow:", on_click=resume,
                args=(sweep.id,), help="Finished runs are not done again.",
            )  # fmt: skip
        st.page_link("pages/advisor.py", label="Which size?", icon=":material/tips_and_updates:")
        st.page_link("pages/compare.py", label="Compare runs", icon=":material/bar_chart:")


def show(sweep_id: int) -> None:
    """Progress, the throughput curve and the table, as far as they are."""
    sweep = read_sweep(shared.store(), sweep_id)
    running = [part.run for part in sweep.parts if part.run and part.run.state is RunState.RUNNING]
    done, total = sweep.done(), len(sweep.parts)
    now = f", now {run_label(running[0])}" if running else ""
    st.progress(done / total, f"{done:,} of {total:,} runs done{now}")
    curves = speed_curves(sweep)
    chart(speed_figure(curves, revision=str(sweep.id)), speed_text(curves), "sweep_speed")
    for curve in curves:
        if said := law_text(curve):
            st.caption(said)
    rows = pd.DataFrame([dataclasses.asdict(row) for row in sweep_rows(sweep)])
    st.dataframe(
        rows.dropna(axis="columns", how="all"),
        hide_index=True,
        column_config={
            "engine": "Engine",
            "batch_size": "Batch size",
            "states": "State",
            "samples_per_second": st.column_config.NumberColumn("Samples/s", format="%.0f"),
            "validation_loss_per_token": st.column_config.NumberColumn(
                "Validation, a token", format="%.3f"
            ),
            "reached": "Reached the target",
            "steps_to_target": st.column_config.NumberColumn("Steps to it", format="%.0f"),
            "samples_to_target": st.column_config.NumberColumn("Samples to it", format="%.0f"),
        },
    )
    if sweep.state is not SweepState.RUNNING and st.session_state.get("sweep_ran") == sweep_id:
        del st.session_state["sweep_ran"]
        st.rerun()  # to be drawn without a timer from now on


enter()
st.title("Sweep")
st.caption("Many batch sizes on this machine, repeated and interleaved.")
st.page_link("pages/replay.py", label="Replay the article", icon=":material/replay:")
sweeps = read_sweeps(shared.store())
st.session_state.setdefault(sweep_form.OPEN, not sweeps)
panel = st.expander(
    "New sweep", icon=":material/add_circle:", key=sweep_form.OPEN, on_change="rerun"
)
if panel.open:
    with panel:
        sweep_form.sweep_form(start)
if sweeps:
    sweep = chosen_sweep(sweeps)
    controls(sweep)
    going = sweep.state is SweepState.RUNNING
    if going:
        st.session_state["sweep_ran"] = sweep.id
    st.fragment(show, run_every=_TICK if going else None)(sweep.id)
