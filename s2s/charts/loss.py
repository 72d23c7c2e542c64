"""The loss of one or more runs: smoothed lines over faint raw ones or the band of repeats."""

from collections.abc import Sequence
from typing import Any

from s2s.analysis.compare.lines import Band, RunLine, not_finite_at
from s2s.analysis.run.steps import Axis, LossScale
from s2s.charts.frame import Figure, axis, colours, dashes, faint, label, layout, numbers, places

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


def loss_figure(
    lines: Sequence[RunLine],
    along: Axis,
    scale: LossScale,
    *,
    log_x: bool = False,
    log_y: bool = False,
    height: int = 340,
    revision: str = "",
) -> Figure:
    tints = colours([(line.run_id, line.batch_size) for line in lines])
    traces = [
        trace
        for line, colour, dash in zip(lines, tints, dashes(len(lines)), strict=True)
        for trace in _traces(line, colour, dash, alone=len(lines) == 1, log_x=log_x)
    ]
    return {
        "data": traces,
        "layout": layout(
            f"Loss {scale}",
            height=height,
            revision=f"{revision} {along} {scale} {log_x} {log_y}",
            xaxis=axis(AXIS_TITLES[along], type="log" if log_x else "linear"),
            yaxis=axis(_SCALE_TITLES[scale], type="log" if log_y else "linear"),
        ),
    }


def _traces(
    line: RunLine, colour: str, dash: str, *, alone: bool, log_x: bool
) -> list[dict[str, Any]]:
    """Lines of one run belong to one legend entry, unless the run is alone on its chart."""
    name = label(line.label)
    group = {} if alone else {"legendgroup": str(line.run_id)}
    common = {"x": places(line.curve.x), "mode": "lines", **group}
    hover = "%{y:.3f} at %{x:,}"
    quiet = {**common, "showlegend": alone, "hoverinfo": "skip"}
    traces: list[dict[str, Any]] = [
        _filled(line.band, quiet, colour, alone=alone)
        if line.band
        else {
            **quiet,
            "y": numbers(line.curve.raw),
            "name": "each step" if alone else name,
            "line": {"color": colour, "width": 1},
            "opacity": 0.5,
        },
        {
            **common,
            "y": numbers(line.curve.y),
            "name": ("mean, smoothed" if line.band else "smoothed") if alone else name,
            "line": {"color": colour, "width": 2.5, "dash": dash},
            "hovertemplate": f"{hover}<extra>{name}</extra>",
        },
    ]
    if line.validation is not None:
        # Plotly would draw a flat line from the evaluation before the first step, at 0.
        shown = line.validation.x > (0 if log_x else -1)
        traces.append(
            {
                "x": places(line.validation.x[shown]),
                "y": numbers(line.validation.y[shown]),
                "mode": "lines+markers",
                "name": "validation" if alone else name,
                **group,
                "showlegend": alone,
                "line": {"color": colour, "width": 1.2, "dash": "dot"},
                "marker": {"color": colour, "size": 8, "symbol": "diamond"},
                "hovertemplate": f"{hover}<extra>{name}, validation</extra>",
            }
        )
    lost = not_finite_at(line.curve)
    if lost is not None:
        traces.append(
            {
                "x": [lost[0]],
                "y": [lost[1]],
                "mode": "markers",
                "name": "not a number from here" if alone else name,
                **group,
                "showlegend": alone,
                "marker": {"color": colour, "size": 13, "symbol": "x"},
                "hovertemplate": f"not a number from %{{x:,}}<extra>{name}</extra>",
            }
        )
    return traces


def _filled(band: Band, common: dict[str, Any], colour: str, *, alone: bool) -> dict[str, Any]:
    """Out along the lower end and back along the upper one."""
    return {
        **common,
        "x": places([*band.x, *band.x[::-1]]),
        "y": numbers([*band.low, *band.high[::-1]]),
        "name": "spread of the repeats" if alone else "",
        "fill": "toself",
        "fillcolor": faint(colour),
        "line": {"width": 0},
    }
