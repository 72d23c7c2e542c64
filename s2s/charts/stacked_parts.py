"""The parts of a step as stacked bars, hatched what is fixed at any batch size."""

from collections.abc import Sequence
from typing import Any

from s2s.analysis.run.anatomy import PARTS
from s2s.charts.frame import GREY, PALETTE, label, numbers
from s2s.formatting import format_step_time

_COLOURS = dict(zip(PARTS, (PALETTE[5], PALETTE[1], PALETTE[2], PALETTE[3], GREY), strict=True))
_HATCHED = {
    "shape": "/",
    "fillmode": "overlay",  # over the colour, else instead of it
    "size": 6,
    "solidity": 0.35,
    "fgcolor": "rgba(255,255,255,0.85)",
}
_NAMES = {"between": "between steps"}
Seconds = Sequence[Sequence[float]]
"""Of each bar its parts, in the order of PARTS."""


def stacked_parts(
    names: Sequence[str], parts: Seconds, fixed: Seconds | None, scales: Sequence[float],
    *, upright: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    """Traces: a bar for each name, its length the sum of its parts times its scale.

    `fixed`: how much of each part is fixed; None where that is not known.
    """
    along = "y" if upright else "x"
    common = {
        "orientation": "v" if upright else "h",
        "x" if upright else "y": [label(name) for name in names],
    }
    stays = [[0.0] * len(PARTS)] * len(names) if fixed is None else fixed
    grows = [
        [whole - fixed_part for whole, fixed_part in zip(*each, strict=True)]
        for each in zip(parts, stays, strict=True)
    ]
    traces = []
    if fixed is not None:
        traces += _bars(fixed, scales, along, {"showlegend": False}, _HATCHED, ", fixed")
    said = "" if fixed is None else ", with the batch size"
    traces += _bars(grows, scales, along, {}, {"shape": ""}, said)
    if fixed is not None:
        traces.append(_legend_of_fixed(along, len(names)))
    return [{**common, **trace} for trace in [*traces, _wholes(along, parts, scales)]]


def _bars(
    parts: Seconds,
    scales: Sequence[float],
    along: str,
    more: dict[str, Any],
    pattern: dict[str, Any],
    kind: str,
) -> list[dict[str, Any]]:
    """A trace for each of PARTS."""
    traces = []
    for index, part in enumerate(PARTS):
        seconds = [each[index] for each in parts]
        name = _NAMES.get(part, part)
        traces.append(
            {
                "type": "bar",
                along: numbers(a * b for a, b in zip(seconds, scales, strict=True)),
                "name": name,
                "legendgroup": part,
                "marker": {"color": _COLOURS[part], "line": {"width": 0}, "pattern": pattern},
                "customdata": [format_step_time(each) for each in seconds],
                "hovertemplate": f"{name}{kind}: %{{customdata}}"
                f"<extra>%{{{'x' if along == 'y' else 'y'}}}</extra>",
                **more,
            }
        )
    return traces


def _legend_of_fixed(along: str, count: int) -> dict[str, Any]:
    return {
        "type": "bar",
        along: [None] * count,
        "name": "hatched: fixed part",
        "marker": {"color": GREY, "pattern": _HATCHED},
        "hoverinfo": "skip",
    }


def _wholes(along: str, parts: Seconds, scales: Sequence[float]) -> dict[str, Any]:
    """The sum of each bar, written at its end."""
    wholes = [sum(each) for each in parts]
    return {
        "type": "scatter",
        "mode": "text",
        along: numbers(a * b for a, b in zip(wholes, scales, strict=True)),
        "text": [f" {format_step_time(each)}" for each in wholes],
        "textposition": "top center" if along == "y" else "middle right",
        "cliponaxis": False,
        "showlegend": False,
        "hoverinfo": "skip",
    }
