"""What all charts share: colours, axes, numbers that a browser can read.

Figures are plain dicts: building a go.Figure with a template costs 15 to 18 ms, which a chart
that changes each second cannot afford. Text takes its colour from the page (live_chart.py), so
that one figure serves light and dark.
"""

import html
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

Figure = dict[str, Any]

PALETTE = ("#A08A1F", "#D67A1A", "#8B6FD1", "#0B9B74", "#D1495B", "#1783C9", "#CC6FA6", "#3F9FA8")
"""After Okabe and Ito: told apart with every kind of colour vision, on white and on black."""
DASHES = ("solid", "dash", "dot", "dashdot")
GREY = "#8A8F98"
_LINE = 22
"""Characters of a line beside an axis: about 130 pixels."""
_GRID = "rgba(128, 136, 150, 0.22)"


def colours(runs: Sequence[tuple[int, int]]) -> list[str]:
    """A colour for each (run id, batch size): a batch size keeps its colour where it can.

    The lowest run id has the first choice; a colour that is taken goes on to the next free one,
    so that no two lines look alike before the palette is used up.
    """
    chosen: dict[int, int] = {}
    for run_id, batch_size in sorted(runs):
        slot = round(math.log2(batch_size)) % len(PALETTE)
        taken = {value % len(PALETTE) for value in chosen.values()}
        while slot in taken and len(taken) < len(PALETTE):
            slot = (slot + 1) % len(PALETTE)
        chosen[run_id] = slot
    return [PALETTE[chosen[run_id]] for run_id, _ in runs]


def faint(colour: str) -> str:
    """A `#RRGGBB` to fill an area with: what lies below it stays to be seen."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgba({red}, {green}, {blue}, 0.2)"


def dashes(count: int) -> list[str]:
    """Solid until the palette is used up, then others, so that lines stay apart."""
    return [DASHES[(index // len(PALETTE)) % len(DASHES)] for index in range(count)]


def numbers(values: Iterable[float]) -> list[float | None]:
    """Five digits each, which a chart cannot show finer; what is not finite becomes a gap."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]


def places(values: Iterable[float]) -> list[float]:
    """x values, which must stay apart however large they grow."""
    return [round(float(value), 3) for value in values]


def label(text: str) -> str:
    """Text by users, not markup: Plotly reads a little HTML in its labels."""
    return html.escape(text, quote=False)


def lines_of(text: str) -> str:
    """A label in two lines at most, for axes that have little room beside them."""
    return "<br>".join(map(label, textwrap.wrap(text, _LINE, max_lines=2, placeholder=" …")))


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Its kind is said and its labels may overflow: to find out takes a third of a redraw."""
    return {
        "type": "linear",
        "ticklabeloverflow": "allow",
        "title": {"text": title, "standoff": 8},
        "gridcolor": _GRID,
        "linecolor": _GRID,
        "zeroline": False,
        "automargin": True,
        **more,
    }


def layout(title: str, *, height: int, revision: str, **more: Any) -> dict[str, Any]:
    """`revision` names the view: while it stays the same, zoom and hidden lines stay too."""
    return {
        "title": {
            "text": title,
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 0.98,
            "yanchor": "top",
            "font": {"size": 15, "weight": 600},
            "pad": {"l": 8, "t": 4},
        },
        "height": height,
        "margin": {"l": 12, "r": 16, "t": 44, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Source Sans, sans-serif", "size": 13, "color": GREY},
        "separators": ".,",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": "#1783C9"},
        "hovermode": "closest",
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "yref": "container",
            "y": 0.01,
            "yanchor": "bottom",
            "font": {"size": 12},
            "bgcolor": "rgba(0,0,0,0)",
        },
        "uirevision": revision,
        **more,
    }
