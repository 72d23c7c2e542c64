"""Training time to the target against the batch size, with the range of good sizes."""

from typing import Any

from s2s.analysis.advice.time_to_target import Prediction, Standing, TimeToTarget
from s2s.charts.frame import GREY, PALETTE, Figure, axis, layout, numbers
from s2s.charts.scale import batch_size_axis
from s2s.formatting import format_duration

_COLOURS = {Standing.GOOD: PALETTE[3], Standing.UNDECIDED: GREY, Standing.SLOW: PALETTE[4]}
_SYMBOLS = {Standing.GOOD: "circle", Standing.UNDECIDED: "circle-open", Standing.SLOW: "x"}


def time_figure(times: TimeToTarget, *, revision: str = "") -> Figure:
    """Predicted seconds with their intervals; the good sizes filled, and a band behind them."""
    predictions = times.predictions
    line: dict[str, Any] = {
        "x": [each.batch_size for each in predictions],
        "y": numbers(each.seconds.value for each in predictions),
        "mode": "lines",
        "line": {"color": GREY, "width": 1.5},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    good = [each.batch_size for each in predictions if each.standing is Standing.GOOD]
    return {
        "data": [line, *filter(None, (_points(predictions, kind) for kind in Standing))],
        "layout": layout(
            "Time to the target",
            height=380,
            revision=revision,
            xaxis=batch_size_axis([each.batch_size for each in predictions]),
            yaxis=axis("Training time to the target (s)", type="log", nticks=6),
            shapes=[_band(min(good), max(good))] if good else [],
        ),
    }


def _points(predictions: tuple[Prediction, ...], kind: Standing) -> dict[str, Any] | None:
    chosen = [each for each in predictions if each.standing is kind]
    if not chosen:
        return None
    ends = [
        (each.seconds.low or each.seconds.value, each.seconds.high or each.seconds.value)
        for each in chosen
    ]
    return {
        "x": [each.batch_size for each in chosen],
        "y": numbers(each.seconds.value for each in chosen),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": numbers(
                high - each.seconds.value for each, (_, high) in zip(chosen, ends, strict=True)
            ),
            "arrayminus": numbers(
                each.seconds.value - low for each, (low, _) in zip(chosen, ends, strict=True)
            ),
            "color": _COLOURS[kind],
            "thickness": 1.5,
        },
        "mode": "markers",
        "name": f"{kind}",
        "marker": {"color": _COLOURS[kind], "size": 10, "symbol": _SYMBOLS[kind]},
        "customdata": [format_duration(each.seconds.value) for each in chosen],
        "hovertemplate": f"batch %{{x:,}}: %{{customdata}}, {kind}<extra></extra>",
    }


def _band(low: int, high: int) -> dict[str, Any]:
    """Around the good sizes, a little wider than they are."""
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": low / 1.19,
        "x1": high * 1.19,
        "y0": 0,
        "y1": 1,
        "line": {"width": 0},
        "fillcolor": PALETTE[3] + "26",
        "layer": "below",
    }


def time_text(times: TimeToTarget) -> str:
    """The chart in a sentence."""
    told = "; ".join(
        f"batch {each.batch_size:,}: {format_duration(each.seconds.value)}, {each.standing}"
        for each in times.predictions
    )
    return f"Predicted training time to the target against the batch size. {told}."
