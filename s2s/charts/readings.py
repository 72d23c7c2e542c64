"""Memory and utilization of the devices over a run's time; missing readings are gaps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2s.analysis.run.readings import ReadingSeries
from s2s.analysis.run.steps import Floats
from s2s.charts.frame import (
    GREY,
    PALETTE,
    Figure,
    build_axis,
    build_layout,
    escape_label,
    round_positions,
    round_values,
)

_GIB = 2**30


def plot_readings(
    series: Sequence[ReadingSeries], *, height: int = 300, revision: str = ""
) -> Figure:
    """Plot memory above utilization, on one time axis."""
    traces: list[dict[str, Any]] = []
    for index, each in enumerate(series):
        is_beside_gpu = each.device == "cpu" and len(series) > 1
        colour = GREY if is_beside_gpu else PALETTE[(3 - index) % len(PALETTE)]
        memory, torch = each.memory_bytes / _GIB, each.torch_bytes / _GIB
        traces += [
            _trace(each, memory, each.device, colour, "y", "%{y:.2f} GiB"),
            _trace(each, each.utilization * 100, each.device, colour, "y2", "%{y:.0f}%"),
        ]
        if np.isfinite(torch).any():
            name = f"{each.device}, used by the run"
            traces.append(_trace(each, torch, name, colour, "y", "%{y:.2f} GiB", dash="dot"))
    return {
        "data": traces,
        "layout": build_layout(
            "Memory and utilization",
            height=height,
            revision=revision,
            showlegend=len(traces) > 2,
            xaxis=build_axis("Time (s)", anchor="y2"),
            yaxis=build_axis("Memory (GiB)", domain=[0.48, 1], rangemode="tozero", nticks=4),
            yaxis2=build_axis(
                "Utilization (%)", domain=[0, 0.36], range=[0, 105], tickvals=[0, 50, 100]
            ),
        ),
    }


def _trace(
    series: ReadingSeries,
    values: Floats,
    name: str,
    colour: str,
    yaxis: str,
    hover: str,
    dash: str = "solid",
) -> dict[str, Any]:
    return {
        "x": round_positions(series.seconds),
        "y": round_values(values),
        "yaxis": yaxis,
        "mode": "lines",
        "connectgaps": False,
        "name": escape_label(name),
        "legendgroup": name,
        "showlegend": yaxis == "y",
        "line": {"color": colour, "width": 2, "dash": dash},
        "hovertemplate": f"{hover} at %{{x:,.0f}} s<extra>{escape_label(name)}</extra>",
    }
