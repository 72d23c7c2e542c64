"""The padding ratio against the batch size, one line per engine."""

from collections.abc import Sequence

from s2s.analysis.sweep.step_parts import PaddingLine
from s2s.charts import frame

_MIN_TOP = 5.0
"""Percent. Without it, a padding ratio of 0 would be drawn in the middle of the chart."""


def plot_padding(lines: Sequence[PaddingLine], *, revision: str = "") -> frame.Figure:
    """Plot medians, with error bars from the lowest to the highest run."""
    points = [point for line in lines for point in line.points]
    top = max([_MIN_TOP, *(110 * point.high for point in points)])
    return frame.build_figure(
        "Padding",
        [
            _plot_line(line, colour)
            for line, colour in zip(lines, frame.ENGINE_COLOURS, strict=False)
        ],
        frame.build_batch_size_axis([point.batch_size for point in points]),
        frame.build_axis("Padding ratio (%)", range=[0, top]),
        height=360,
        revision=revision,
    )


def _plot_line(line: PaddingLine, colour: str) -> frame.Trace:
    name, points = frame.escape_label(line.label), line.points
    ratios = [100 * point.ratio for point in points]
    lows, highs = [100 * point.low for point in points], [100 * point.high for point in points]
    trace = frame.build_line(
        [point.batch_size for point in points],
        ratios,
        colour,
        width=1.5,
        error_y=frame.build_error_bars(ratios, lows, highs, colour),
        name=name,
        marker={"color": colour, "size": 9},
        cliponaxis=False,
        customdata=[point.runs for point in points],
        hovertemplate="batch size %{x:,}: %{y:.1f}% padding, median of %{customdata}"
        f"<extra>{name}</extra>",
    )
    return trace | {"mode": "lines+markers"}
