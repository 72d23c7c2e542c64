"""Steps and samples to target against the batch size, both axes logarithmic, with the fit."""

from collections.abc import Sequence

import numpy as np

from s2s.analysis.advice.steps_fit import StepsFit
from s2s.analysis.advice.target import StepsToTarget
from s2s.charts import frame

_COLOURS = {"steps": frame.PALETTE[5], "samples": frame.PALETTE[1]}
_FIT_POINTS = 60


def plot_steps_to_target(
    points: Sequence[StepsToTarget], fit: StepsFit | None, *, revision: str = ""
) -> frame.Figure:
    """Plot every run: as a circle, or as an open triangle if only a bound is known.

    Args:
        fit: None: only the points are plotted.
    """
    sizes = [point.batch_size for point in points]
    exact = [each for each in points if each.exact]
    censored = [each for each in points if not each.reached]
    early = [each for each in points if each.early]
    traces: list[frame.Trace] = []
    for unit in _COLOURS:
        if fit is not None:
            traces.append(_plot_fit(fit, sizes, unit))
        traces += [
            _plot_points(selected, unit, kind, symbol, verb)
            for kind, symbol, verb, selected in (
                ("reached", "circle", "reached at", exact),
                ("not reached", "triangle-up-open", "not reached after", censored),
                ("reached early", "triangle-down-open", "reached within", early),
            )
            if selected
        ]
    return frame.build_figure(
        "Steps and samples to target",
        traces,
        frame.build_batch_size_axis(sizes),
        frame.build_axis("Steps or samples", type="log", dtick=1),
        height=400,
        revision=revision,
    )


def _plot_points(
    points: Sequence[StepsToTarget], unit: str, kind: str, symbol: str, verb: str
) -> frame.Trace:
    trace = frame.build_markers(
        [point.batch_size for point in points],
        [point.steps * (point.batch_size if unit == "samples" else 1) for point in points],
        _COLOURS[unit],
        name=f"{unit}, {kind}",
        customdata=[point.seed for point in points],
        hovertemplate=f"batch size %{{x:,}}, seed %{{customdata}}: {verb} %{{y:,.0f}} {unit}"
        "<extra></extra>",
    )
    trace["marker"]["symbol"] = symbol
    return trace


def _plot_fit(fit: StepsFit, sizes: Sequence[int], unit: str) -> frame.Trace:
    batch_sizes = np.geomspace(min(sizes), max(sizes), _FIT_POINTS)
    steps = fit.steps(batch_sizes)
    y = steps * batch_sizes if unit == "samples" else steps
    x = frame.round_values(batch_sizes)
    return frame.build_line(x, y, _COLOURS[unit], name=f"{unit}, fit", hoverinfo="skip")
