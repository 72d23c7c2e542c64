"""Memory and utilization of the devices during a run; missing readings are gaps."""

from collections.abc import Sequence

import numpy as np

from s2s.analysis.run.readings import ReadingSeries
from s2s.charts import frame

_GIB = 2**30


def plot_readings(
    series: Sequence[ReadingSeries], *, height: int = 300, revision: str = ""
) -> frame.Figure:
    """Plot memory above utilization, on one time axis."""
    traces = []
    for index, each in enumerate(series):
        is_beside_gpu = each.device == "cpu" and len(series) > 1
        colour = frame.GREY if is_beside_gpu else frame.PALETTE[(3 - index) % len(frame.PALETTE)]
        used_by_run = f"{each.device}, used by the run"
        for name, values, yaxis, hover, dash in (
            (each.device, each.memory_bytes / _GIB, "y", "%{y:.2f} GiB", "solid"),
            (each.device, 100 * each.utilization, "y2", "%{y:.0f}%", "solid"),
            (used_by_run, each.torch_bytes / _GIB, "y", "%{y:.2f} GiB", "dot"),
        ):
            if name == used_by_run and not np.isfinite(values).any():  # torch counts on GPUs only
                continue
            label = frame.escape_label(name)
            traces.append(
                frame.build_line(
                    frame.round_positions(each.seconds),
                    values,
                    colour,
                    dash=dash,
                    yaxis=yaxis,
                    connectgaps=False,
                    name=label,
                    legendgroup=name,
                    showlegend=yaxis == "y",
                    hovertemplate=f"{hover} at %{{x:,.0f}} s<extra>{label}</extra>",
                )
            )
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
