"""Steps and samples to the target against the batch size, both axes logarithmic, with the fit."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2s.analysis.advice.batch_law import BatchLaw
from s2s.analysis.advice.target import StepsToTarget
from s2s.charts.frame import PALETTE, Figure, axis, layout, numbers
from s2s.charts.scale import batch_size_axis

_STEPS, _SAMPLES = PALETTE[5], PALETTE[1]
_PLACES = 60


def steps_figure(
    points: Sequence[StepsToTarget], law: BatchLaw | None, *, revision: str = ""
) -> Figure:
    """A run that ended above the target is an open triangle: it needed more than that.

    `law`: None where none could be fitted; the points are drawn all the same.
    """
    sizes = [point.batch_size for point in points]
    kinds = (
        ("reached", [point for point in points if point.exact], "circle", "reached at"),
        ("not reached", [point for point in points if not point.reached], "triangle-up-open",
         "not reached after"),
        ("sooner than seen", [point for point in points if point.early], "triangle-down-open",
         "reached within"),
    )  # fmt: skip
    traces: list[dict[str, Any]] = []
    for name, colour, samples in (("steps", _STEPS, False), ("samples", _SAMPLES, True)):
        if law is not None:
            traces.append(_fit(law, sizes, colour, name, samples=samples))
        for kind, chosen, symbol, said in kinds:
            if chosen:
                shown = f"{name}, {kind}"
                traces.append(
                    {
                        "x": [point.batch_size for point in chosen],
                        "y": numbers(
                            point.steps * (point.batch_size if samples else 1) for point in chosen
                        ),
                        "mode": "markers",
                        "name": shown,
                        "marker": {"color": colour, "size": 9, "symbol": symbol},
                        "customdata": [point.seed for point in chosen],
                        "hovertemplate": f"batch %{{x:,}}, seed %{{customdata}}: {said} "
                        f"%{{y:,.0f}} {name}<extra></extra>",
                    }
                )
    return {
        "data": traces,
        "layout": layout(
            "Steps and samples to the target",
            height=400,
            revision=revision,
            xaxis=batch_size_axis(sizes),
            yaxis=axis("Steps, or samples", type="log", dtick=1),
        ),
    }


def _fit(
    law: BatchLaw, sizes: Sequence[int], colour: str, name: str, *, samples: bool
) -> dict[str, Any]:
    at = np.geomspace(min(sizes), max(sizes), _PLACES)
    steps = law.steps(at)
    return {
        "x": numbers(at),
        "y": numbers(steps * at if samples else steps),
        "mode": "lines",
        "name": f"{name}, the law",
        "line": {"color": colour, "width": 2},
        "hoverinfo": "skip",
    }


def steps_text(points: Sequence[StepsToTarget]) -> str:
    """The chart in a sentence."""
    told = "; ".join(
        f"batch {point.batch_size:,}, seed {point.seed}: "
        f"{'' if point.reached else 'not reached after '}{'within ' if point.early else ''}"
        f"{point.steps:,.0f} steps"
        for point in points
    )
    return f"Steps to the target against the batch size. {told or 'No runs'}."
