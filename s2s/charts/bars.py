"""Bar charts: one value per run, and the parts of step time."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from s2s.analysis.compare.groups import Bar
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.anatomy import PARTS, Anatomy, AnatomyFit
from s2s.analysis.run.steps import Floats
from s2s.analysis.sweep.step_parts import StepParts
from s2s.charts import frame
from s2s.formatting import format_range, format_step_time

_PART_COLORS = (
    frame.PALETTE[5], frame.PALETTE[1], frame.PALETTE[2], frame.PALETTE[3], frame.GRAY
)  # fmt: skip
"""The color of each of PARTS."""
_PLAIN: dict[str, Any] = {"shape": ""}
_HATCHED: dict[str, Any] = {
    "shape": "/",
    "fillmode": "overlay",  # over the color, not instead of it
    "size": 6,
    "solidity": 0.35,
    "fgcolor": "rgba(255,255,255,0.85)",
}
_BAR_GAP = 0.35
_MARGIN = {"l": 12, "r": 72, "t": 44, "b": 8}
"""Margins around horizontal bars, with room for the text at their ends."""
_RUNS_AXIS = frame.build_axis("", autorange="reversed", type="category", showgrid=False)


def plot_bars(
    bars: Sequence[Bar],
    title: str,
    unit: str,
    format_value: Callable[[float | None], str],
    *,
    scale: float = 1.0,
    warnings: Sequence[str] = (),
) -> frame.Figure:
    """Plot means with error bars. An unknown mean has a text but no bar.

    Args:
        format_value: Formats an unscaled value for the text at the bar's end.
        scale: Factor that converts values to `unit`.
        warnings: Why each bar's value is uncertain, shown on hover; empty if it is not.
    """
    values = [bar.estimate or Estimate(math.nan) for bar in bars]
    means_and_ends = np.array([(each.value, each.low, each.high) for each in values], np.float64)
    means, lows, highs = scale * means_and_ends.reshape(-1, 3).T  # an unknown end of a range is NaN
    warnings = warnings or [""] * len(bars)
    names = [frame.wrap_label(bar.group.label) for bar in bars]
    texts = [format_value(bar.mean) for bar in bars]
    ranges = [format_range(each.low, each.high, format_value) for each in values]
    hover_lines = zip(texts, ranges, warnings, strict=True)
    color_keys = [(bar.group.run_id, bar.group.batch_size) for bar in bars]
    marks = [" ⚠" if warning else "" for warning in warnings]
    end_texts = map(str.__add__, texts, marks)
    return frame.build_figure(
        title,
        [
            {
                "type": "bar",
                "orientation": "h",
                "y": names,
                "x": frame.round_values(means),
                "customdata": ["<br>".join(filter(None, lines)) for lines in hover_lines],
                "marker": {"color": frame.assign_colors(color_keys)},
                "error_x": {**frame.build_error_bars(means, lows, highs, frame.GRAY), "width": 4},
                "hovertemplate": f"%{{customdata}} {unit}<extra>%{{y}}</extra>",
            },
            _build_end_texts(names, np.fmax(means, highs), end_texts, is_vertical=False),
        ],
        frame.build_axis(unit, rangemode="tozero", nticks=4, tickangle=0),
        _RUNS_AXIS,
        height=120 + 34 * len(bars),
        revision=title,
        showlegend=False,
        bargap=_BAR_GAP,
        margin=_MARGIN,
    )


def plot_anatomy(
    runs: Sequence[Anatomy],
    fit: AnatomyFit | None,
    *,
    as_shares: bool = False,
    revision: str = "",
) -> frame.Figure:
    """Plot the parts of the step time of each run.

    Args:
        fit: Fit to these runs. It tells how much of each part is fixed; `None` if there is none.
        as_shares: Whether to plot percentages of the step time instead of milliseconds.
    """
    seconds = np.array([each.median_seconds for each in runs])
    return frame.build_figure(
        "Step anatomy",
        _build_stacked_bars(
            [each.label for each in runs],
            seconds,
            None if fit is None else np.minimum(fit.fixed_seconds, seconds),
            scales=100 / seconds.sum(axis=1) if as_shares else np.full(len(runs), 1000.0),
            is_vertical=False,
        ),
        frame.build_axis(
            "Share of the step (%)" if as_shares else "Median time per step (ms)",
            rangemode="tozero",
            nticks=6,
        ),
        _RUNS_AXIS,
        height=150 + 34 * len(runs),
        revision=f"{revision} {as_shares}",
        barmode="stack",
        bargap=_BAR_GAP,
        margin=_MARGIN,
    )


def plot_step_parts(
    step_parts: StepParts, *, per_sentence: bool = False, revision: str = ""
) -> frame.Figure:
    """Plot the parts of step time against the batch size, per step or per sentence."""
    sizes, fit = step_parts.sizes, step_parts.fit
    divisors = np.array([[each.batch_size if per_sentence else 1] for each in sizes])
    seconds = np.array([each.seconds for each in sizes]) / divisors
    top = 1.1 * 1000 * seconds.sum(axis=1).max()  # in ms, plus 10% for the text above the bars
    unit = "sentence" if per_sentence else "step"
    return frame.build_figure(
        "Step anatomy",
        _build_stacked_bars(
            [f"{each.batch_size:,}" for each in sizes],
            seconds,
            None if fit is None else np.minimum(fit.fixed_seconds / divisors, seconds),
            scales=np.full(len(sizes), 1000.0),
            is_vertical=True,
        ),
        frame.build_axis(frame.BATCH_SIZE_TITLE, type="category", showgrid=False),
        frame.build_axis(f"Median time per {unit} (ms)", range=[0, top]),
        height=400,
        revision=f"{revision} {per_sentence}",
        barmode="stack",
        bargap=_BAR_GAP,
    )


def _build_stacked_bars(
    labels: Sequence[str],
    seconds: Floats,
    fixed_seconds: Floats | None,
    scales: Floats,
    *,
    is_vertical: bool,
) -> list[frame.Trace]:
    """Return traces that stack to one bar per label.

    A bar's length is the sum of its seconds, times its scale. The time that does not depend on the
    batch size comes first and is hatched.

    Args:
        seconds: Time of each part, shape (labels, PARTS).
        fixed_seconds: Fixed time of each part, in the same shape; `None` if it is unknown.
        scales: Factor from seconds to the axis unit, shape (labels,).
    """
    value_key, category_key = ("y", "x") if is_vertical else ("x", "y")
    names = [frame.escape_label(label) for label in labels]
    extra = f"<extra>%{{{category_key}}}</extra>"
    bar = {"type": "bar", "orientation": "v" if is_vertical else "h", category_key: names}
    layers = [(seconds, "", _PLAIN)]  # seconds, suffix of the name on hover, pattern
    if fixed_seconds is not None:
        growing = seconds - fixed_seconds
        layers = [
            (fixed_seconds, ", fixed", _HATCHED),
            (growing, ", grows with the batch size", _PLAIN),
        ]
    traces: list[frame.Trace] = []
    for layer, suffix, pattern in layers:
        for part, color, part_seconds in zip(PARTS, _PART_COLORS, layer.T, strict=True):
            name = "between steps" if part == "between" else part
            traces.append(
                {
                    **bar,
                    value_key: frame.round_values(part_seconds * scales),
                    "name": name,
                    "legendgroup": part,
                    "showlegend": pattern is not _HATCHED,
                    "marker": {"color": color, "line": {"width": 0}, "pattern": pattern},
                    "customdata": [format_step_time(each) for each in part_seconds],
                    "hovertemplate": f"{name}{suffix}: %{{customdata}}{extra}",
                }
            )
    if fixed_seconds is not None:
        legend = {"name": "hatched: fixed part", "hoverinfo": "skip"}
        marker = {"color": frame.GRAY, "pattern": _HATCHED}
        traces.append({**bar, value_key: [None] * len(names), "marker": marker, **legend})
    sums = seconds.sum(axis=1)
    texts = map(format_step_time, sums)
    return [*traces, _build_end_texts(names, sums * scales, texts, is_vertical=is_vertical)]


def _build_end_texts(
    names: Sequence[str], ends: Floats, texts: Iterable[str], *, is_vertical: bool
) -> frame.Trace:
    """Return a trace that writes a text at the end of each bar, or at 0 if the end is NaN."""
    value_key, category_key = ("y", "x") if is_vertical else ("x", "y")
    return {
        "type": "scatter",
        "mode": "text",
        category_key: names,
        value_key: frame.round_values(np.nan_to_num(ends)),
        "text": [f" {text}" for text in texts],
        "textposition": "top center" if is_vertical else "middle right",
        "cliponaxis": False,
        "showlegend": False,
        "hoverinfo": "skip",
    }
