"""Peak memory against the batch size: measurements, fit, and the check of its prediction."""

from statistics import median

from s2s.analysis.sweep.memory import MemoryFit
from s2s.charts.frame import (
    PALETTE,
    Figure,
    build_axis,
    build_batch_size_axis,
    build_layout,
    round_values,
)

_MIB = 2**20
_COLOUR, _CHECK_COLOUR = PALETTE[2], PALETTE[4]


def plot_memory(fit: MemoryFit, *, revision: str = "") -> Figure:
    """Plot the measured peaks and, where there is one, the fit at their padded tokens."""
    sizes = [point.batch_size for point in fit.points]
    traces = [
        {
            "x": sizes,
            "y": round_values(point.peak_bytes / _MIB for point in fit.points),
            "mode": "markers",
            "name": "measured",
            "marker": {"color": _COLOUR, "size": 9},
            "hovertemplate": "batch size %{x:,}: %{y:,.0f} MiB<extra></extra>",
        }
    ]
    fitted: dict[int, list[float]] = {}
    for point in fit.points:
        predicted = fit.peak_bytes(point.padded_tokens)
        if predicted is not None:
            fitted.setdefault(point.batch_size, []).append(predicted)
    if fitted:
        traces.append(
            {
                "x": list(fitted),
                "y": round_values(median(each) / _MIB for each in fitted.values()),
                "mode": "lines",
                "name": "fit",
                "line": {"color": _COLOUR, "width": 2},
                "hoverinfo": "skip",
            }
        )
    if fit.check:
        traces.append(
            {
                "x": [fit.check.batch_size],
                "y": round_values([fit.check.predicted_bytes / _MIB]),
                "mode": "markers",
                "name": "predicted from the smaller sizes",
                "marker": {
                    "color": _CHECK_COLOUR,
                    "size": 12,
                    "symbol": "x-thin",
                    "line": {"width": 3, "color": _CHECK_COLOUR},
                },
                "hovertemplate": "batch size %{x:,}: predicted %{y:,.0f} MiB<extra></extra>",
            }
        )
    return {
        "data": traces,
        "layout": build_layout(
            "Peak memory",
            height=320,
            revision=revision,
            xaxis=build_batch_size_axis(sizes),
            yaxis=build_axis("Peak memory (MiB)", rangemode="tozero"),
        ),
    }
