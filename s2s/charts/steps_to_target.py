"""Steps and samples to target against the batch size, both axes logarithmic, with the fit."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2s.analysis.advice.steps_fit import StepsFit
from s2s.analysis.advice.target import StepsToTarget
from s2s.charts.frame import (
    PALETTE,
    Figure,
    build_axis,
    build_batch_size_axis,
    build_layout,
    round_values,
)

_STEPS_COLOUR, _SAMPLES_COLOUR = PALETTE[5], PALETTE[1]
_FIT_POINTS = 60


def plot_steps_to_target(
    points: Sequence[StepsToTarget], fit: StepsFit | None, *, revision: str = ""
) -> Figure:
    """Plot every run: as a circle, or as an open triangle where only a bound is known.

    Args:
        fit: None if there is none; the points are plotted all the same.
    """
    sizes = [point.batch_size for point in points]
    kinds = (
        ("reached", "circle", "reached at", [each for each in points if each.exact]),
        (
            "not reached",
            "triangle-up-open",
            "not reached after",
            [each for each in points if not each.reached],
        ),
        (
            "reached early",
            "triangle-down-open",
            "reached within",
            [each for each in points if each.early],
        ),
    )
    traces: list[dict[str, Any]] = []
    for unit, colour in (("steps", _STEPS_COLOUR), ("samples", _SAMPLES_COLOUR)):
        if fit is not None:
            traces.append(_plot_fit(fit, sizes, colour, unit))
        traces += [
            _plot_points(selected, f"{unit}, {kind}", colour, symbol, verb, unit)
            for kind, symbol, verb, selected in kinds
            if selected
        ]
    return {
        "data": traces,
        "layout": build_layout(
            "Steps and samples to target",
            height=400,
            revision=revision,
            xaxis=build_batch_size_axis(sizes),
            yaxis=build_axis("Steps or samples", type="log", dtick=1),
        ),
    }


def _plot_points(
    points: Sequence[StepsToTarget], name: str, colour: str, symbol: str, verb: str, unit: str
) -> dict[str, Any]:
    return {
        "x": [point.batch_size for point in points],
        "y": round_values(
            point.steps * (point.batch_size if unit == "samples" else 1) for point in points
        ),
        "mode": "markers",
        "name": name,
        "marker": {"color": colour, "size": 9, "symbol": symbol},
        "customdata": [point.seed for point in points],
        "hovertemplate": f"batch size %{{x:,}}, seed %{{customdata}}: {verb} %{{y:,.0f}} {unit}"
        "<extra></extra>",
    }


def _plot_fit(fit: StepsFit, sizes: Sequence[int], colour: str, unit: str) -> dict[str, Any]:
    batch_sizes = np.geomspace(min(sizes), max(sizes), _FIT_POINTS)
    steps = fit.steps(batch_sizes)
    return {
        "x": round_values(batch_sizes),
        "y": round_values(steps * batch_sizes if unit == "samples" else steps),
        "mode": "lines",
        "name": f"{unit}, fit",
        "line": {"color": colour, "width": 2},
        "hoverinfo": "skip",
    }
