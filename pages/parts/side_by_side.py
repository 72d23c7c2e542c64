"""Runs side by side: loss curves, bars and a table. It only draws."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.parts import shared
from pages.parts.inert import inert
from pages.parts.live_chart import chart
from pages.parts.records import records
from s2s.analysis import words
from s2s.analysis.comparison import (
    Row,
    bars_text,
    differences,
    doubts_text,
    fairness,
    marks,
    ratio,
    row,
)
from s2s.analysis.lines import loss_line, loss_text
from s2s.analysis.steps import Axis, LossScale
from s2s.charts.bars import bars_figure
from s2s.charts.loss import loss_figure
from s2s.records import Run


def curves(
    runs: Sequence[Run],
    axis: Axis,
    scale: LossScale,
    smoothing: float,
    *,
    log_y: bool,
    validation: bool,
) -> None:
    """Loss of all runs on one axis."""
    lines = []
    for run in runs:
        steps, evaluations, _ = records(shared.store(), run.id)
        drawn = evaluations if validation else []
        lines.append(loss_line(run, steps, drawn, axis, scale, smoothing))
    # One view while the same runs are shown: smoothing may change without losing the zoom.
    view = " ".join(str(run.id) for run in runs)
    figure = loss_figure(lines, axis, scale, log_y=log_y, height=420, revision=view)
    chart(figure, loss_text(lines, axis, scale), "compare_loss")


def rows(runs: Sequence[Run]) -> list[Row]:
    """The figures of each run up to now."""
    return [row(run, *records(shared.store(), run.id)) for run in runs]


def honest(figures: Sequence[Row], axis: Axis) -> None:
    """What the chosen axis compares."""
    st.caption(f":material/balance: {fairness(figures, axis)}")


def bars(figures: Sequence[Row]) -> None:
    """Throughput and peak memory."""
    speed = [each.samples_per_second for each in figures]
    memory = [
        None if each.peak_memory_bytes is None else each.peak_memory_bytes / 2**20
        for each in figures
    ]
    left, right = st.columns(2)
    with left:
        texts = [words.rate(each) for each in speed]
        _bars(figures, speed, texts, "Throughput", "samples/s", [marks(each) for each in figures])
    with right:
        texts = [words.size(each.peak_memory_bytes) for each in figures]
        _bars(figures, memory, texts, "Peak memory", "MiB")


def _bars(
    figures: Sequence[Row],
    values: Sequence[float | None],
    texts: Sequence[str],
    title: str,
    unit: str,
    against: Sequence[str] = (),
) -> None:
    chart(
        bars_figure(figures, values, texts, title, unit, against),
        bars_text(figures, texts, f"{title} in {unit}", against),
        f"compare_{title}",
    )


def table(figures: Sequence[Row], baseline: Row) -> None:
    """All figures; speed also as a multiple of the baseline's."""
    number = st.column_config.NumberColumn
    times = f"Speed vs. run {baseline.run_id}"
    data = pd.DataFrame(
        {
            "Run": [each.label for each in figures],
            "Batch": [each.batch_size for each in figures],
            times: [
                ratio(each.samples_per_second, baseline.samples_per_second) for each in figures
            ],
            "Samples/s": [each.samples_per_second for each in figures],
            "Marks": [marks(each) for each in figures],
            "Tokens/s": [each.target_tokens_per_second for each in figures],
            "Step": [_times(each.step_seconds, 1000) for each in figures],
            "IQR": [each.step_relative_iqr for each in figures],
            "Wall time": [each.wall_seconds for each in figures],
            "Loss/token": [each.loss_per_token for each in figures],
            "Loss/sentence": [each.loss_per_sentence for each in figures],
            "Validation/token": [each.validation_loss_per_token for each in figures],
            "Peak memory": [_times(each.peak_memory_bytes, 2**-20) for each in figures],
            "Padding": [each.padded_share for each in figures],
            "Iterations": [each.iterations for each in figures],
            "Samples": [each.samples for each in figures],
            "Device": [each.device for each in figures],
            "State": [each.state for each in figures],
        }
    )
    st.dataframe(
        data,
        hide_index=True,
        column_config={
            "Run": st.column_config.TextColumn(pinned=True),
            times: number(format="%.2fx", help="Samples per second over the baseline's."),
            "Samples/s": number(format="%,.1f", help="Timed steps only; warm-up left out."),
            "Marks": st.column_config.TextColumn(
                help="Noisy: an IQR above 10 %; very noisy: above 25 %. Busy machine: other "
                "programs, another process on the GPU, or heat; below it says which."
            ),
            "Tokens/s": number(format="%,.0f", help="Real target tokens; padding not counted."),
            "Step": number(format="%.1f ms", help="Median of the timed steps."),
            "IQR": number(
                format="percent",
                help="How far the middle half of the run's stretches lies apart in step time, each "
                "so long that lengths even out; none in a run of few steps.",
            ),
            "Wall time": number(format="%,.1f s", help="All steps; evaluation left out."),
            "Loss/token": number(format="%.3f", help="Mean of the last 50 steps, in nats."),
            "Loss/sentence": number(format="%.2f", help="Mean of the last 50 steps, in nats."),
            "Validation/token": number(format="%.3f", help="At the last evaluation, in nats."),
            "Peak memory": number(
                format="%,.0f MiB",
                help="On a GPU torch's peak of the run; on a CPU the program's resident size.",
            ),
            "Padding": number(format="percent", help="Share of the computed cells."),
            "Samples": number(format="localized"),
            "Iterations": number(format="localized"),
        },
        alt="Figures of the chosen runs",
    )


def doubts(figures: Sequence[Row]) -> None:
    """Why some of the speeds might not be believed."""
    if told := doubts_text(figures):
        st.caption(f":material/warning: {inert(told)}")


def what_differs(runs: Sequence[Run]) -> None:
    """The choices that the runs do not share."""
    differing = differences([run.config for run in runs])
    if len(runs) < 2:
        return
    if not differing:
        st.caption("All choices are the same, so what differs is chance and the machine's load.")
        return
    st.subheader("What was chosen differently")
    data = pd.DataFrame.from_dict(
        differing, orient="index", columns=[words.run_label(run) for run in runs]
    )
    st.dataframe(data, alt="Choices that differ between the runs")


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
