"""The parts of step time as stacked bars, the part that is fixed at any batch size hatched."""

from collections.abc import Sequence
from typing import Any

from s2s.analysis.run.anatomy import PARTS, AnatomyFit, RunAnatomy
from s2s.analysis.sweep.step_parts import StepParts
from s2s.charts import frame
from s2s.formatting import format_step_time

_COLOURS = dict(
    zip(
        PARTS,
        (frame.PALETTE[5], frame.PALETTE[1], frame.PALETTE[2], frame.PALETTE[3], frame.GREY),
        strict=True,
    )
)
_NAMES = {"between": "between steps"}
_HATCHED = {
    "shape": "/",
    "fillmode": "overlay",  # over the colour, not instead of it
    "size": 6,
    "solidity": 0.35,
    "fgcolor": "rgba(255,255,255,0.85)",
}
Seconds = Sequence[Sequence[float]]
"""For each bar its parts, in the order of PARTS."""


def plot_anatomy(
    runs: Sequence[RunAnatomy],
    fit: AnatomyFit | None,
    *,
    shares: bool = False,
    revision: str = "",
) -> frame.Figure:
    """Plot the parts of each run's step.

    Args:
        fit: Of these runs; it tells the fixed parts.
        shares: Plot shares of each step, not milliseconds.
    """
    medians = [each.anatomy.median_seconds for each in runs]
    scales = [100 / sum(each) if shares else 1000.0 for each in medians]
    fixed = [fit.fixed_parts(each) for each in medians] if fit else None
    names = [each.label for each in runs]
    unit = "Share of the step (%)" if shares else "Median time per step (ms)"
    return frame.build_figure(
        "Step anatomy",
        _stack(names, medians, fixed, scales, vertical=False),
        frame.build_axis(unit, rangemode="tozero", nticks=6),
        frame.build_axis("", autorange="reversed", type="category", showgrid=False),
        height=150 + 34 * len(runs),
        revision=f"{revision} {shares}",
        barmode="stack",
        bargap=0.35,
        margin={"l": 12, "r": 72, "t": 44, "b": 8},
    )


def plot_step_parts(
    step_parts: StepParts, *, per_sentence: bool = False, revision: str = ""
) -> frame.Figure:
    """Plot the parts of step time against the batch size, per step or per sentence."""
    divisors = [each.batch_size if per_sentence else 1 for each in step_parts.sizes]
    seconds = [each.seconds for each in step_parts.sizes]
    parts = _divide(seconds, divisors)
    fit, fixed = step_parts.fit, None
    if fit is not None:
        fixed = _divide([fit.fixed_parts(each) for each in seconds], divisors)
    names = [f"{each.batch_size:,}" for each in step_parts.sizes]
    top = 1100 * max((sum(each) for each in parts), default=1.0)  # room for the label of the sum
    unit = "sentence" if per_sentence else "step"
    return frame.build_figure(
        "Step anatomy",
        _stack(names, parts, fixed, [1000.0] * len(names), vertical=True),
        frame.build_axis(frame.BATCH_SIZE_TITLE, type="category", showgrid=False),
        frame.build_axis(f"Median time per {unit} (ms)", range=[0, top]),
        height=400,
        revision=f"{revision} {per_sentence}",
        barmode="stack",
        bargap=0.35,
    )


def _divide(seconds: Seconds, divisors: Sequence[float]) -> Seconds:
    return [
        [part / divisor for part in each] for each, divisor in zip(seconds, divisors, strict=True)
    ]


def _stack(
    names: Sequence[str],
    parts: Seconds,
    fixed: Seconds | None,
    scales: Sequence[float],
    *,
    vertical: bool,
) -> list[frame.Trace]:
    """Return traces with one bar per name, its length the sum of its parts times its scale.

    Args:
        fixed: The fixed seconds of each part; None: unknown.
    """
    values, categories = ("y", "x") if vertical else ("x", "y")
    common = {
        "orientation": "v" if vertical else "h",
        categories: [frame.escape_label(name) for name in names],
    }
    traces = []
    growing, suffix = parts, ""
    if fixed is not None:
        suffix = ", grows with the batch size"
        growing = [
            [whole - fixed_part for whole, fixed_part in zip(*each, strict=True)]
            for each in zip(parts, fixed, strict=True)
        ]
        hatched = _stack_parts(fixed, scales, values, categories, ", fixed", _HATCHED)
        traces += [{**trace, "showlegend": False} for trace in hatched]
    traces += _stack_parts(growing, scales, values, categories, suffix, {"shape": ""})
    if fixed is not None:
        traces.append(
            {
                "type": "bar",
                values: [None] * len(names),
                "name": "hatched: fixed part",
                "marker": {"color": frame.GREY, "pattern": _HATCHED},
                "hoverinfo": "skip",
            }
        )
    traces.append(_label_sums(parts, scales, values))
    return [{**common, **trace} for trace in traces]


def _stack_parts(
    parts: Seconds,
    scales: Sequence[float],
    values: str,
    categories: str,
    suffix: str,
    pattern: dict[str, Any],
) -> list[frame.Trace]:
    """Return a trace for each of PARTS."""
    traces = []
    for index, part in enumerate(PARTS):
        seconds = [each[index] for each in parts]
        name = _NAMES.get(part, part)
        traces.append(
            {
                "type": "bar",
                values: frame.round_values(a * b for a, b in zip(seconds, scales, strict=True)),
                "name": name,
                "legendgroup": part,
                "marker": {"color": _COLOURS[part], "line": {"width": 0}, "pattern": pattern},
                "customdata": [format_step_time(each) for each in seconds],
                "hovertemplate": f"{name}{suffix}: %{{customdata}}<extra>%{{{categories}}}</extra>",
            }
        )
    return traces


def _label_sums(parts: Seconds, scales: Sequence[float], values: str) -> frame.Trace:
    """Return a trace that writes the sum of each bar at its end."""
    sums = [sum(each) for each in parts]
    return {
        "type": "scatter",
        "mode": "text",
        values: frame.round_values(a * b for a, b in zip(sums, scales, strict=True)),
        "text": [f" {format_step_time(each)}" for each in sums],
        "textposition": "top center" if values == "y" else "middle right",
        "cliponaxis": False,
        "showlegend": False,
        "hoverinfo": "skip",
    }
