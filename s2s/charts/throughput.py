"""Samples per second of one or more runs, over the timed steps."""

from collections.abc import Sequence

from s2s.analysis.compare.lines import RunLine
from s2s.analysis.run.steps import Axis
from s2s.charts.frame import Figure, axis, colours, label, layout, numbers, places
from s2s.charts.loss import AXIS_TITLES


def throughput_figure(
    lines: Sequence[RunLine], along: Axis, *, height: int = 300, revision: str = ""
) -> Figure:
    """The scale begins at zero, so that a slower stretch looks as slow as it is."""
    tints = colours([(line.run_id, line.batch_size) for line in lines])
    return {
        "data": [
            {
                "x": places(line.curve.x),
                "y": numbers(line.curve.y),
                "mode": "lines",
                "name": label(line.label),
                "line": {"color": colour, "width": 2},
                "hovertemplate": f"%{{y:,.4~g}} samples/s<extra>{label(line.label)}</extra>",
            }
            for line, colour in zip(lines, tints, strict=True)
        ],
        "layout": layout(
            "Throughput",
            height=height,
            revision=f"{revision} {along}",
            showlegend=len(lines) > 1,
            xaxis=axis(AXIS_TITLES[along]),
            yaxis=axis("Samples per second", rangemode="tozero"),
        ),
    }
