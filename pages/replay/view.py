"""Shows a replay, finished or not: summary, tables, loss curves and sample translations."""

import dataclasses
import re
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.escaping import escape
from pages.shared.state import get_store, read_records
from s2s import formatting
from s2s.analysis.compare.groups import Group, Repeats
from s2s.analysis.compare.lines import RunLine, build_group_line, build_loss_line
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.sweep.replay import RelatedAdvice, select_article_evaluations
from s2s.analysis.translations import build_translation_table
from s2s.charts.curves import plot_loss
from s2s.config import Engine
from s2s.errors import UserError, shorten
from s2s.records import Run, RunState, Sweep, SweepState
from s2s.store.sweeps import read_sweep
from s2s.sweeps.replay import list_first_repeat_runs, read_replay
from s2s.text.charts import describe_loss
from s2s.text.replay import (
    build_learning_table,
    build_speed_table,
    describe_replay,
    describe_speed_ratios,
)
from s2s.text.sweep import list_run_messages


def show_replay(
    sweep_id: int, unigram_loss: float | None, related: RelatedAdvice | None, *, is_live: bool
) -> None:
    """Show the replay. If a timer calls this (`is_live`), rerun the page when the replay ends."""
    try:
        sweep = read_sweep(get_store(), sweep_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if is_live and sweep.state is not SweepState.RUNNING:
        st.rerun()  # the page then no longer uses a timer
    replay = read_replay(get_store(), sweep, unigram_loss, related)
    if sweep.state is not SweepState.FINISHED:
        _show_progress(sweep)
    with st.container(border=True):
        st.subheader(describe_speed_ratios(replay))
        # Other characters in the name of the corpus could be read as Markdown.
        corpus = re.sub(r"[^A-Za-z0-9._-]", "", replay.corpus)
        st.write(describe_replay(dataclasses.replace(replay, corpus=corpus)))
    with st.container(horizontal=True, gap="large"):
        _show_table("Samples per second", build_speed_table(replay))
        _show_table("Validation loss per token", build_learning_table(replay))
    for message in list_run_messages(sweep):
        st.caption(f":material/warning: {escape(message)}")
    _show_curves(sweep)
    if runs := list_first_repeat_runs(sweep):
        _show_translations(runs)


def _show_progress(sweep: Sweep) -> None:
    current_run = ""
    for part in sweep.parts:
        if (run := part.run) and run.state is RunState.RUNNING:
            label = f"{escape(formatting.format_run_label(run))}, {run.config.engine}"
            current_run = f", now training {label}, iteration {run.iterations_done:,}"
    done, total = sweep.count_done_parts(), len(sweep.parts)
    st.progress(done / total, f"{done:,} of {total:,} runs done{current_run}")


def _show_table(title: str, table: Sequence[Sequence[str]]) -> None:
    header, *rows = table
    data = pd.DataFrame(rows, columns=[each.capitalize() for each in header])
    right_aligned = st.column_config.TextColumn(alignment="right")
    with st.container(width="content"):
        st.markdown(f"**{title}**")
        st.dataframe(
            data,
            hide_index=True,
            column_config=dict.fromkeys(data.columns.drop("Engine"), right_aligned),
            width="content",
            alt=title,
        )


def _show_curves(sweep: Sweep) -> None:
    for column, axis in zip(st.columns(2), (Axis.ITERATIONS, Axis.SAMPLES), strict=True):
        lines = [
            line
            for engine in sweep.config.engines
            for batch_size in sweep.config.batch_sizes
            if (line := _build_line(sweep, engine, batch_size, axis))
        ]
        is_log = axis is Axis.SAMPLES
        figure = plot_loss(
            lines, axis, LossScale.TOKEN, log_x=is_log, height=400, revision=str(sweep.id)
        )
        with column:
            draw_chart(figure, describe_loss(lines, axis, LossScale.TOKEN), f"replay_loss_{axis}")
    st.caption(
        "Left: by iterations, as in the article. Right: by samples. Each line is the mean over "
        "repeats, and its band ranges from the lowest to the highest."
    )


def _build_line(sweep: Sweep, engine: Engine, batch_size: int, axis: Axis) -> RunLine | None:
    """Return the mean of the finished repeats, or else the line of the first repeat with steps."""
    parts = [part for part in sweep.parts if (part.engine, part.batch_size) == (engine, batch_size)]
    with_steps = [part.run for part in parts if part.run and part.run.iterations_done]
    finished = [run for run in with_steps if run.state is RunState.FINISHED]
    runs = finished or with_steps[:1]
    if not runs:
        return None
    lines = [
        build_loss_line(run, read_records(run.id)[0], [], axis, LossScale.TOKEN) for run in runs
    ]
    line = build_group_line(Group(tuple(runs)), lines, Repeats.RANGE)
    return dataclasses.replace(line, label=f"{engine}, batch {batch_size}")


def _show_translations(runs: Sequence[Run]) -> None:
    """Show one tab per run, with one row per evaluation and one column per sentence."""
    st.subheader("Sample translations")
    tabs = st.tabs([f"{run.config.engine}, batch {run.config.batch_size}" for run in runs])
    for tab, run in zip(tabs, runs, strict=True):
        evaluations = select_article_evaluations(read_records(run.id)[1])
        table = build_translation_table(evaluations, columns=len(evaluations))
        if not table.rows:
            tab.caption("Translations appear after the first evaluation.")
            continue
        columns = {"Iteration": ["Reference", *(f"{each:,}" for each in table.iterations)]}
        for source, reference, outputs in table.rows:
            columns[escape(source)] = [escape(shorten(text)) for text in (reference, *outputs)]
        alt = "Sample sentences, their references, and the translations after some iterations"
        tab.table(pd.DataFrame(columns), hide_index=True, alt=alt)
