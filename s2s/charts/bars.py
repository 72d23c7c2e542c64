"""One figure of each run, or group of repeats, as horizontal bars."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from s2s.analysis.compare.groups import Bar
from s2s.analysis.estimate import Estimate
from s2s.charts import frame
from s2s.formatting import format_range


def plot_bars(
    bars: Sequence[Bar],
    title: str,
    unit: str,
    format_value: Callable[[float | None], str],
    *,
    scale: float = 1.0,
    warnings: Sequence[str] = (),
) -> frame.Figure:
    """Plot means with their ranges; an unknown value has a label and no bar.

    Args:
        format_value: Formats an unscaled value with what the label needs.
        scale: Factor from the values to `unit`.
        warnings: For each bar why its value is uncertain, shown on hover; empty: it is not.
    """
    values = [bar.value or Estimate(math.nan) for bar in bars]
    means = scale * np.array([each.value for each in values], np.float64)
    lows = scale * np.array([each.low for each in values], np.float64)  # None becomes NaN
    highs = scale * np.array([each.high for each in values], np.float64)
    warnings = warnings or [""] * len(bars)
    names = [frame.wrap_label(bar.group.label) for bar in bars]
    texts = [format_value(bar.mean) for bar in bars]
    ranges = [format_range(each.low, each.high, format_value) for each in values]
    return frame.build_figure(
        title,
        [
            {
                "type": "bar",
                "orientation": "h",
                "y": names,
                "x": frame.round_values(means),
                "customdata": [
                    "<br>".join(filter(None, each))
                    for each in zip(texts, ranges, warnings, strict=True)
                ],
                "marker": {
                    "color": frame.assign_colours(
                        [(bar.group.run_id, bar.group.batch_size) for bar in bars]
                    )
                },
                "error_x": {**frame.build_error_bars(means, lows, highs, frame.GREY), "width": 4},
                "hovertemplate": f"%{{customdata}} {unit}<extra>%{{y}}</extra>",
            },
            {
                "type": "scatter",
                "mode": "text",
                "y": names,
                "x": [value or 0.0 for value in frame.round_values(np.fmax(means, highs))],
                "text": [
                    f" {text} ⚠" if warning else f" {text}"
                    for text, warning in zip(texts, warnings, strict=True)
                ],
                "textposition": "middle right",
                "cliponaxis": False,
                "hoverinfo": "skip",
            },
        ],
        frame.build_axis(unit, rangemode="tozero", nticks=4, tickangle=0),
        frame.build_axis("", autorange="reversed", type="category", showgrid=False),
        height=120 + 34 * len(bars),
        revision=title,
        showlegend=False,
        bargap=0.35,
        margin={"l": 12, "r": 72, "t": 44, "b": 8},
    )
