"""The parts of a step, a bar a run, in milliseconds or as shares."""

from collections.abc import Sequence

from s2s.analysis.run.anatomy import Dissected, Split
from s2s.charts.frame import Figure, axis, layout
from s2s.charts.stacked_parts import stacked_parts


def anatomy_figure(
    runs: Sequence[Dissected], split: Split | None, *, shares: bool = False, revision: str = ""
) -> Figure:
    """In milliseconds, or as shares of each run's step. `split` is of these runs."""
    medians = [each.anatomy.median_seconds for each in runs]
    scales = [100 / sum(each) if shares else 1000.0 for each in medians]
    fixed = [split.fixed_within(each) for each in medians] if split else None
    unit = "Share of a step (%)" if shares else "Medians of a step's parts (ms)"
    return {
        "data": stacked_parts([each.label for each in runs], medians, fixed, scales, upright=False),
        "layout": layout(
            "Step anatomy",
            height=150 + 34 * len(runs),
            revision=f"{revision} {shares}",
            barmode="stack",
            bargap=0.35,
            margin={"l": 12, "r": 72, "t": 44, "b": 8},
            xaxis=axis(unit, rangemode="tozero", nticks=6),
            yaxis=axis("", autorange="reversed", type="category", showgrid=False),
        ),
    }
