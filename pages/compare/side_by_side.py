"""Runs side by side: loss curves, bars, and what was chosen differently. It only draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.escaping import escape
from pages.shared.records import read_records
from s2s import formatting as words
from s2s.analysis.compare.bands import band_line
from s2s.analysis.compare.bars import bars, bars_text
from s2s.analysis.compare.groups import Group, Repeats
from s2s.analysis.compare.lines import RunLine, loss_line, loss_text
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.run.summarize import Row, row
from s2s.charts.bars import bars_figure
from s2s.charts.loss import loss_figure
from s2s.records import Run
from s2s.text.choices import differences
from s2s.text.compare import doubts_text, fairness

_POINTS = 20_000
"""Of all lines together; what more of them cost in the browser nobody sees."""


@dataclass(frozen=True)
class View:
    """How the loss is drawn."""

    axis: Axis
    scale: LossScale
    smoothing: float
    log_x: bool
    log_y: bool
    validation: bool
    repeats: Repeats


def curves(groups: Sequence[Group], view: View) -> None:
    """Loss of all groups on one axis."""
    count = sum(len(group.runs) for group in groups)
    points = min(500, max(50, _POINTS // count))
    lines = [
        band_line(group, [_line(run, view, points) for run in group.runs], view.repeats)
        for group in groups
    ]
    # One view while the same runs are shown: smoothing may change without losing the zoom.
    revision = " ".join(str(line.run_id) for line in lines)
    figure = loss_figure(
        lines, view.axis, view.scale,
        log_x=view.log_x, log_y=view.log_y, height=420, revision=revision,
    )  # fmt: skip
    draw_chart(figure, loss_text(lines, view.axis, view.scale), "compare_loss")


def _line(run: Run, view: View, points: int) -> RunLine:
    steps, evaluations, _ = read_records(run.id)
    drawn = evaluations if view.validation else []
    return loss_line(run, steps, drawn, view.axis, view.scale, view.smoothing, points)


def rows(groups: Sequence[Group]) -> list[tuple[Group, list[Row]]]:
    """Each group with the figures of its runs up to now."""
    return [
        (group, [row(run, *read_records(run.id)) for run in group.runs])
        for group in groups
    ]


def honest(figures: Sequence[Row], groups: Sequence[Group], view: View) -> None:
    """What the chosen axis compares, and what a band is."""
    st.caption(f":material/balance: {fairness(figures, view.axis)}")
    if any(len(group.runs) > 1 for group in groups):
        ends = "middle half" if view.repeats is Repeats.QUARTILES else "lowest to highest"
        st.caption(
            ":material/stacked_line_chart: Runs that differ in nothing but the seed are one line: "
            f"their mean, in a band of their {ends}, as far as all of them come."
        )


def both_bars(compared: Sequence[tuple[Group, Sequence[Row]]], repeats: Repeats) -> None:
    """Throughput and peak memory."""
    left, right = st.columns(2)
    with left:
        _bars(
            compared, repeats, lambda each: each.samples_per_second, words.format_rate,
            "Throughput", "samples/s", doubted=True,
        )  # fmt: skip
    with right:
        _bars(
            compared, repeats, lambda each: each.peak_memory_bytes, words.format_bytes,
            "Peak memory", "MiB", scale=2**-20,
        )  # fmt: skip


def _bars(
    compared: Sequence[tuple[Group, Sequence[Row]]],
    repeats: Repeats,
    figure: Callable[[Row], float | None],
    said: Callable[[float | None], str],
    title: str,
    unit: str,
    *,
    scale: float = 1.0,
    doubted: bool = False,
) -> None:
    drawn = bars(compared, repeats, figure, said, doubted=doubted)
    draw_chart(
        bars_figure(drawn, title, unit, scale=scale),
        bars_text(drawn, f"{title} in {unit}"),
        f"compare_{title}",
    )


def doubts(figures: Sequence[Row]) -> None:
    """Why some of the speeds might not be believed."""
    if told := doubts_text(figures):
        st.caption(f":material/warning: {escape(told)}")


def what_differs(groups: Sequence[Group]) -> None:
    """The choices that the runs do not share; those of repeats in one column."""
    runs = [run for group in groups for run in group.runs]
    differing = differences([run.config for run in runs])
    if len(runs) < 2:
        return
    if not differing:
        st.caption("All choices are the same, so what differs is chance and the machine's load.")
        return
    st.subheader("What was chosen differently")
    of_run = pd.DataFrame.from_dict(differing, orient="index", columns=[run.id for run in runs])
    data = {
        group.label: of_run[[run.id for run in group.runs]].agg(
            lambda values: ", ".join(dict.fromkeys(values)), axis=1
        )
        for group in groups
    }
    st.dataframe(pd.DataFrame(data), alt="Choices that differ between the runs")
