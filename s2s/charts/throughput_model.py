"""Throughput against the batch size: measurements, fit with its interval, and ceiling."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2s.analysis.sweep.throughput import SpeedCurve, Unit
from s2s.charts.frame import (
    ENGINE_COLOURS,
    Figure,
    build_axis,
    build_batch_size_axis,
    build_error_bars,
    build_layout,
    escape_label,
    make_translucent,
    round_values,
)

_FIT_POINTS = 60
_TITLES = {Unit.SAMPLES: "Samples per second", Unit.TOKENS: "Target tokens per second"}


def plot_speed_curves(curves: Sequence[SpeedCurve], *, revision: str = "") -> Figure:
    """Plot a curve per engine, with error bars from the slowest to the fastest block."""
    sizes = [point.batch_size for curve in curves for point in curve.points]
    unit = curves[0].unit if curves else Unit.SAMPLES
    traces = [
        trace
        for curve, colour in zip(curves, ENGINE_COLOURS, strict=False)
        for trace in (*_plot_fit(curve, colour), _plot_points(curve, colour))
    ]
    return {
        "data": traces,
        "layout": build_layout(
            "Throughput",
            height=360,
            revision=revision,
            xaxis=build_batch_size_axis(sizes),
            yaxis=build_axis(_TITLES[unit], rangemode="tozero"),
        ),
    }


def _plot_points(curve: SpeedCurve, colour: str) -> dict[str, Any]:
    name, points = escape_label(curve.label), curve.points
    speeds = [point.per_second for point in points]
    lows, highs = [point.low for point in points], [point.high for point in points]
    return {
        "legendgroup": curve.label,
        "x": [point.batch_size for point in points],
        "y": round_values(speeds),
        "error_y": build_error_bars(speeds, lows, highs, colour),
        "mode": "markers",
        "name": name,
        "marker": {"color": colour, "size": 9},
        "customdata": [point.blocks for point in points],
        "hovertemplate": f"batch size %{{x:,}}: %{{y:,.0f}} {curve.unit}/s, "
        f"median of %{{customdata}}<extra>{name}</extra>",
    }


def _plot_fit(curve: SpeedCurve, colour: str) -> list[dict[str, Any]]:
    """Return the fit over the measured sizes, its interval and its ceiling; empty without a fit."""
    if len(curve.points) < 2:
        return []
    ends = curve.points[0].batch_size, curve.points[-1].batch_size
    band = curve.fit.per_second(np.geomspace(*ends, _FIT_POINTS))
    if band is None:
        return []
    common: dict[str, Any] = {
        "legendgroup": curve.label,
        "x": round_values(band.batch_sizes),
        "mode": "lines",
        "showlegend": False,
        "hoverinfo": "skip",
    }
    traces = []
    if band.low is not None and band.high is not None:
        edge = {**common, "line": {"width": 0}}
        fill = {"fill": "tonexty", "fillcolor": make_translucent(colour, 0.18)}
        traces += [
            {**edge, "y": round_values(band.high)},
            {**edge, "y": round_values(band.low), **fill},
        ]
    traces.append({**common, "y": round_values(band.value), "line": {"color": colour, "width": 2}})
    ceiling = curve.fit.ceiling_per_second
    if ceiling and ceiling.value < 2 * max(point.high for point in curve.points):
        traces.append(
            {
                **common,
                "x": list(ends),
                "y": round_values([ceiling.value] * 2),
                "name": f"{escape_label(curve.label)}: ceiling",
                "showlegend": True,
                "line": {"color": colour, "width": 1.2, "dash": "dot"},
            }
        )
    return traces
