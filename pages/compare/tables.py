"""The tables of compared runs: figures, ratios to a baseline, and differing settings."""

import dataclasses
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.compare.charts import Compared
from pages.shared.escaping import escape
from s2s.analysis.compare.groups import Group, Repeats, measure_ratios
from s2s.analysis.compare.speed import compare_speed
from s2s.formatting import UNKNOWN, run_label
from s2s.records import Summary
from s2s.runs.export import csv_cell
from s2s.text.compare import describe_interferences, format_ratio, list_differences
from s2s.text.run import list_timing_warnings

_number = st.column_config.NumberColumn
_text = st.column_config.TextColumn
_HEADINGS = {
    "samples_per_second": "Samples/s",
    "target_tokens_per_second": "Tokens/s",
    "step_seconds": "Step time",
    "step_relative_iqr": "IQR",
    "seconds": "Training time",
    "loss_per_token": "Loss per token",
    "loss_per_sentence": "Loss per sentence",
    "validation_loss_per_token": "Validation loss per token",
    "peak_memory_bytes": "Peak memory",
    "padding_ratio": "Padding ratio",
    "iterations": "Iterations",
    "samples": "Samples",
}
"""Column headings by field of `Summary`, in the order of the tables."""
_UNITS = {"step_seconds": 1000, "peak_memory_bytes": 2**-20}
"""Factors from seconds to ms and from bytes to MiB."""
_COLUMNS = {
    "Run": _text(pinned=True),
    "Samples/s": _number(format="%,.1f", help="Timed steps only; warm-up is excluded."),
    "Warnings": _text(
        help="Noisy: IQR above 10%; very noisy: above 25%. Interference: other programs, another "
        "process on the GPU, or heat; see below the table."
    ),
    "Tokens/s": _number(format="%,.0f", help="Target tokens; padding is not counted."),
    "Step time": _number(format="%.1f ms", help="Median of the timed steps."),
    "IQR": _number(
        format="percent",
        help="Interquartile range over median of the step time in stretches of the run, long "
        "enough for sentence lengths to even out. Unknown for a run of few steps.",
    ),
    "Training time": _number(format="%,.1f s", help="All steps; evaluations are excluded."),
    "Loss per token": _number(format="%.3f", help="Mean of the last 50 steps, in nats."),
    "Loss per sentence": _number(format="%.2f", help="Mean of the last 50 steps, in nats."),
    "Validation loss per token": _number(format="%.3f", help="At the last evaluation, in nats."),
    "Peak memory": _number(
        format="%,.0f MiB",
        help="On a GPU, torch's peak during the run; on a CPU, the resident memory of the process.",
    ),
    "Padding ratio": _number(format="percent", help="Padding among all computed tokens."),
    "Samples": _number(format="localized"),
    "Iterations": _number(format="localized"),
    "Tags": st.column_config.ListColumn(),
    "Notes": _text(width="medium"),
}


def figures_table(compared: Compared) -> None:
    """Show one row of figures per run, a CSV download, and the known interference."""
    runs = [run for group, _ in compared for run in group.runs]
    summaries = [each for _, group_summaries in compared for each in group_summaries]
    data = pd.DataFrame(
        {
            "Run": [run_label(run) for run in runs],
            "Batch size": [each.batch_size for each in summaries],
            "Warnings": [list_timing_warnings(each) for each in summaries],
            **{
                heading: [_get_figure(each, name) for each in summaries]
                for name, heading in _HEADINGS.items()
            },
            "Device": [run.device for run in runs],
            "State": [run.state.value for run in runs],
        }
    )
    if any(run.tags for run in runs):
        data["Tags"] = [list(run.tags) for run in runs]
    if any(run.notes for run in runs):
        data["Notes"] = [run.notes for run in runs]
    st.dataframe(
        data,
        hide_index=True,
        placeholder=UNKNOWN,
        column_config=_COLUMNS,
        alt="Figures of the selected runs",
    )
    st.download_button(
        "Download as CSV",
        pd.json_normalize([dataclasses.asdict(each) for each in summaries])
        .map(csv_cell)
        .to_csv(index=False),
        "s2s-runs.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    if text := describe_interferences(runs, summaries):
        st.caption(f":material/warning: {escape(text)}")


def _get_figure(summary: Summary, name: str) -> float | None:
    value: float | None = getattr(summary, name)
    return None if value is None else value * _UNITS.get(name, 1)


def ratio_table(compared: Compared, baseline: Group, repeats: Repeats) -> None:
    """Show each figure relative to the baseline's; for repeats with the range of the ratios."""
    baseline_summaries = next(summaries for group, summaries in compared if group == baseline)
    ratios = measure_ratios([summaries for _, summaries in compared], baseline_summaries, repeats)
    columns = {_HEADINGS[name]: map(format_ratio, column) for name, column in ratios.items()}
    data = pd.DataFrame(
        {
            "Run": [group.label for group, _ in compared],
            "Batch size": [group.batch_size for group, _ in compared],
            **columns,
        }
    )
    has_repeats = any(len(group.runs) > 1 for group, _ in compared)
    if has_repeats:
        verdicts = [
            "" if group == baseline else compare_speed(summaries, baseline_summaries) or UNKNOWN
            for group, summaries in compared
        ]
        data.insert(2, "Speed", verdicts)
    verdict_help = (
        "From the 90% interval of the ratio in samples/s: the same speed from 0.95 to 1.05, faster "
        "or slower outside, else unclear. More repeats narrow the interval."
    )
    st.dataframe(
        data,
        hide_index=True,
        column_config={"Run": _text(pinned=True), "Speed": _text(help=verdict_help)},
        alt=f"Figures relative to run {baseline.label}",
    )
    if has_repeats:
        ends = "middle half" if repeats is Repeats.QUARTILES else "lowest and highest"
        st.caption(
            f"For repeats: the ratio of the means, and in brackets the {ends} of the ratios of "
            "each repeat to each repeat of the baseline."
        )


def difference_table(groups: Sequence[Group]) -> None:
    """Show the settings in which the runs differ, one column per group of repeats."""
    runs = [run for group in groups for run in group.runs]
    if len(runs) < 2:
        return
    differences = list_differences([run.config for run in runs])
    if not differences:
        st.caption(
            "All settings are equal, so differences come from chance and the load on the machine."
        )
        return
    st.subheader("Differing settings")
    data = {}
    start = 0
    for group in groups:
        end = start + len(group.runs)
        data[group.label] = {
            name: ", ".join(dict.fromkeys(values[start:end]))
            for name, values in differences.items()
        }
        start = end
    st.dataframe(pd.DataFrame(data), alt="Settings in which the runs differ")
