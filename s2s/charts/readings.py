"""Memory and utilization of the devices over a run's time; missing readings are gaps."""

from collections.abc import Sequence

import numpy as np

from s2s.analysis.run.readings import ReadingSeries
from s2s.analysis.run.steps import Floats
from s2s.charts import frame

_GIB = 2**30


def plot_readings(
    series: Sequence[ReadingSeries], *, height: int = 300, revision: str = ""
) -> frame.Figure:
    """Plot memory above utilization, on one time axis."""
    traces: list[frame.Trace] = []
    for index, each in enumerate(series):
        is_beside_gpu = each.device == "cpu" and len(series) > 1
        colour = frame.GREY if is_beside_gpu else frame.PALETTE[(3 - index) % len(frame.PALETTE)]
        memory, torch = each.memory_bytes / _GIB, each.torch_bytes / _GIB
        traces += [
            _plot(each, memory, each.device, colour, "y", "%{y:.2f} GiB"),
            _plot(each, each.utilization * 100, each.device, colour, "y2", "%{y:.0f}%"),
        ]
        if np.isfinite(torch).any():
            name = f"{each.device}, used by the run"
            traces.append(_plot(each, torch, name, colour, "y", "%{y:.2f} GiB", dash="dot"))
    return frame.build_figure(
        "Memory and utilization",
        traces,
        frame.build_axis("Time (s)", anchor="y2"),
        frame.build_axis("GiB", domain=[0.48, 1], rangemode="tozero", nticks=4),
        yaxis2=frame.build_axis("%", domain=[0, 0.36], range=[0, 105], tickvals=[0, 50, 100]),
        height=height,
        revision=revision,
        showlegend=len(traces) > 2,
    )


def _plot(
    series: ReadingSeries,
    values: Floats,
    name: str,
    colour: str,
    yaxis: str,
    hover: str,
    dash: str = "solid",
) -> frame.Trace:
    return frame.build_line(
        frame.round_positions(series.seconds),
        values,
        colour,
        dash=dash,
        yaxis=yaxis,
        connectgaps=False,
        name=frame.escape_label(name),
        legendgroup=name,
        showlegend=yaxis == "y",
        hovertemplate=f"{hover} at %{{x:,.0f}} s<extra>{frame.escape_label(name)}</extra>",
    )
