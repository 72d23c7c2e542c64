"""Charts behind a recommendation: steps and time to target against the batch size."""

from collections.abc import Sequence

import numpy as np

from s2s.analysis.advice.steps_fit import StepsFit
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import Prediction, Standing
from s2s.charts import frame
from s2s.formatting import format_duration

_UNIT_COLORS = {"steps": frame.PALETTE[5], "samples": frame.PALETTE[1]}
_FIT_POINTS = 60
"""Number of points at which a fitted curve is drawn."""
_STANDING_STYLES = {
    Standing.RECOMMENDED: (frame.PALETTE[3], "circle"),
    Standing.SLOWER: (frame.PALETTE[4], "x"),
    Standing.UNDECIDED: (frame.GRAY, "circle-open"),
}
_BAND_MARGIN = 1.19
"""Factor by which the band extends below the smallest and above the largest recommended size."""


def plot_steps_to_target(
    points: Sequence[StepsToTarget], fit: StepsFit | None, *, revision: str = ""
) -> frame.Figure:
    """Plot each run's steps and samples to target, and the fitted curves if there is a fit."""
    sizes = [point.batch_size for point in points]
    exact = [point for point in points if point.is_exact]
    missed = [point for point in points if not point.reached]
    early = [point for point in points if point.is_early]
    traces = []
    for unit, color in _UNIT_COLORS.items():
        is_samples = unit == "samples"
        if fit is not None:
            x = np.geomspace(min(sizes), max(sizes), _FIT_POINTS)
            y = fit.steps(x) * (x if is_samples else 1)
            x_values, name = frame.round_values(x), f"{unit}, fit"
            traces.append(frame.build_line(x_values, y, color, name=name, hoverinfo="skip"))
        for selected, status, symbol, verb in (
            (exact, "reached", "circle", "reached at"),
            (missed, "not reached", "triangle-up-open", "not reached after"),
            (early, "reached early", "triangle-down-open", "reached within"),
        ):
            if not selected:
                continue
            hover = f"batch size %{{x:,}}, seed %{{customdata}}: {verb} %{{y:,.0f}} {unit}"
            traces.append(
                frame.build_markers(
                    [each.batch_size for each in selected],
                    [each.steps * (each.batch_size if is_samples else 1) for each in selected],
                    {"color": color, "symbol": symbol},
                    name=f"{unit}, {status}",
                    customdata=[each.seed for each in selected],
                    hovertemplate=f"{hover}<extra></extra>",
                )
            )
    return frame.build_figure(
        "Steps and samples to target",
        traces,
        frame.build_batch_size_axis(sizes),
        frame.build_axis("Steps or samples", type="log", dtick=1),
        height=400,
        revision=revision,
    )


def plot_time_to_target(predictions: Sequence[Prediction], *, revision: str = "") -> frame.Figure:
    """Plot predicted times with their intervals, and a band behind the recommended sizes."""
    sizes = [each.batch_size for each in predictions]
    values = [each.seconds.value for each in predictions]
    line = frame.build_line(sizes, values, frame.GRAY, width=1.5, hoverinfo="skip")
    traces = [line | {"showlegend": False}]
    for standing, (color, symbol) in _STANDING_STYLES.items():
        selected = [each for each in predictions if each.standing is standing]
        if not selected:
            continue
        seconds = [each.seconds.value for each in selected]
        lows = [each.seconds.low or each.seconds.value for each in selected]
        highs = [each.seconds.high or each.seconds.value for each in selected]
        traces.append(
            frame.build_markers(
                [each.batch_size for each in selected],
                seconds,
                {"color": color, "size": 10, "symbol": symbol},
                error_y=frame.build_error_bars(seconds, lows, highs, color),
                name=str(standing),
                customdata=[format_duration(value) for value in seconds],
                hovertemplate=f"batch size %{{x:,}}: %{{customdata}}, {standing}<extra></extra>",
            )
        )
    recommended = [each.batch_size for each in predictions if each.standing is Standing.RECOMMENDED]
    band = {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": min(recommended, default=1) / _BAND_MARGIN,
        "x1": max(recommended, default=1) * _BAND_MARGIN,
        "y0": 0,
        "y1": 1,
        "line": {"width": 0},
        "fillcolor": frame.make_translucent(frame.PALETTE[3], 0.15),
        "layer": "below",
    }
    return frame.build_figure(
        "Time to target",
        traces,
        frame.build_batch_size_axis(sizes),
        frame.build_axis("Training time to target (s)", type="log", nticks=6),
        height=380,
        revision=revision,
        shapes=[band] if recommended else [],
    )
