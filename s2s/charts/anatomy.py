"""The parts of a step as stacked bars, a run each; hatched what is fixed at any batch size."""

from collections.abc import Sequence
from typing import Any

from s2s.analysis.anatomy import PARTS, Dissected, Split
from s2s.analysis.words import step_time
from s2s.charts.frame import GREY, PALETTE, Figure, axis, label, layout, numbers

_COLOURS = dict(zip(PARTS, (PALETTE[5], PALETTE[1], PALETTE[2], PALETTE[3], GREY), strict=True))
_HATCHED = {
    "shape": "/",
    "fillmode": "overlay",  # over the colour, else instead of it
    "size": 6,
    "solidity": 0.35,
    "fgcolor": "rgba(255,255,255,0.85)",
}
_NAMES = {"between": "between steps"}


def anatomy_figure(
    runs: Sequence[Dissected], split: Split | None, *, shares: bool = False, revision: str = ""
) -> Figure:
    """In milliseconds, or as shares of each run's step. `split` is of these runs."""
    medians = [each.anatomy.median_seconds for each in runs]
    wholes = [sum(each) for each in medians]
    scales = [100 / whole if shares else 1000.0 for whole in wholes]
    fixed = [split.fixed_within(each.anatomy) if split else (0.0,) * len(PARTS) for each in runs]
    common: dict[str, Any] = {"orientation": "h", "y": [label(each.label) for each in runs]}
    traces: list[dict[str, Any]] = []
    for hatched in (True, False) if split else (False,):
        for index, part in enumerate(PARTS):
            seconds = [
                stays[index] if hatched else whole[index] - stays[index]
                for whole, stays in zip(medians, fixed, strict=True)
            ]
            name = _NAMES.get(part, part)
            said = f"{name}, {'fixed' if hatched else 'with the batch size'}" if split else name
            traces.append(
                {
                    **common,
                    "type": "bar",
                    "x": numbers(a * b for a, b in zip(seconds, scales, strict=True)),
                    "name": name,
                    "legendgroup": part,
                    "showlegend": not hatched,
                    "marker": {
                        "color": _COLOURS[part],
                        "line": {"width": 0},
                        "pattern": _HATCHED if hatched else {"shape": ""},
                    },
                    "customdata": [step_time(each) for each in seconds],
                    "hovertemplate": f"{said}: %{{customdata}}<extra>%{{y}}</extra>",
                }
            )
    if split:  # for the legend only
        traces.append(
            {
                **common,
                "type": "bar",
                "x": [None] * len(runs),
                "name": "hatched: fixed part",
                "marker": {"color": GREY, "pattern": _HATCHED},
                "hoverinfo": "skip",
            }
        )
    traces.append(
        {
            **common,
            "type": "scatter",
            "mode": "text",
            "x": numbers(a * b for a, b in zip(wholes, scales, strict=True)),
            "text": [f" {step_time(each)}" for each in wholes],
            "textposition": "middle right",
            "cliponaxis": False,
            "showlegend": False,
            "hoverinfo": "skip",
        }
    )
    unit = "Share of a step (%)" if shares else "Median time of a step (ms)"
    return {
        "data": traces,
        "layout": layout(
            "Step anatomy",
            height=150 + 34 * len(runs),
            revision=f"{revision} {shares}",
            barmode="stack",
            bargap=0.35,
            margin={"l": 12, "r": 72, "t": 44, "b": 8},
            xaxis=axis(unit, rangemode="tozero", nticks=6),
            yaxis=axis("", autorange="reversed", type="category", showgrid=False),
        ),
    }
