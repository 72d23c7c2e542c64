"""Time to target against the batch size, with the recommended range."""

from s2s.analysis.advice.time_to_target import Prediction, Standing, TimeToTarget
from s2s.charts import frame
from s2s.formatting import format_duration

_COLOURS = {
    Standing.RECOMMENDED: frame.PALETTE[3],
    Standing.UNDECIDED: frame.GREY,
    Standing.SLOWER: frame.PALETTE[4],
}
_SYMBOLS = {Standing.RECOMMENDED: "circle", Standing.UNDECIDED: "circle-open", Standing.SLOWER: "x"}
_BAND_MARGIN = 1.19
"""Factor by which the band exceeds the recommended sizes."""


def plot_time_to_target(times: TimeToTarget, *, revision: str = "") -> frame.Figure:
    """Plot predicted seconds with their intervals, and a band behind the recommended sizes."""
    predictions = times.predictions
    sizes = [each.batch_size for each in predictions]
    seconds = [each.seconds.value for each in predictions]
    line = frame.build_line(
        sizes, seconds, frame.GREY, width=1.5, showlegend=False, hoverinfo="skip"
    )
    by_standing = {
        kind: [each for each in predictions if each.standing is kind] for kind in Standing
    }
    recommended = [each.batch_size for each in by_standing[Standing.RECOMMENDED]]
    return frame.build_figure(
        "Time to target",
        [line, *(_plot_points(points, kind) for kind, points in by_standing.items() if points)],
        frame.build_batch_size_axis(sizes),
        frame.build_axis("Training time to target (s)", type="log", nticks=6),
        height=380,
        revision=revision,
        shapes=[_build_band(min(recommended), max(recommended))] if recommended else [],
    )


def _plot_points(predictions: list[Prediction], kind: Standing) -> frame.Trace:
    seconds = [each.seconds for each in predictions]
    values = [each.value for each in seconds]
    lows = [each.low or each.value for each in seconds]
    highs = [each.high or each.value for each in seconds]
    trace = frame.build_markers(
        [each.batch_size for each in predictions],
        values,
        _COLOURS[kind],
        size=10,
        error_y=frame.build_error_bars(values, lows, highs, _COLOURS[kind]),
        name=str(kind),
        customdata=[format_duration(value) for value in values],
        hovertemplate=f"batch size %{{x:,}}: %{{customdata}}, {kind}<extra></extra>",
    )
    trace["marker"]["symbol"] = _SYMBOLS[kind]
    return trace


def _build_band(low: int, high: int) -> frame.Trace:
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": low / _BAND_MARGIN,
        "x1": high * _BAND_MARGIN,
        "y0": 0,
        "y1": 1,
        "line": {"width": 0},
        "fillcolor": frame.make_translucent(frame.PALETTE[3], 0.15),
        "layer": "below",
    }
