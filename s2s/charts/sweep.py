"""Charts of a sweep against the batch size: throughput, padding ratio and peak memory."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from s2s.analysis.sweep.memory import MemoryFit
from s2s.analysis.sweep.runs import SizeMedian
from s2s.analysis.sweep.throughput import SpeedCurve, Unit
from s2s.charts import frame

_SPEED_TITLES = {Unit.SAMPLES: "Samples per second", Unit.TOKENS: "Target tokens per second"}
_FIT_POINTS = 60
"""Number of points at which a fitted curve is drawn."""
_MIN_TOP_PERCENT = 5.0
"""Least end of the padding axis. Without it, ratios of 0 are drawn in the middle of the chart."""
_MIB = 2**20


def plot_speed_curves(curves: Sequence[SpeedCurve], *, revision: str = "") -> frame.Figure:
    """Plot one curve per engine, with error bars from the slowest to the fastest measurement."""
    unit = curves[0].unit if curves else Unit.SAMPLES
    traces = []
    for curve, color in zip(curves, frame.ENGINE_COLORS, strict=False):
        hover = f"batch size %{{x:,}}: %{{y:,.0f}} {unit}/s, median of %{{customdata}}"
        medians = _build_medians(curve.label, curve.points, color, hover)
        traces += [*_build_speed_fit(curve, color), medians | {"legendgroup": curve.label}]
    return frame.build_figure(
        "Throughput",
        traces,
        frame.build_batch_size_axis([point.batch_size for each in curves for point in each.points]),
        frame.build_axis(_SPEED_TITLES[unit], rangemode="tozero"),
        height=360,
        revision=revision,
    )


def plot_padding(ratios: Mapping[str, Sequence[SizeMedian]], *, revision: str = "") -> frame.Figure:
    """Plot one line per engine, with error bars from the lowest to the highest run.

    Args:
        ratios: Padding ratios, 0 to 1, by engine.
    """
    hover = "batch size %{x:,}: %{y:.1f}% padding, median of %{customdata}"
    traces, sizes, top = [], [], _MIN_TOP_PERCENT
    for (engine, medians), color in zip(ratios.items(), frame.ENGINE_COLORS, strict=False):
        trace = _build_medians(engine, medians, color, hover, scale=100)
        line = {"color": color, "width": 1.5}
        traces.append({**trace, "mode": "lines+markers", "line": line, "cliponaxis": False})
        sizes += [point.batch_size for point in medians]
        top = max([top, *(110 * point.high for point in medians)])  # 10% above the highest ratio
    return frame.build_figure(
        "Padding",
        traces,
        frame.build_batch_size_axis(sizes),
        frame.build_axis("Padding ratio (%)", range=[0, top]),
        height=360,
        revision=revision,
    )


def plot_memory(fit: MemoryFit, *, revision: str = "") -> frame.Figure:
    """Plot the measured peaks, the fit, and the prediction from smaller sizes that checks it."""
    sizes = [point.batch_size for point in fit.points]
    measured = [point.peak_bytes / _MIB for point in fit.points]
    color, hover = frame.PALETTE[2], "batch size %{x:,}: %{y:,.0f} MiB<extra></extra>"
    traces = [
        frame.build_markers(sizes, measured, {"color": color}, name="measured", hovertemplate=hover)
    ]
    predicted: dict[int, list[float]] = {}
    for point in fit.points:
        peak_bytes = fit.peak_bytes(point.padded_tokens)
        if peak_bytes is not None:
            predicted.setdefault(point.batch_size, []).append(peak_bytes / _MIB)
    if predicted:
        x, y = list(predicted), map(median, predicted.values())
        traces.append(frame.build_line(x, y, color, name="fit", hoverinfo="skip"))
    if fit.check and fit.check.predicted is not None:
        check_color = frame.PALETTE[4]
        traces.append(
            frame.build_markers(
                [fit.check.batch_size],
                [fit.check.predicted / _MIB],
                {
                    "symbol": "x-thin",
                    "size": 12,
                    "color": check_color,
                    "line": {"width": 3, "color": check_color},
                },
                name="predicted from the smaller sizes",
                hovertemplate="batch size %{x:,}: predicted %{y:,.0f} MiB<extra></extra>",
            )
        )
    return frame.build_figure(
        "Peak memory",
        traces,
        frame.build_batch_size_axis(sizes),
        frame.build_axis("Peak memory (MiB)", rangemode="tozero"),
        height=320,
        revision=revision,
    )


def _build_medians(
    label: str, points: Sequence[SizeMedian], color: str, hover: str, *, scale: float = 1.0
) -> frame.Trace:
    """Return a trace of medians, with error bars from the lowest to the highest value."""
    medians_and_ends = [(point.median, point.low, point.high) for point in points]
    medians, lows, highs = scale * np.reshape(medians_and_ends, (-1, 3)).T
    name = frame.escape_label(label)
    return frame.build_markers(
        [point.batch_size for point in points],
        medians,
        {"color": color},
        error_y=frame.build_error_bars(medians, lows, highs, color),
        name=name,
        customdata=[point.count for point in points],
        hovertemplate=f"{hover}<extra>{name}</extra>",
    )


def _build_speed_fit(curve: SpeedCurve, color: str) -> list[frame.Trace]:
    """Return traces of the fit, its interval and its ceiling; a missing one has no trace."""
    if len(curve.points) < 2:
        return []
    ends = curve.points[0].batch_size, curve.points[-1].batch_size
    band = curve.fit.per_second(np.geomspace(*ends, _FIT_POINTS))
    if band is None:
        return []
    x = frame.round_values(band.batch_sizes)
    common: dict[str, Any] = {"legendgroup": curve.label, "hoverinfo": "skip"}
    hidden = common | {"showlegend": False}
    traces = []
    if band.low is not None and band.high is not None:
        fill = {"fill": "tonexty", "fillcolor": frame.make_translucent(color, 0.18)}
        traces += [
            frame.build_line(x, band.high, color, width=0, **hidden),
            frame.build_line(x, band.low, color, width=0, **hidden, **fill),
        ]
    traces.append(frame.build_line(x, band.value, color, **hidden))
    ceiling = curve.fit.ceiling_per_second
    # A ceiling far above the measured speeds would squeeze them to the bottom of the chart.
    if ceiling and ceiling.value < 2 * max(point.high for point in curve.points):
        name, y = f"{frame.escape_label(curve.label)}: ceiling", [ceiling.value] * 2
        traces.append(frame.build_line(ends, y, color, width=1.2, dash="dot", name=name, **common))
    return traces
