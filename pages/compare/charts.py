"""The charts of compared runs: loss, throughput, peak memory and step anatomy."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.escaping import escape
from pages.shared.state import read_records
from pages.shared.widgets import segmented_choice
from s2s.analysis.compare.groups import Group, Repeats, build_bars
from s2s.analysis.compare.lines import RunLine, build_group_line, build_loss_line
from s2s.analysis.run.anatomy import fit_run_anatomies, measure_anatomy
from s2s.analysis.run.steps import Axis, LossScale
from s2s.charts.bars import plot_anatomy, plot_bars
from s2s.charts.curves import plot_loss
from s2s.formatting import format_bytes, format_rate
from s2s.records import Run, Summary
from s2s.text.charts import describe_anatomy, describe_bars, describe_loss
from s2s.text.compare import describe_anatomy_fit, describe_axis, describe_missing_fit
from s2s.text.run import format_timing_warnings

_MAX_POINTS = 20_000
"""Points of all lines together. More would slow the browser down and look the same."""

GroupSummaries = Sequence[tuple[Group, Sequence[Summary]]]
"""Pairs: a group of repeats, and the summaries of its runs."""


@dataclass(frozen=True)
class View:
    """Settings of the charts, as selected by the user."""

    axis: Axis
    scale: LossScale
    smoothing: float
    log_x: bool
    log_y: bool
    show_validation: bool
    repeats: Repeats


def loss_chart(groups: Sequence[Group], view: View) -> None:
    """Draw the loss of all groups, one line per group."""
    run_count = sum(len(group.runs) for group in groups)
    points = min(500, max(50, _MAX_POINTS // run_count))  # of each line

    def build_line(run: Run) -> RunLine:
        steps, evaluations, _ = read_records(run.id)
        validation = evaluations if view.show_validation else []
        return build_loss_line(
            run, steps, validation, view.axis, view.scale, view.smoothing, points
        )

    lines = [
        build_group_line(group, [build_line(run) for run in group.runs], view.repeats)
        for group in groups
    ]
    figure = plot_loss(
        lines, view.axis, view.scale, log_x=view.log_x, log_y=view.log_y, height=420,
        revision=" ".join(str(line.run_id) for line in lines),  # a change of runs resets the zoom
    )  # fmt: skip
    draw_chart(figure, describe_loss(lines, view.axis, view.scale), "compare_loss")


def comparison_caption(group_summaries: GroupSummaries, view: View) -> None:
    """Explain what runs have in common at the same x, and how repeats are drawn."""
    summaries = [each for _, summaries in group_summaries for each in summaries]
    st.caption(f":material/balance: {describe_axis(summaries, view.axis)}")
    if any(len(group.runs) > 1 for group, _ in group_summaries):
        has_quartiles = view.repeats is Repeats.QUARTILES
        band = (
            "covers the middle half of the runs"
            if has_quartiles
            else "ranges from lowest to highest"
        )
        st.caption(
            ":material/stacked_line_chart: Runs that differ only in the seed are drawn as their "
            f"mean, up to the end of the shortest run. The band {band}."
        )


def bar_charts(group_summaries: GroupSummaries, repeats: Repeats) -> None:
    """Draw throughput and peak memory side by side."""
    warnings = [  # one text per group, without duplicate warnings
        " ".join(dict.fromkeys(filter(None, map(format_timing_warnings, summaries))))
        for _, summaries in group_summaries
    ]
    left, right = st.columns(2)
    with left:
        bars = build_bars(group_summaries, repeats, lambda each: each.samples_per_second)
        figure = plot_bars(bars, "Throughput", "samples/s", format_rate, warnings=warnings)
        text = describe_bars(bars, "Throughput", format_rate, warnings)
        draw_chart(figure, text, "compare_speed")
    with right:
        bars = build_bars(group_summaries, repeats, lambda each: each.peak_memory_bytes)
        figure = plot_bars(bars, "Peak memory", "MiB", format_bytes, scale=2**-20)
        draw_chart(figure, describe_bars(bars, "Peak memory", format_bytes), "compare_memory")


def anatomy_chart(runs: Sequence[Run]) -> None:
    """Draw each run's step phases, and their fit over the batch sizes if there is one."""
    results = [measure_anatomy(run, read_records(run.id)[0]) for run in runs]
    anatomies = [each for each in results if each]
    if not anatomies:
        return
    unit = segmented_choice(
        "Unit", ["milliseconds", "share"], "anatomy", label_visibility="collapsed"
    )
    fit = fit_run_anatomies(anatomies)
    revision = " ".join(str(each.run_id) for each in anatomies)
    figure = plot_anatomy(anatomies, fit, as_shares=unit == "share", revision=revision)
    draw_chart(figure, describe_anatomy(anatomies, fit), "compare_anatomy")
    caption = describe_anatomy_fit(fit) if fit else describe_missing_fit(anatomies)
    missing = [str(run.id) for run, each in zip(runs, results, strict=True) if not each]
    if missing:
        noun = "run" if len(missing) == 1 else "runs"
        caption += f" No step phases were measured in {noun} {', '.join(missing)}."
    st.caption(escape(caption))
