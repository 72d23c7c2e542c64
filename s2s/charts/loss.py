"""The loss of runs: smoothed lines over faint raw ones, or over the band of repeats."""

from collections.abc import Sequence
from typing import Any

from s2s.analysis.compare.lines import Band, RunLine, find_divergence
from s2s.analysis.run.steps import Axis, LossScale
from s2s.charts.frame import (
    Figure,
    assign_colours,
    assign_dashes,
    build_axis,
    build_layout,
    escape_label,
    make_translucent,
    round_positions,
    round_values,
)

AXIS_TITLES = {
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
) -> Figure:
    """Plot the loss of runs along an axis.

    Args:
        revision: Identifies the runs; see `build_layout`.
    """
    colours = assign_colours([(line.run_id, line.batch_size) for line in lines])
    traces = [
        trace
        for line, colour, dash in zip(lines, colours, assign_dashes(len(lines)), strict=True)
        for trace in _traces(line, colour, dash, alone=len(lines) == 1, log_x=log_x)
    ]
    return {
        "data": traces,
        "layout": build_layout(
            f"Loss {scale}",
            height=height,
            revision=f"{revision} {axis} {scale} {log_x} {log_y}",
            xaxis=build_axis(AXIS_TITLES[axis], type="log" if log_x else "linear"),
            yaxis=build_axis(_SCALE_TITLES[scale], type="log" if log_y else "linear"),
        ),
    }


def _traces(
    line: RunLine, colour: str, dash: str, *, alone: bool, log_x: bool
) -> list[dict[str, Any]]:
    """Return a run's traces: one legend entry for all, or one each if the run is alone."""
    name = escape_label(line.label)
    group = {} if alone else {"legendgroup": str(line.run_id)}
    hover = "%{y:.3f} at %{x:,}"
    quiet = {**group, "mode": "lines", "showlegend": alone, "hoverinfo": "skip"}
    x = round_positions(line.curve.x)
    if line.band:
        background = _fill_band(line.band, colour, name="range of the repeats" if alone else "")
    else:
        background = {
            "x": x,
            "y": round_values(line.curve.raw),
            "name": "each step" if alone else name,
            "line": {"color": colour, "width": 1},
            "opacity": 0.5,
        }
    smoothed = "mean, smoothed" if line.band else "smoothed"
    traces: list[dict[str, Any]] = [
        {**quiet, **background},
        {
            **group,
            "x": x,
            "y": round_values(line.curve.y),
            "mode": "lines",
            "name": smoothed if alone else name,
            "line": {"color": colour, "width": 2.5, "dash": dash},
            "hovertemplate": f"{hover}<extra>{name}</extra>",
        },
    ]
    if line.validation is not None:
        # On a log axis Plotly would draw a flat line from the evaluation at 0, before any step.
        visible = line.validation.x > (0 if log_x else -1)
        traces.append(
            {
                **group,
                "x": round_positions(line.validation.x[visible]),
                "y": round_values(line.validation.y[visible]),
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


def _fill_band(band: Band, colour: str, name: str) -> dict[str, Any]:
    """Return a filled outline: forward along the lower ends, back along the upper ends."""
    return {
        "x": round_positions([*band.x, *band.x[::-1]]),
        "y": round_values([*band.low, *band.high[::-1]]),
        "name": name,
        "fill": "toself",
        "fillcolor": make_translucent(colour, 0.2),
        "line": {"width": 0},
    }
