"""Time to target against the batch size, with the recommended range."""

from typing import Any

from s2s.analysis.advice.time_to_target import Prediction, Standing, TimeToTarget
from s2s.charts.frame import (
    GREY,
    PALETTE,
    Figure,
    build_axis,
    build_batch_size_axis,
    build_error_bars,
    build_layout,
    make_translucent,
    round_values,
)
from s2s.formatting import format_duration

_COLOURS = {Standing.RECOMMENDED: PALETTE[3], Standing.UNDECIDED: GREY, Standing.SLOWER: PALETTE[4]}
_SYMBOLS = {Standing.RECOMMENDED: "circle", Standing.UNDECIDED: "circle-open", Standing.SLOWER: "x"}
_BAND_MARGIN = 1.19
"""Factor by which the band exceeds the recommended sizes."""


def plot_time_to_target(times: TimeToTarget, *, revision: str = "") -> Figure:
    """Plot predicted seconds with their intervals, and a band behind the recommended sizes."""
    predictions = times.predictions
    line: dict[str, Any] = {
        "x": [each.batch_size for each in predictions],
        "y": round_values(each.seconds.value for each in predictions),
        "mode": "lines",
        "line": {"color": GREY, "width": 1.5},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    recommended = [each.batch_size for each in predictions if each.standing is Standing.RECOMMENDED]
    return {
        "data": [line, *filter(None, (_plot_points(predictions, kind) for kind in Standing))],
        "layout": build_layout(
            "Time to target",
            height=380,
            revision=revision,
            xaxis=build_batch_size_axis([each.batch_size for each in predictions]),
            yaxis=build_axis("Training time to target (s)", type="log", nticks=6),
            shapes=[_band(min(recommended), max(recommended))] if recommended else [],
        ),
    }


def _plot_points(predictions: tuple[Prediction, ...], kind: Standing) -> dict[str, Any] | None:
    selected = [each for each in predictions if each.standing is kind]
    if not selected:
        return None
    seconds = [each.seconds for each in selected]
    return {
        "x": [each.batch_size for each in selected],
        "y": round_values(each.value for each in seconds),
        "error_y": build_error_bars(
            [each.value for each in seconds],
            [each.low or each.value for each in seconds],
            [each.high or each.value for each in seconds],
            _COLOURS[kind],
        ),
        "mode": "markers",
        "name": str(kind),
        "marker": {"color": _COLOURS[kind], "size": 10, "symbol": _SYMBOLS[kind]},
        "customdata": [format_duration(each.value) for each in seconds],
        "hovertemplate": f"batch size %{{x:,}}: %{{customdata}}, {kind}<extra></extra>",
    }


def _band(low: int, high: int) -> dict[str, Any]:
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": low / _BAND_MARGIN,
        "x1": high * _BAND_MARGIN,
        "y0": 0,
        "y1": 1,
        "line": {"width": 0},
        "fillcolor": make_translucent(PALETTE[3], 0.15),
        "layer": "below",
    }
