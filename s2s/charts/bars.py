"""One figure of each run as bars, side by side."""

from collections.abc import Sequence

from s2s.analysis.comparison import Row
from s2s.charts.frame import Figure, axis, colours, label, layout, numbers


def bars_figure(
    rows: Sequence[Row],
    values: Sequence[float | None],
    texts: Sequence[str],
    title: str,
    unit: str,
    against: Sequence[str] = (),
) -> Figure:
    """A bar for each row; an unknown value has no bar and its text says so.

    `against`: what speaks against each value; such a one carries a sign, explained on hover.
    """
    against = against or [""] * len(rows)
    tints = colours([(each.run_id, each.batch_size) for each in rows])
    known = [float("nan") if value is None else value for value in values]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "y": [label(each.label) for each in rows],
                "x": numbers(known),
                "text": [
                    f"{text} ⚠" if mark else text for text, mark in zip(texts, against, strict=True)
                ],
                "customdata": [f"<br>{mark}" if mark else "" for mark in against],
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": tints},
                "hovertemplate": f"%{{text}} {unit}%{{customdata}}<extra>%{{y}}</extra>",
            }
        ],
        "layout": layout(
            title,
            height=120 + 34 * len(rows),
            revision=title,
            showlegend=False,
            bargap=0.35,
            margin={"l": 12, "r": 72, "t": 44, "b": 8},
            xaxis=axis(unit, rangemode="tozero", nticks=4),
            yaxis=axis("", autorange="reversed", type="category", showgrid=False),
        ),
    }
