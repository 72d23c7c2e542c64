"""Charts and tables of a sweep by batch size; only the open tab is drawn."""

import dataclasses

import pandas as pd
import streamlit as st

from pages.shared.address import segmented_choice
from pages.shared.chart import draw_chart
from pages.shared.sweeps import select_engine
from pages.sweep.translations import translations
from s2s.analysis.sweep.step_parts import measure_padding, measure_step_parts
from s2s.analysis.sweep.table import sweep_rows
from s2s.analysis.sweep.throughput import Unit, sweep_speed_curves
from s2s.charts.anatomy import plot_step_parts
from s2s.charts.sweep import plot_padding, plot_speed_curves
from s2s.config import Engine
from s2s.records import Sweep
from s2s.text.charts import describe_padding, describe_speed_curves, describe_step_parts
from s2s.text.compare import describe_anatomy_fit
from s2s.text.sweep import describe_throughput_fit, format_states

_NUMBER = st.column_config.NumberColumn
_COLUMNS = {
    "engine": "Engine",
    "batch_size": "Batch size",
    "states": "State",
    "samples_per_second": _NUMBER("Samples/s", format="%,.0f"),
    "validation_loss_per_token": _NUMBER("Validation loss per token", format="%.3f"),
    "reached": "Reached the target",
    "steps_to_target": _NUMBER(
        "Steps to target",
        format="%,.0f",
        help="Up to the evaluation that showed it. The Advisor interpolates between evaluations.",
    ),
    "samples_to_target": _NUMBER("Samples to target", format="%,.0f"),
}


def sweep_charts(sweep: Sweep) -> None:
    """Show the throughput chart, and one tab per further view."""
    if any(row.samples_per_second for row in sweep_rows(sweep)):
        _throughput(sweep)
    else:
        st.caption("The throughput chart appears after the first finished run.")
    views = {
        "Figures": lambda: _table(sweep),
        "Step anatomy": lambda: _anatomy(sweep, select_engine(sweep)),
        "Padding": lambda: _padding(sweep),
        "Sample translations": lambda: translations(sweep, select_engine(sweep)),
    }
    tabs = st.tabs(list(views), key="sweep_tab", on_change="rerun", bind="query-params")
    for tab, draw in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def _throughput(sweep: Sweep) -> None:
    unit = segmented_choice(
        "Unit", list(Unit), "sweep_unit",
        label_visibility="collapsed", format_func=lambda each: f"{each}/s",
    )  # fmt: skip
    curves = sweep_speed_curves(sweep, unit)
    figure = plot_speed_curves(curves, revision=f"{sweep.id} {unit}")
    draw_chart(figure, describe_speed_curves(curves), "sweep_speed")
    for text in filter(None, map(describe_throughput_fit, curves)):
        st.caption(text)


def _table(sweep: Sweep) -> None:
    rows = [
        dataclasses.asdict(row) | {"states": format_states(row.states)} for row in sweep_rows(sweep)
    ]
    st.dataframe(
        pd.DataFrame(rows).dropna(axis="columns", how="all"),
        hide_index=True,
        column_config=_COLUMNS,
        alt="Figures per batch size, medians over repeats",
    )


def _padding(sweep: Sweep) -> None:
    ratios = measure_padding(sweep)
    points = [point for each in ratios.values() for point in each]
    if not points:
        st.caption("The padding chart appears after the first finished runs.")
        return
    figure = plot_padding(ratios, revision=str(sweep.id))
    draw_chart(figure, describe_padding(ratios), "sweep_padding")
    if not any(point.high for point in points):
        st.caption("These runs computed no padding.")


def _anatomy(sweep: Sweep, engine: Engine) -> None:
    step_parts = measure_step_parts(sweep, engine)
    if not step_parts.sizes:
        st.caption("The step anatomy appears after the first finished runs.")
        return
    unit = segmented_choice(
        "Time", ["per step", "per sentence"], "sweep_time_unit", label_visibility="collapsed"
    )
    figure = plot_step_parts(
        step_parts, per_sentence=unit == "per sentence", revision=f"{sweep.id} {engine}"
    )
    draw_chart(figure, describe_step_parts(step_parts), "sweep_anatomy")
    if step_parts.fit:
        st.caption(describe_anatomy_fit(step_parts.fit))
