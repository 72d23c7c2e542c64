"""Throughput against the batch size: measurements, fit with its interval, and ceiling."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2s.analysis.sweep.throughput import SpeedCurve, Unit
from s2s.charts import frame

_FIT_POINTS = 60
_TITLES = {Unit.SAMPLES: "Samples per second", Unit.TOKENS: "Target tokens per second"}


def plot_speed_curves(curves: Sequence[SpeedCurve], *, revision: str = "") -> frame.Figure:
    """Plot a curve per engine, with error bars from the slowest to the fastest block."""
    sizes = [point.batch_size for curve in curves for point in curve.points]
    unit = curves[0].unit if curves else Unit.SAMPLES
    traces = [
        trace
        for curve, colour in zip(curves, frame.ENGINE_COLOURS, strict=False)
        for trace in (*_plot_fit(curve, colour), _plot_points(curve, colour))
    ]
    return frame.build_figure(
        "Throughput",
        traces,
        frame.build_batch_size_axis(sizes),
        frame.build_axis(_TITLES[unit], rangemode="tozero"),
        height=360,
        revision=revision,
    )


def _plot_points(curve: SpeedCurve, colour: str) -> frame.Trace:
    name, points = frame.escape_label(curve.label), curve.points
    speeds = [point.per_second for point in points]
    lows, highs = [point.low for point in points], [point.high for point in points]
    return frame.build_markers(
        [point.batch_size for point in points],
        speeds,
        colour,
        legendgroup=curve.label,
        error_y=frame.build_error_bars(speeds, lows, highs, colour),
        name=name,
        customdata=[point.blocks for point in points],
        hovertemplate=f"batch size %{{x:,}}: %{{y:,.0f}} {curve.unit}/s, "
        f"median of %{{customdata}}<extra>{name}</extra>",
    )


def _plot_fit(curve: SpeedCurve, colour: str) -> list[frame.Trace]:
    """Return the fit over the measured sizes, its interval and its ceiling; empty without a fit."""
    if len(curve.points) < 2:
        return []
    ends = curve.points[0].batch_size, curve.points[-1].batch_size
    band = curve.fit.per_second(np.geomspace(*ends, _FIT_POINTS))
    if band is None:
        return []
    x = frame.round_values(band.batch_sizes)
    common: dict[str, Any] = {
        "legendgroup": curve.label, "showlegend": False, "hoverinfo": "skip"
    }  # fmt: skip
    traces = []
    if band.low is not None and band.high is not None:
        fill = {"fill": "tonexty", "fillcolor": frame.make_translucent(colour, 0.18)}
        traces += [
            frame.build_line(x, band.high, colour, width=0, **common),
            frame.build_line(x, band.low, colour, width=0, **common, **fill),
        ]
    traces.append(frame.build_line(x, band.value, colour, **common))
    ceiling = curve.fit.ceiling_per_second
    if ceiling and ceiling.value < 2 * max(point.high for point in curve.points):
        name = f"{frame.escape_label(curve.label)}: ceiling"
        line = frame.build_line(ends, [ceiling.value] * 2, colour, width=1.2, dash="dot", name=name)
        traces.append(common | line | {"showlegend": True})
    return traces
