"""What a sweep found, against the batch size. It only draws, and only the tab that is open."""

import dataclasses

import pandas as pd
import streamlit as st

from pages.shared.address import choice
from pages.shared.chart import chart
from pages.sweep.translations import translations
from s2s.analysis.run.anatomy import split_text
from s2s.analysis.sweep.figures import speed_curves
from s2s.analysis.sweep.speed_curve import Unit, law_text, speed_text
from s2s.analysis.sweep.step_parts import padding, padding_text, step_parts, step_parts_text
from s2s.analysis.sweep.table import sweep_rows
from s2s.charts.padding import padding_figure
from s2s.charts.speed_curve import speed_figure
from s2s.charts.step_parts import step_parts_figure
from s2s.config import Engine
from s2s.records import Sweep

_COLUMNS = {
    "engine": "Engine",
    "batch_size": "Batch size",
    "states": "State",
    "samples_per_second": st.column_config.NumberColumn("Samples/s", format="%.0f"),
    "validation_loss_per_token": st.column_config.NumberColumn(
        "Validation, a token", format="%.3f"
    ),
    "reached": "Reached the target",
    "steps_to_target": st.column_config.NumberColumn(
        "Steps to it",
        format="%.0f",
        help="Up to the evaluation that showed it; the Advisor reckons with the place between two.",
    ),
    "samples_to_target": st.column_config.NumberColumn("Samples to it", format="%.0f"),
}


def sweep_charts(sweep: Sweep) -> None:
    """The throughput, and below it one tab each for the rest."""
    if any(row.samples_per_second for row in sweep_rows(sweep)):
        _throughput(sweep)
    else:
        st.caption("The first finished run will be the first point of the throughput.")
    drawn = {
        "Figures": lambda: _table(sweep),
        "Step anatomy": lambda: _anatomy(sweep, chosen_engine(sweep)),
        "Padding": lambda: _padding(sweep),
        "One sentence": lambda: translations(sweep, chosen_engine(sweep)),
    }
    tabs = st.tabs(list(drawn), key="sweep_tab", on_change="rerun", bind="query-params")
    for tab, draw in zip(tabs, drawn.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def chosen_engine(sweep: Sweep) -> Engine:
    """Asked for only where the sweep has several."""
    engines = list(sweep.config.engines)
    if len(engines) == 1:
        return engines[0]
    if st.session_state.get("sweep_engine") not in engines:
        st.session_state["sweep_engine"] = engines[0]
    return Engine(
        st.segmented_control(
            "Engine", engines, key="sweep_engine", required=True, persist_state="session"
        )
    )


def _throughput(sweep: Sweep) -> None:
    unit = choice(
        "Count", list(Unit), "sweep_unit",
        label_visibility="collapsed", format_func=lambda each: f"{each}/s",
    )  # fmt: skip
    curves = speed_curves(sweep, unit)
    chart(speed_figure(curves, revision=f"{sweep.id} {unit}"), speed_text(curves), "sweep_speed")
    for curve in curves:
        if said := law_text(curve):
            st.caption(said)


def _table(sweep: Sweep) -> None:
    rows = pd.DataFrame([dataclasses.asdict(row) for row in sweep_rows(sweep)])
    st.dataframe(
        rows.dropna(axis="columns", how="all"),
        hide_index=True,
        column_config=_COLUMNS,
        alt="Figures of each batch size, medians over its repeats",
    )


def _padding(sweep: Sweep) -> None:
    lines = padding(sweep)
    points = [point for line in lines for point in line.points]
    if not points:
        st.caption("The first finished runs will tell how much was padding.")
        return
    figure = padding_figure(lines, revision=str(sweep.id))
    chart(figure, padding_text(lines), "sweep_padding")
    if not any(point.high for point in points):
        st.caption("These runs computed no padding at all.")


def _anatomy(sweep: Sweep, engine: Engine) -> None:
    found = step_parts(sweep, engine)
    if not found.sizes:
        st.caption("The first finished runs will tell where a step's time goes.")
        return
    of = choice("Time of", ["a step", "a sentence"], "sweep_time_of", label_visibility="collapsed")
    figure = step_parts_figure(
        found, a_sentence=of == "a sentence", revision=f"{sweep.id} {engine}"
    )
    chart(figure, step_parts_text(found), "sweep_anatomy")
    if found.split:
        st.caption(split_text(found.split))
