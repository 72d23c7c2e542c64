"""A replay so far: its summary, tables, loss curves and sample translations."""

import dataclasses
import re
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.escaping import escape
from pages.shared.records import read_records
from pages.shared.state import get_store
from s2s import formatting as words
from s2s.analysis.compare.groups import Group, Repeats
from s2s.analysis.compare.lines import RunLine, build_group_line, build_loss_line
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.sweep.replay import RelatedAdvice, article_evaluations
from s2s.analysis.sweep.runs import finished_runs
from s2s.analysis.translations import build_translation_table
from s2s.charts.curves import plot_loss
from s2s.errors import UserError, shorten
from s2s.records import Run, RunState, Sweep, SweepState
from s2s.store.sweeps import read_sweep
from s2s.sweeps.replay import first_repeat_runs, read_replay
from s2s.text.charts import describe_loss
from s2s.text.replay import (
    build_learning_table,
    build_speed_table,
    describe_replay,
    describe_speed_ratios,
)
from s2s.text.sweep import list_run_messages

_POINTS = 300


def show(sweep_id: int, unigram_loss: float | None, related: RelatedAdvice | None) -> None:
    """Show the replay; called again on a timer while it runs."""
    try:
        sweep = read_sweep(get_store(), sweep_id)
    except UserError:  # deleted in another tab
        st.rerun()
    replay = read_replay(get_store(), sweep, unigram_loss, related)
    if sweep.state is not SweepState.FINISHED:
        _progress(sweep)
    with st.container(border=True):
        st.subheader(describe_speed_ratios(replay))
        corpus = re.sub(r"[^A-Za-z0-9._-]", "", replay.corpus)  # Markdown could interpret the rest
        st.write(describe_replay(dataclasses.replace(replay, corpus=corpus)))
    with st.container(horizontal=True, gap="large"):
        _table("Samples per second", build_speed_table(replay))
        _table("Validation loss per token", build_learning_table(replay))
    for message in list_run_messages(sweep):
        st.caption(f":material/warning: {escape(message)}")
    _curves(sweep)
    _translations(first_repeat_runs(sweep))
    if sweep.state is not SweepState.RUNNING and st.session_state.get("replay_ran") == sweep_id:
        del st.session_state["replay_ran"]
        st.rerun()  # draw it once more, without a timer


def _progress(sweep: Sweep) -> None:
    now = ""
    for part in sweep.parts:
        if (run := part.run) and run.state is RunState.RUNNING:
            iteration = f"iteration {run.iterations_done:,}"
            now = f", now {escape(words.format_run_label(run))}, {run.config.engine}, {iteration}"
    done, total = sweep.count_done_parts(), len(sweep.parts)
    st.progress(done / total, f"{done:,} of {total:,} runs done{now}")


def _table(title: str, table: Sequence[Sequence[str]]) -> None:
    titles, *rows = table
    data = pd.DataFrame(rows, columns=[each.capitalize() for each in titles])
    numbers = st.column_config.TextColumn(alignment="right")
    with st.container(width="content"):
        st.markdown(f"**{title}**")
        st.dataframe(
            data,
            hide_index=True,
            column_config=dict.fromkeys(data.columns.drop("Engine"), numbers),
            width="content",
            alt=title,
        )


def _curves(sweep: Sweep) -> None:
    """Show the loss along iterations and along samples."""
    left, right = st.columns(2)
    for column, axis in ((left, Axis.ITERATIONS), (right, Axis.SAMPLES)):
        lines = [
            dataclasses.replace(line, label=f"{engine}, batch {size}")
            for engine in sweep.config.engines
            for size in sweep.config.batch_sizes
            if (line := _line(_runs_to_draw(sweep, engine, size), axis))
        ]
        is_log = axis is Axis.SAMPLES
        revision = str(sweep.id)
        figure = plot_loss(
            lines, axis, LossScale.TOKEN, log_x=is_log, height=400, revision=revision
        )
        with column:
            draw_chart(figure, describe_loss(lines, axis, LossScale.TOKEN), f"replay_loss_{axis}")
    st.caption(
        "Left: by iterations, as in the article. Right: by samples. Repeats are drawn as their "
        "mean, with a band from lowest to highest."
    )


def _runs_to_draw(sweep: Sweep, engine: str, batch_size: int) -> list[Run]:
    """Return the finished repeats, or the run in progress before the first has finished."""
    finished = [run for run in finished_runs(sweep, engine) if run.config.batch_size == batch_size]
    return finished or [
        part.run
        for part in sweep.parts
        if part.run and part.run.iterations_done
        and (part.engine, part.batch_size) == (engine, batch_size)
    ][:1]  # fmt: skip


def _line(runs: Sequence[Run], axis: Axis) -> RunLine | None:
    """Return the mean line of the runs, or None before the first step."""
    if not runs:
        return None
    lines = [
        build_loss_line(run, read_records(run.id)[0], [], axis, LossScale.TOKEN, points=_POINTS)
        for run in runs
    ]
    return build_group_line(Group(tuple(runs)), lines, Repeats.RANGE)


def _translations(runs: Sequence[Run]) -> None:
    """Show one tab per combination with a row per evaluation and a column per sentence."""
    if not runs:
        return
    st.subheader("Sample translations")
    tabs = st.tabs([f"{run.config.engine}, batch {run.config.batch_size}" for run in runs])
    for tab, run in zip(tabs, runs, strict=True):
        evaluations = article_evaluations(read_records(run.id)[1])
        table = build_translation_table(evaluations, columns=len(evaluations))
        if not table.rows:
            tab.caption("The first evaluation brings the first translations.")
            continue
        columns = {"After": ["reference", *(f"{each:,}" for each in table.iterations)]}
        for source, reference, outputs in table.rows:
            columns[escape(source)] = [escape(shorten(text)) for text in (reference, *outputs)]
        tab.table(
            pd.DataFrame(columns),
            hide_index=True,
            alt="Sample sentences, their references, and the translations at each evaluation",
        )
