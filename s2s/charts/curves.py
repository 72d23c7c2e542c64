"""Line charts over the course of a run: loss, throughput, memory and utilization."""

from collections.abc import Sequence

import numpy as np

from s2s.analysis.compare.lines import Band, RunLine, find_divergence
from s2s.analysis.run.readings import ReadingSeries
from s2s.analysis.run.steps import Axis, LossScale
from s2s.charts import frame

_AXIS_TITLES = {
    Axis.ITERATIONS: "Iterations",
    Axis.SAMPLES: "Samples (sentences seen)",
    Axis.TOKENS: "Target tokens seen",
    Axis.SECONDS: "Training time (s)",
}
_SCALE_TITLES = {
    LossScale.TOKEN: "Loss (nats per token)",
    LossScale.SENTENCE: "Loss (nats per sentence)",
}
_GIB = 2**30


def plot_loss(
    lines: Sequence[RunLine],
    axis: Axis,
    scale: LossScale,
    *,
    log_x: bool = False,
    log_y: bool = False,
    height: int = 340,
    revision: str = "",
) -> frame.Figure:
    """Plot the smoothed loss of each run, over its raw loss or over the range of its repeats."""
    colors = frame.assign_colors([(line.run_id, line.batch_size) for line in lines])
    traces = []
    for index, (line, color) in enumerate(zip(lines, colors, strict=True)):
        # With more runs than colors, runs that share a color differ in the dash.
        dash = frame.DASHES[index // len(frame.PALETTE) % len(frame.DASHES)]
        traces += _build_run_traces(line, color, dash, is_alone=len(lines) == 1, log_x=log_x)
    return frame.build_figure(
        f"Loss {scale}",
        traces,
        frame.build_axis(_AXIS_TITLES[axis], type="log" if log_x else "linear"),
        frame.build_axis(_SCALE_TITLES[scale], type="log" if log_y else "linear"),
        height=height,
        revision=f"{revision} {axis} {scale} {log_x} {log_y}",
    )


def plot_throughput(
    lines: Sequence[RunLine], axis: Axis, *, height: int = 300, revision: str = ""
) -> frame.Figure:
    """Plot the samples per second of each run's timed steps.

    The y axis begins at zero, so that the heights of two points compare like their speeds.
    """
    colors = frame.assign_colors([(line.run_id, line.batch_size) for line in lines])
    traces = []
    for line, color in zip(lines, colors, strict=True):
        x, name = frame.round_positions(line.curve.x), frame.escape_label(line.label)
        hover = f"%{{y:,.4~g}} samples/s<extra>{name}</extra>"
        traces.append(frame.build_line(x, line.curve.y, color, name=name, hovertemplate=hover))
    return frame.build_figure(
        "Throughput",
        traces,
        frame.build_axis(_AXIS_TITLES[axis]),
        frame.build_axis("Samples per second", rangemode="tozero"),
        height=height,
        revision=f"{revision} {axis}",
        showlegend=len(lines) > 1,
    )


def plot_readings(
    series: Sequence[ReadingSeries], *, height: int = 300, revision: str = ""
) -> frame.Figure:
    """Plot memory and, below it, utilization on the same time axis."""
    traces = []
    for index, each in enumerate(series):
        is_beside_gpu = each.device == "cpu" and len(series) > 1
        color = frame.GRAY if is_beside_gpu else frame.PALETTE[(3 - index) % len(frame.PALETTE)]
        used_by_run = f"{each.device}, used by the run"
        for name, values, yaxis, hover, dash in (
            (each.device, each.memory_bytes / _GIB, "y", "%{y:.2f} GiB", "solid"),
            (each.device, 100 * each.utilization, "y2", "%{y:.0f}%", "solid"),
            (used_by_run, each.torch_bytes / _GIB, "y", "%{y:.2f} GiB", "dot"),
        ):
            if (
                name == used_by_run and not np.isfinite(values).any()
            ):  # torch counts memory only on GPUs
                continue
            label = frame.escape_label(name)
            traces.append(
                frame.build_line(
                    frame.round_positions(each.seconds),
                    values,
                    color,
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


def _build_run_traces(
    line: RunLine, color: str, dash: str, *, is_alone: bool, log_x: bool
) -> list[frame.Trace]:
    """Return a run's traces. Each has a legend entry if the run is alone; else they share one."""
    label, hover = frame.escape_label(line.label), "%{y:.3f} at %{x:,}"
    x = frame.round_positions(line.curve.x)
    traces: dict[str, frame.Trace] = {}
    if line.band:
        traces["range of the repeats"] = _fill_band(line.band, color)
    else:
        raw = frame.build_line(x, line.curve.raw, color, width=1, opacity=0.5, hoverinfo="skip")
        traces["each step"] = raw
    main = "mean, smoothed" if line.band else "smoothed"
    hover_text = f"{hover}<extra>{label}</extra>"
    traces[main] = frame.build_line(
        x, line.curve.y, color, width=2.5, dash=dash, hovertemplate=hover_text
    )
    if line.validation is not None:
        # Leave out the evaluation at 0 on a log axis: Plotly would draw a flat line from it.
        visible = line.validation.x > (0 if log_x else -1)
        traces["validation"] = frame.build_markers(
            frame.round_positions(line.validation.x[visible]),
            line.validation.y[visible],
            {"color": color, "size": 8, "symbol": "diamond"},
            line={"color": color, "width": 1.2, "dash": "dot"},
            hovertemplate=f"{hover}<extra>{label}, validation</extra>",
        ) | {"mode": "lines+markers"}
    if divergence := find_divergence(line.curve):
        x_end, last_y = divergence
        traces["NaN or infinite from here"] = frame.build_markers(
            [x_end],
            [last_y],
            {"color": color, "size": 13, "symbol": "x"},
            hovertemplate=f"NaN or infinite from %{{x:,}}<extra>{label}</extra>",
        )
    if is_alone:
        return [{"name": name, **trace} for name, trace in traces.items()]
    shared = {"name": label, "legendgroup": str(line.run_id)}
    return [{**shared, "showlegend": name == main, **trace} for name, trace in traces.items()]


def _fill_band(band: Band, color: str) -> frame.Trace:
    """Return a filled outline, forward along the lower ends and back along the upper ends."""
    return {
        "x": frame.round_positions([*band.x, *band.x[::-1]]),
        "y": frame.round_values([*band.low, *band.high[::-1]]),
        "mode": "lines",
        "hoverinfo": "skip",
        "fill": "toself",
        "fillcolor": frame.make_translucent(color, 0.2),
        "line": {"width": 0},
    }
