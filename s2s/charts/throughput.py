"""Samples per second of runs, over their timed steps."""

from collections.abc import Sequence

from s2s.analysis.compare.lines import RunLine
from s2s.analysis.run.steps import Axis
from s2s.charts.frame import (
    Figure,
    assign_colours,
    build_axis,
    build_layout,
    escape_label,
    round_positions,
    round_values,
)
from s2s.charts.loss import AXIS_TITLES


def plot_throughput(
    lines: Sequence[RunLine], axis: Axis, *, height: int = 300, revision: str = ""
) -> Figure:
    """Plot the throughput of runs along an axis.

    The y axis begins at zero, so a slower stretch looks as slow as it is.
    """
    colours = assign_colours([(line.run_id, line.batch_size) for line in lines])
    return {
        "data": [
            {
                "x": round_positions(line.curve.x),
                "y": round_values(line.curve.y),
                "mode": "lines",
                "name": escape_label(line.label),
                "line": {"color": colour, "width": 2},
                "hovertemplate": f"%{{y:,.4~g}} samples/s<extra>{escape_label(line.label)}</extra>",
            }
            for line, colour in zip(lines, colours, strict=True)
        ],
        "layout": build_layout(
            "Throughput",
            height=height,
            revision=f"{revision} {axis}",
            showlegend=len(lines) > 1,
            xaxis=build_axis(AXIS_TITLES[axis]),
            yaxis=build_axis("Samples per second", rangemode="tozero"),
        ),
    }
