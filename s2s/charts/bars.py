"""One figure of each run, or group of repeats, as bars, side by side."""

import math
from collections.abc import Sequence

import numpy as np

from s2s.analysis.compare.bars import Bar
from s2s.analysis.compare.groups import Spread
from s2s.charts.frame import GREY, Figure, axis, colours, layout, lines_of, numbers


def bars_figure(bars: Sequence[Bar], title: str, unit: str, *, scale: float = 1.0) -> Figure:
    """A bar for each mean times `scale`, with its spread; an unknown one is only told in words.

    What speaks against a value is a sign, explained on hover.
    """
    values = [bar.value or Spread(math.nan) for bar in bars]
    means = scale * np.array([each.mean for each in values], np.float64)
    lows = scale * np.array([each.low for each in values], np.float64)  # None becomes NaN
    highs = scale * np.array([each.high for each in values], np.float64)
    names = [lines_of(bar.label) for bar in bars]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "y": names,
                "x": numbers(means),
                "customdata": [
                    bar.text + "".join(f"<br>{each}" for each in (bar.ends, bar.against) if each)
                    for bar in bars
                ],
                "marker": {"color": colours([(bar.run_id, bar.batch_size) for bar in bars])},
                "error_x": {
                    "type": "data",
                    "array": numbers(highs - means),
                    "arrayminus": numbers(means - lows),
                    "color": GREY,
                    "thickness": 1.5,
                    "width": 4,
                },
                "hovertemplate": f"%{{customdata}} {unit}<extra>%{{y}}</extra>",
            },
            {
                "type": "scatter",
                "mode": "text",
                "y": names,
                "x": [value or 0.0 for value in numbers(np.fmax(means, highs))],
                "text": [f" {bar.text} ⚠" if bar.against else f" {bar.text}" for bar in bars],
                "textposition": "middle right",
                "cliponaxis": False,
                "hoverinfo": "skip",
            },
        ],
        "layout": layout(
            title,
            height=120 + 34 * len(bars),
            revision=title,
            showlegend=False,
            bargap=0.35,
            margin={"l": 12, "r": 72, "t": 44, "b": 8},
            xaxis=axis(unit, rangemode="tozero", nticks=4, tickangle=0),
            yaxis=axis("", autorange="reversed", type="category", showgrid=False),
        ),
    }
