"""The padding ratio against the batch size, one line per engine."""

from collections.abc import Sequence

from s2s.analysis.sweep.step_parts import PaddingLine
from s2s.charts.frame import (
    ENGINE_COLOURS,
    Figure,
    build_axis,
    build_batch_size_axis,
    build_error_bars,
    build_layout,
    escape_label,
    round_values,
)

_MIN_TOP = 5.0
"""Percent. Without it, a padding ratio of 0 would be drawn in the middle of the chart."""


def plot_padding(lines: Sequence[PaddingLine], *, revision: str = "") -> Figure:
    """Plot medians, with error bars from the lowest to the highest run."""
    points = [point for line in lines for point in line.points]
    top = max([_MIN_TOP, *(110 * point.high for point in points)])
    return {
        "data": [
            {
                "x": [point.batch_size for point in line.points],
                "y": round_values(100 * point.ratio for point in line.points),
                "error_y": build_error_bars(
                    [100 * point.ratio for point in line.points],
                    [100 * point.low for point in line.points],
                    [100 * point.high for point in line.points],
                    colour,
                ),
                "mode": "lines+markers",
                "name": escape_label(line.label),
                "line": {"color": colour, "width": 1.5},
                "marker": {"color": colour, "size": 9},
                "cliponaxis": False,
                "customdata": [point.runs for point in line.points],
                "hovertemplate": "batch size %{x:,}: %{y:.1f}% padding, median of %{customdata}"
                f"<extra>{escape_label(line.label)}</extra>",
            }
            for line, colour in zip(lines, ENGINE_COLOURS, strict=False)
        ],
        "layout": build_layout(
            "Padding",
            height=360,
            revision=revision,
            xaxis=build_batch_size_axis([point.batch_size for point in points]),
            yaxis=build_axis("Padding ratio (%)", range=[0, top]),
        ),
    }
