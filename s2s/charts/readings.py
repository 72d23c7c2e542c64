"""Memory and utilisation of the devices over a run's time; what was not reported is a gap."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2s.analysis.run.readings import ReadingSeries
from s2s.analysis.run.steps import Floats
from s2s.charts.frame import GREY, PALETTE, Figure, axis, label, layout, numbers, places

_GIB = 2**30
_TORCH = "held by the run"


def readings_figure(
    series: Sequence[ReadingSeries], *, height: int = 300, revision: str = ""
) -> Figure:
    """Memory above, utilisation below, one time axis."""
    traces: list[dict[str, Any]] = []
    for index, each in enumerate(series):
        colour = (
            GREY
            if each.device == "cpu" and len(series) > 1
            else PALETTE[(3 - index) % len(PALETTE)]
        )
        memory, torch = each.memory_bytes / _GIB, each.torch_bytes / _GIB
        traces += [
            _trace(each, memory, each.device, colour, "y", "%{y:.2f} GiB"),
            _trace(each, each.utilization * 100, each.device, colour, "y2", "%{y:.0f} %"),
        ]
        if np.isfinite(torch).any():
            name = f"{each.device}, {_TORCH}"
            traces.append(_trace(each, torch, name, colour, "y", "%{y:.2f} GiB", dash="dot"))
    return {
        "data": traces,
        "layout": layout(
            "Memory and utilisation",
            height=height,
            revision=revision,
            showlegend=len(traces) > 2,
            xaxis=axis("Time (s)", anchor="y2"),
            yaxis=axis("GiB", domain=[0.48, 1], rangemode="tozero", nticks=4),
            yaxis2=axis("% busy", domain=[0, 0.36], range=[0, 105], tickvals=[0, 50, 100]),
        ),
    }


def _trace(
    series: ReadingSeries,
    values: Floats,
    name: str,
    colour: str,
    along: str,
    hover: str,
    dash: str = "solid",
) -> dict[str, Any]:
    return {
        "x": places(series.seconds),
        "y": numbers(values),
        "yaxis": along,
        "mode": "lines",
        "connectgaps": False,
        "name": label(name),
        "legendgroup": name,
        "showlegend": along == "y",
        "line": {"color": colour, "width": 2, "dash": dash},
        "hovertemplate": f"{hover} at %{{x:,.0f}} s<extra>{label(name)}</extra>",
    }
