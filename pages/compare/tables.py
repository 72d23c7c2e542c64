"""The tables of compared runs: results, ratios to a baseline, and differing settings."""

import dataclasses
from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st

from pages.compare.charts import GroupSummaries
from pages.shared.escaping import escape
from s2s.analysis.compare.groups import Group, Repeats, measure_ratio
from s2s.analysis.compare.speed import compare_speed
from s2s.formatting import UNKNOWN, format_run_label
from s2s.runs.export import escape_csv_cell
from s2s.text.compare import describe_interferences, format_ratio, list_differences
from s2s.text.run import format_timing_warnings

_SUMMARY_COLUMNS = {
    "samples_per_second": ("Samples/s", "%,.1f", "Over the timed steps. Warm-up is excluded."),
    "target_tokens_per_second": ("Tokens/s", "%,.0f", "Target tokens. Padding is not counted."),
    "step_seconds": ("Step time", "%.1f ms", "Median of the timed steps."),
    "step_relative_iqr": (
        "IQR",
        "percent",
        "Interquartile range of the mean step times of stretches of the run, divided by their "
        "median. A stretch is long enough for sentence lengths to even out. Unknown if the run is "
        "short.",
    ),
    "seconds": ("Training time", "%,.1f s", "Time of all steps. Evaluations are excluded."),
    "loss_per_token": ("Loss per token", "%.3f", "Mean of the last 50 steps, in nats."),
    "loss_per_sentence": ("Loss per sentence", "%.2f", "Mean of the last 50 steps, in nats."),
    "validation_loss_per_token": (
        "Validation loss per token",
        "%.3f",
        "At the last evaluation, in nats.",
    ),
    "peak_memory_bytes": (
        "Peak memory",
        "%,.0f MiB",
        "On a GPU, torch's peak. On a CPU, the largest resident memory of the process, including "
        "what earlier runs left in it.",
    ),
    "padding_ratio": ("Padding ratio", "percent", "Share of padding in all computed tokens."),
    "iterations": ("Iterations", "localized", None),
    "samples": ("Samples", "localized", None),
}
"""Heading, format and help of a column, by field of `Summary`."""
_UNIT_FACTORS = {"step_seconds": 1000, "peak_memory_bytes": 2**-20}  # to milliseconds, to MiB
_COLUMNS = {
    "Run": st.column_config.TextColumn(pinned=True),
    "Warnings": st.column_config.TextColumn(
        help="Noisy: IQR above 10%. Very noisy: above 25%. Interference: other programs, another "
        "process on the GPU, or heat slowed the run. Details are below the table."
    ),
    "Tags": st.column_config.ListColumn(),
    "Notes": st.column_config.TextColumn(width="medium"),
} | {
    heading: st.column_config.NumberColumn(format=format_, help=help_)
    for heading, format_, help_ in _SUMMARY_COLUMNS.values()
}
_SPEED_HELP = (
    "From the 90% interval of the ratio of samples/s. Same: the interval lies within 0.95 to 1.05. "
    "Faster: it lies above. Slower: it lies below. Otherwise unclear. More repeats narrow it."
)


def results_table(group_summaries: GroupSummaries) -> None:
    """Show one row of results per run, a CSV download, and what interfered with the runs."""
    runs = [run for group, _ in group_summaries for run in group.runs]
    summaries = [each for _, summaries in group_summaries for each in summaries]
    fields = pd.json_normalize([dataclasses.asdict(each) for each in summaries])
    columns: dict[str, Iterable[object]] = {
        "Run": [format_run_label(run) for run in runs],
        "Batch size": fields["batch_size"],
        "Warnings": [format_timing_warnings(each) for each in summaries],
    }
    for name, (heading, _, _) in _SUMMARY_COLUMNS.items():
        columns[heading] = pd.to_numeric(fields[name]) * _UNIT_FACTORS.get(name, 1)
    columns["Device"] = [run.device for run in runs]
    columns["State"] = [run.state.value for run in runs]
    if any(run.tags for run in runs):
        columns["Tags"] = [list(run.tags) for run in runs]
    if any(run.notes for run in runs):
        columns["Notes"] = [run.notes for run in runs]
    st.dataframe(
        pd.DataFrame(columns), hide_index=True, placeholder=UNKNOWN, column_config=_COLUMNS,
        alt="Results of the selected runs",
    )  # fmt: skip
    csv = fields.map(escape_csv_cell).to_csv(index=False)
    st.download_button(
        "Download as CSV", csv, "s2s-runs.csv", "text/csv", icon=":material/download:",
        on_click="ignore",
    )  # fmt: skip
    if text := describe_interferences(runs, summaries):
        st.caption(f":material/warning: {escape(text)}")


def ratio_table(group_summaries: GroupSummaries, baseline: Group, repeats: Repeats) -> None:
    """Show each result as a ratio to the baseline, with a range if there are repeats."""
    baseline_summaries = next(each for group, each in group_summaries if group == baseline)
    columns: dict[str, list[object]] = {
        "Run": [group.label for group, _ in group_summaries],
        "Batch size": [group.batch_size for group, _ in group_summaries],
    }
    has_repeats = any(len(group.runs) > 1 for group, _ in group_summaries)
    if has_repeats:
        columns["Speed"] = [
            "" if group == baseline else compare_speed(summaries, baseline_summaries) or UNKNOWN
            for group, summaries in group_summaries
        ]
    for name, (heading, _, _) in _SUMMARY_COLUMNS.items():
        if name == "step_relative_iqr":  # the IQR is a ratio already
            continue
        baseline_values = [getattr(each, name) for each in baseline_summaries]
        columns[heading] = []
        for _, summaries in group_summaries:
            values = [getattr(each, name) for each in summaries]
            columns[heading].append(format_ratio(measure_ratio(values, baseline_values, repeats)))
    speed_column = st.column_config.TextColumn(help=_SPEED_HELP)
    st.dataframe(
        pd.DataFrame(columns), hide_index=True,
        column_config={"Run": _COLUMNS["Run"], "Speed": speed_column},
        alt=f"Results relative to run {baseline.label}",
    )  # fmt: skip
    if has_repeats:
        ends = "middle half" if repeats is Repeats.QUARTILES else "lowest and highest"
        st.caption(
            "For repeats, a cell shows the ratio of the means. Brackets hold the "
            f"{ends} of the ratios of each repeat to each repeat of the baseline."
        )


def difference_table(groups: Sequence[Group]) -> None:
    """Show the settings in which the runs differ, one column per group of repeats."""
    configs = [run.config for group in groups for run in group.runs]
    if len(configs) < 2:
        return
    differences = list_differences(configs)
    if not differences:
        st.caption(
            "All settings are equal, so the runs differ by chance and by the load on the machine."
        )
        return
    st.subheader("Differing settings")
    labels = [group.label for group in groups for _ in group.runs]
    rows_by_group = pd.DataFrame(differences, index=labels).groupby(level=0, sort=False)
    table = rows_by_group.agg(lambda values: ", ".join(dict.fromkeys(values)))
    st.dataframe(table.T, alt="Settings in which the runs differ")
