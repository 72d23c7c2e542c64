"""Samples or tokens per second against the batch size: points, the fitted line, ceiling, knee."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2s.analysis.sweep.speed_curve import SpeedCurve, Unit
from s2s.charts.frame import Figure, axis, label, layout, numbers
from s2s.charts.scale import ENGINE_COLOURS, batch_size_axis

_PLACES = 60
_TITLES = {Unit.SAMPLES: "Samples per second", Unit.TOKENS: "Target tokens per second"}


def speed_figure(curves: Sequence[SpeedCurve], *, revision: str = "") -> Figure:
    """Bars at a point reach from its slowest to its fastest block."""
    sizes = [point.batch_size for curve in curves for point in curve.points]
    unit = curves[0].unit if curves else Unit.SAMPLES
    traces = [
        trace
        for curve, colour in zip(curves, ENGINE_COLOURS, strict=False)
        for trace in _traces(curve, colour)
    ]
    return {
        "data": traces,
        "layout": layout(
            "Throughput",
            height=360,
            revision=revision,
            xaxis=batch_size_axis(sizes),
            yaxis=axis(_TITLES[unit], rangemode="tozero"),
        ),
    }


def _traces(curve: SpeedCurve, colour: str) -> list[dict[str, Any]]:
    name, points = label(curve.label), curve.points
    group = {"legendgroup": curve.label}
    middle = [point.per_second for point in points]
    measured = {
        **group,
        "x": [point.batch_size for point in points],
        "y": numbers(middle),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": numbers(point.high - point.per_second for point in points),
            "arrayminus": numbers(point.per_second - point.low for point in points),
            "color": colour,
            "thickness": 1.5,
        },
        "mode": "markers",
        "name": name,
        "marker": {"color": colour, "size": 9},
        "customdata": [point.blocks for point in points],
        "hovertemplate": f"batch %{{x:,}}: %{{y:,.0f}} {curve.unit}/s, median of %{{customdata}}"
        f"<extra>{name}</extra>",
    }
    return [*_line(curve, colour), measured]


def _line(curve: SpeedCurve, colour: str) -> list[dict[str, Any]]:
    """The law over the measured sizes, its interval, and its ceiling; nothing without a law."""
    if len(curve.points) < 2:
        return []
    ends = curve.points[0].batch_size, curve.points[-1].batch_size
    band = curve.law.per_second(np.geomspace(*ends, _PLACES))
    if band is None:
        return []
    common: dict[str, Any] = {
        "legendgroup": curve.label,
        "x": numbers(band.work),
        "mode": "lines",
        "showlegend": False,
        "hoverinfo": "skip",
    }
    traces = []
    if band.low is not None and band.high is not None:
        none = {"line": {"width": 0}}
        traces += [
            {**common, **none, "y": numbers(band.high)},
            {
                **common,
                **none,
                "y": numbers(band.low),
                "fill": "tonexty",
                "fillcolor": colour + "2E",
            },
        ]
    traces.append({**common, "y": numbers(band.value), "line": {"color": colour, "width": 2}})
    ceiling = curve.law.ceiling_per_second
    if ceiling and ceiling.value < 2 * max(point.high for point in curve.points):
        traces.append(
            {
                **common,
                "x": list(ends),
                "y": numbers([ceiling.value] * 2),
                "name": f"{label(curve.label)}: ceiling",
                "showlegend": True,
                "line": {"color": colour, "width": 1.2, "dash": "dot"},
            }
        )
    return traces
