"""Peak memory against the batch size: measured, predicted, and the check of the prediction."""

import numpy as np

from s2s.analysis.sweep.memory import MemoryLaw
from s2s.charts.frame import PALETTE, Figure, axis, layout, numbers
from s2s.charts.scale import batch_size_axis

_MIB = 2**20
_COLOUR, _CHECK = PALETTE[2], PALETTE[4]


def memory_figure(law: MemoryLaw, *, revision: str = "") -> Figure:
    """The line is drawn where there is one, over the cells of the measured steps."""
    sizes = [point.batch_size for point in law.points]
    traces = [
        {
            "x": sizes,
            "y": numbers(point.peak_bytes / _MIB for point in law.points),
            "mode": "markers",
            "name": "measured",
            "marker": {"color": _COLOUR, "size": 9},
            "hovertemplate": "batch %{x:,}: %{y:,.0f} MiB<extra></extra>",
        }
    ]
    line = [
        (point.batch_size, predicted)
        for point in law.points
        if (predicted := law.peak_bytes(point.padded_tokens)) is not None
    ]
    if line:
        by_size = {size: [at for known, at in line if known == size] for size, _ in line}
        traces.append(
            {
                "x": list(by_size),
                "y": numbers(float(np.median(each)) / _MIB for each in by_size.values()),
                "mode": "lines",
                "name": "the line",
                "line": {"color": _COLOUR, "width": 2},
                "hoverinfo": "skip",
            }
        )
    if law.check:
        traces.append(
            {
                "x": [law.check.batch_size],
                "y": numbers([law.check.predicted_bytes / _MIB]),
                "mode": "markers",
                "name": "predicted from the smaller sizes",
                "marker": {
                    "color": _CHECK,
                    "size": 12,
                    "symbol": "x-thin",
                    "line": {"width": 3, "color": _CHECK},
                },
                "hovertemplate": "batch %{x:,}: predicted %{y:,.0f} MiB<extra></extra>",
            }
        )
    return {
        "data": traces,
        "layout": layout(
            "Peak memory",
            height=320,
            revision=revision,
            xaxis=batch_size_axis(sizes),
            yaxis=axis("Peak memory (MiB)", rangemode="tozero"),
        ),
    }


def memory_text(law: MemoryLaw) -> str:
    """The chart in a sentence."""
    told = "; ".join(
        f"batch {point.batch_size:,}: {point.peak_bytes / _MIB:,.0f} MiB" for point in law.points
    )
    return f"Peak memory against the batch size. {told or 'No runs'}."
