"""The figures of runs in tables: each run's own, and all as ratios to a baseline."""

import dataclasses
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from s2s import formatting as words
from s2s.analysis.compare.groups import Group, Repeats, ratio_text, ratios, speed_verdict
from s2s.analysis.run.summarize import Row
from s2s.records import Run
from s2s.runs.export import csv_cell
from s2s.text.compare import marks

_number = st.column_config.NumberColumn
_text = st.column_config.TextColumn
_COLUMNS = {
    "Run": _text(pinned=True),
    "Samples/s": _number(format="%,.1f", help="Timed steps only; warm-up left out."),
    "Marks": _text(
        help="Noisy: an IQR above 10 %; very noisy: above 25 %. Busy machine: other programs, "
        "another process on the GPU, or heat; below it says which."
    ),
    "Tokens/s": _number(format="%,.0f", help="Real target tokens; padding not counted."),
    "Step": _number(format="%.1f ms", help="Median of the timed steps."),
    "IQR": _number(
        format="percent",
        help="How far the middle half of the run's stretches lies apart in step time, each so "
        "long that lengths even out; none in a run of few steps.",
    ),
    "Wall time": _number(format="%,.1f s", help="All steps; evaluation left out."),
    "Loss/token": _number(format="%.3f", help="Mean of the last 50 steps, in nats."),
    "Loss/sentence": _number(format="%.2f", help="Mean of the last 50 steps, in nats."),
    "Validation/token": _number(format="%.3f", help="At the last evaluation, in nats."),
    "Peak memory": _number(
        format="%,.0f MiB",
        help="On a GPU torch's peak of the run; on a CPU the program's resident size.",
    ),
    "Padding": _number(format="percent", help="Share of the computed cells."),
    "Samples": _number(format="localized"),
    "Iterations": _number(format="localized"),
    "Tags": st.column_config.ListColumn(),
    "Notes": _text(width="medium"),
}
_VERDICT = (
    "Samples/s against the baseline's, by the 90 % interval of their ratio: the same speed inside "
    "0.95 to 1.05, faster or slower outside, else unclear; more repeats make it clearer."
)


def figures_table(runs: Sequence[Run], figures: Sequence[Row]) -> None:
    """A row of figures a run, in the order given."""
    data = pd.DataFrame(
        {
            "Run": [each.label for each in figures],
            "Batch": [each.batch_size for each in figures],
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
            "Padding": [each.padding_ratio for each in figures],
            "Iterations": [each.iterations for each in figures],
            "Samples": [each.samples for each in figures],
            "Device": [each.device for each in figures],
            "State": [each.state for each in figures],
        }
    )
    if any(run.tags for run in runs):
        data["Tags"] = [list(run.tags) for run in runs]
    if any(run.notes for run in runs):
        data["Notes"] = [run.notes for run in runs]
    st.dataframe(
        data,
        hide_index=True,
        placeholder=words.UNKNOWN,
        column_config=_COLUMNS,
        alt="Figures of the chosen runs",
    )
    st.download_button(
        "Download as CSV",
        pd.DataFrame(map(dataclasses.asdict, figures)).map(csv_cell).to_csv(index=False),
        "s2s-runs.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def ratio_table(
    compared: Sequence[tuple[Group, Sequence[Row]]],
    baseline: Group,
    repeats: Repeats,
) -> None:
    """Each figure as a multiple of the baseline's; of repeats with what they spread over."""
    below = next(rows for group, rows in compared if group == baseline)
    found = ratios([rows for _, rows in compared], below, repeats)
    data = pd.DataFrame(
        {
            "Run": [group.label for group, _ in compared],
            "Batch": [group.batch_size for group, _ in compared],
            **{heading: [ratio_text(each) for each in column] for heading, column in found.items()},
        }
    )
    repeated = any(len(group.runs) > 1 for group, _ in compared)
    if repeated:
        data.insert(2, "Speed", [speed_verdict(rows, below) for _, rows in compared])
    st.dataframe(
        data,
        hide_index=True,
        column_config={"Run": _text(pinned=True), "Speed": _text(help=_VERDICT)},
        alt=f"Figures as multiples of run {baseline.label}",
    )
    if repeated:
        which = "middle half" if repeats is Repeats.QUARTILES else "lowest and highest"
        st.caption(
            f"Of repeats the ratio of the means; in brackets the {which} of the ratios of each "
            "repeat to each of the baseline's."
        )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
