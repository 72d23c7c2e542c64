"""Results of a sweep by batch size: charts, a table and sample translations."""

import dataclasses
import math

import pandas as pd
import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.escaping import escape
from pages.shared.state import get_store
from pages.shared.sweeps import select_engine
from pages.shared.widgets import segmented_choice
from s2s.analysis import translations
from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.step_parts import compute_padding_ratios, compute_step_parts
from s2s.analysis.sweep.table import build_sweep_rows
from s2s.analysis.sweep.throughput import Unit, fit_speed_curves
from s2s.charts.bars import plot_step_parts
from s2s.charts.sweep import plot_padding, plot_speed_curves
from s2s.config import Engine
from s2s.errors import shorten
from s2s.formatting import UNKNOWN, format_iterations
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
    "reached": "Repeats that reached the target",
    "steps_to_target": _NUMBER(
        "Steps to target",
        format="%,.0f",
        help="Median of the repeats that reached it. Steps are counted up to the evaluation that "
        "showed this. The Advisor interpolates between evaluations.",
    ),
    "samples_to_target": _NUMBER("Samples to target", format="%,.0f"),
}


def sweep_charts(sweep: Sweep) -> None:
    """Show the throughput chart, then tabs with further results. Only the open tab is drawn."""
    if any(row.samples_per_second for row in build_sweep_rows(sweep)):
        _throughput_chart(sweep)
    else:
        st.caption("The throughput chart appears after the first finished run.")
    views = {
        "Table": lambda: _results_table(sweep),
        "Step anatomy": lambda: _anatomy_chart(sweep, select_engine(sweep)),
        "Padding": lambda: _padding_chart(sweep),
        "Sample translations": lambda: _translations_table(sweep, select_engine(sweep)),
    }
    tabs = st.tabs(list(views), key="sweep_tab", on_change="rerun", bind="query-params")
    for tab, draw in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def _throughput_chart(sweep: Sweep) -> None:
    unit = segmented_choice(
        "Unit", list(Unit), "sweep_unit",
        label_visibility="collapsed", format_func=lambda each: f"{each}/s",
    )  # fmt: skip
    curves = fit_speed_curves(sweep, unit)
    figure = plot_speed_curves(curves, revision=f"{sweep.id} {unit}")
    draw_chart(figure, describe_speed_curves(curves), "sweep_speed")
    for text in filter(None, map(describe_throughput_fit, curves)):
        st.caption(text)


def _results_table(sweep: Sweep) -> None:
    table = pd.DataFrame([dataclasses.asdict(row) for row in build_sweep_rows(sweep)])
    table["states"] = table["states"].map(format_states)
    st.dataframe(
        table.dropna(axis="columns", how="all"), hide_index=True, column_config=_COLUMNS,
        alt="Results per engine and batch size, medians over repeats",
    )  # fmt: skip


def _padding_chart(sweep: Sweep) -> None:
    ratios = compute_padding_ratios(sweep)
    points = [point for engine_points in ratios.values() for point in engine_points]
    if not points:
        st.caption("The padding chart appears after the first finished runs.")
        return
    figure = plot_padding(ratios, revision=str(sweep.id))
    draw_chart(figure, describe_padding(ratios), "sweep_padding")
    if not any(point.high for point in points):
        st.caption("The batches of these runs contained no padding.")


def _anatomy_chart(sweep: Sweep, engine: Engine) -> None:
    step_parts = compute_step_parts(sweep, engine)
    if not step_parts.sizes:
        st.caption("The step anatomy appears after the first finished runs.")
        return
    unit = segmented_choice(
        "Time", ["per step", "per sentence"], "sweep_time_unit", label_visibility="collapsed"
    )
    per_sentence, revision = unit == "per sentence", f"{sweep.id} {engine}"
    figure = plot_step_parts(step_parts, per_sentence=per_sentence, revision=revision)
    draw_chart(figure, describe_step_parts(step_parts), "sweep_anatomy")
    if step_parts.fit:
        st.caption(describe_anatomy_fit(step_parts.fit))


def _translations_table(sweep: Sweep, engine: Engine) -> None:
    runs = translations.select_first_repeats(sweep, engine)
    evaluations = {run.id: get_store().evaluations(run.id) for run in runs}
    translating_runs = translations.select_translating_runs(runs, evaluations)
    sentences = translations.list_sentences(translating_runs)
    if not sentences:
        st.caption("Sample translations appear after the first finished runs.")
        return
    sentence = st.selectbox("Sentence", sentences, format_func=lambda each: each[0])
    axis, position = _select_position(translating_runs)
    rows = translations.select_translations(translating_runs, sentence, axis, position)
    outputs = [UNKNOWN if each.output is None else escape(shorten(each.output)) for each in rows]
    columns = {
        "Batch size": [f"{each.batch_size:,}" for each in rows],
        "Translation": outputs,
        "Samples": [f"{each.batch_size * each.evaluation.iteration:,}" for each in rows],
        "Seconds": [f"{each.evaluation.training_seconds:,.1f}" for each in rows],
        "Evaluated after": [format_iterations(each.evaluation.iteration) for each in rows],
    }
    # st.table is used because it wraps text. It also renders Markdown, so the text is escaped.
    st.table(pd.DataFrame(columns), hide_index=True, alt="Translation by batch size")
    notes = [f"Reference: {escape(sentence[1])}"] if sentence[1] else []
    if not sweep.config.base.sentences:
        notes.append(
            "The sentences are held-out pairs of the corpus. To follow your own sentences, enter "
            "them under More options when you start a sweep."
        )
    notes.append(
        "Each row shows the first finished repeat of a batch size, at its last evaluation up to "
        "the selected position."
    )
    st.caption("  \n".join(notes))


def _select_position(runs: list[translations.TranslatingRun]) -> tuple[Axis, float]:
    """Let the user select an axis, and a position on it that every batch size has reached."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = segmented_choice("Compare at equal", [Axis.SAMPLES, Axis.SECONDS], "sweep_equal")
        is_samples, key = axis is Axis.SAMPLES, f"sweep_at_{axis}"
        common_extent = translations.find_common_extent(runs, axis)
        limit = int(common_extent) if is_samples else math.ceil(10 * common_extent) / 10
        if not limit:
            return axis, common_extent
        st.session_state[key] = min(st.session_state.get(key, limit), limit)
        position = st.slider(
            "Samples" if is_samples else "Seconds of training", 0 if is_samples else 0.0, limit,
            format="localized" if is_samples else "%.1f", key=key, persist_state="session",
            help="Every batch size was evaluated up to the end of this scale.",
        )  # fmt: skip
    return axis, float(position)
