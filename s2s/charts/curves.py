"""Loss and throughput of runs: smoothed lines over faint raw ones, or over a band of repeats."""

from collections.abc import Sequence

from s2s.analysis.compare.lines import Band, RunLine, find_divergence
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
    """Plot the loss of runs along an axis.

    Args:
        revision: Identifies the runs; see `build_layout`.
    """
    colours = frame.assign_colours([(line.run_id, line.batch_size) for line in lines])
    traces = [
        trace
        for line, colour, dash in zip(lines, colours, frame.assign_dashes(len(lines)), strict=True)
        for trace in _traces(line, colour, dash, alone=len(lines) == 1, log_x=log_x)
    ]
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
    """Plot samples per second of runs along an axis, over their timed steps.

    The y axis begins at zero, so a slower stretch looks as slow as it is.
    """
    colours = frame.assign_colours([(line.run_id, line.batch_size) for line in lines])
    traces = []
    for line, colour in zip(lines, colours, strict=True):
        x, name = frame.round_positions(line.curve.x), frame.escape_label(line.label)
        hover = f"%{{y:,.4~g}} samples/s<extra>{name}</extra>"
        traces.append(frame.build_line(x, line.curve.y, colour, name=name, hovertemplate=hover))
    return frame.build_figure(
        "Throughput",
        traces,
        frame.build_axis(_AXIS_TITLES[axis]),
        frame.build_axis("Samples per second", rangemode="tozero"),
        height=height,
        revision=f"{revision} {axis}",
        showlegend=len(lines) > 1,
    )


def _traces(
    line: RunLine, colour: str, dash: str, *, alone: bool, log_x: bool
) -> list[frame.Trace]:
    """Return a run's traces: one legend entry for all, or one each if the run is alone."""
    name = frame.escape_label(line.label)
    group = {} if alone else {"legendgroup": str(line.run_id)}
    hover = "%{y:.3f} at %{x:,}"
    quiet = {**group, "mode": "lines", "showlegend": alone, "hoverinfo": "skip"}
    x = frame.round_positions(line.curve.x)
    if line.band:
        background = _fill_band(line.band, colour, name="range of the repeats" if alone else "")
    else:
        background = {
            "x": x,
            "y": frame.round_values(line.curve.raw),
            "name": "each step" if alone else name,
            "line": {"color": colour, "width": 1},
            "opacity": 0.5,
        }
    smoothed = "mean, smoothed" if line.band else "smoothed"
    traces: list[frame.Trace] = [
        {**quiet, **background},
        frame.build_line(
            x,
            line.curve.y,
            colour,
            width=2.5,
            dash=dash,
            name=smoothed if alone else name,
            hovertemplate=f"{hover}<extra>{name}</extra>",
            **group,
        ),
    ]
    if line.validation is not None:
        # On a log axis Plotly would draw a flat line from the evaluation at 0, before any step.
        visible = line.validation.x > (0 if log_x else -1)
        traces.append(
            {
                **group,
                "x": frame.round_positions(line.validation.x[visible]),
                "y": frame.round_values(line.validation.y[visible]),
                "mode": "lines+markers",
                "name": "validation" if alone else name,
                "showlegend": alone,
                "line": {"color": colour, "width": 1.2, "dash": "dot"},
                "marker": {"color": colour, "size": 8, "symbol": "diamond"},
                "hovertemplate": f"{hover}<extra>{name}, validation</extra>",
            }
        )
    divergence = find_divergence(line.curve)
    if divergence is not None:
        traces.append(
            {
                **group,
                "x": [divergence[0]],
                "y": [divergence[1]],
                "mode": "markers",
                "name": "NaN or infinite from here" if alone else name,
                "showlegend": alone,
                "marker": {"color": colour, "size": 13, "symbol": "x"},
                "hovertemplate": f"NaN or infinite from %{{x:,}}<extra>{name}</extra>",
            }
        )
    return traces


def _fill_band(band: Band, colour: str, name: str) -> frame.Trace:
    """Return a filled outline: forward along the lower ends, back along the upper ends."""
    return {
        "x": frame.round_positions([*band.x, *band.x[::-1]]),
        "y": frame.round_values([*band.low, *band.high[::-1]]),
        "name": name,
        "fill": "toself",
        "fillcolor": frame.make_translucent(colour, 0.2),
        "line": {"width": 0},
    }
