"""The padded share against the batch size, a line an engine."""

from collections.abc import Sequence

from s2s.analysis.sweep.step_parts import PaddingLine
from s2s.charts.frame import Figure, axis, label, layout, numbers
from s2s.charts.scale import ENGINE_COLOURS, batch_size_axis

_LEAST_TOP = 5.0
"""Percent: no padding at all is a line at the foot, not one in the middle."""


def padding_figure(lines: Sequence[PaddingLine], *, revision: str = "") -> Figure:
    """Bars at a point reach from the lowest to the highest run."""
    points = [point for line in lines for point in line.points]
    top = max([_LEAST_TOP, *(110 * point.high for point in points)])
    return {
        "data": [
            {
                "x": [point.batch_size for point in line.points],
                "y": numbers(100 * point.share for point in line.points),
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": numbers(100 * (point.high - point.share) for point in line.points),
                    "arrayminus": numbers(100 * (point.share - point.low) for point in line.points),
                    "color": colour,
                    "thickness": 1.5,
                },
                "mode": "lines+markers",
                "name": label(line.label),
                "line": {"color": colour, "width": 1.5},
                "marker": {"color": colour, "size": 9},
                "cliponaxis": False,
                "customdata": [point.runs for point in line.points],
                "hovertemplate": "batch %{x:,}: %{y:.1f} % padding, median of %{customdata}"
                f"<extra>{label(line.label)}</extra>",
            }
            for line, colour in zip(lines, ENGINE_COLOURS, strict=False)
        ],
        "layout": layout(
            "Padding",
            height=360,
            revision=revision,
            xaxis=batch_size_axis([point.batch_size for point in points]),
            yaxis=axis("Padded share of cells (%)", range=[0, top]),
        ),
    }
