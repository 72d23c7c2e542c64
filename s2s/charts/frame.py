"""Colors, axes, layout and rounding that all charts share.

Figures are plain dicts, because building a `go.Figure` with a template takes 15 to 18 ms. That is
too long for a chart that changes every second. The page sets the color of the text, so the same
figure serves the light and the dark theme.
"""

import html
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from s2s.analysis.run.steps import Floats

Figure = dict[str, Any]
Trace = dict[str, Any]
Values = Sequence[float] | Floats

PALETTE = ("#A08A1F", "#D67A1A", "#8B6FD1", "#0B9B74", "#D1495B", "#1783C9", "#CC6FA6", "#3F9FA8")
"""After Okabe and Ito: distinguishable with any color vision, on white and on black."""
ENGINE_COLORS = (PALETTE[5], PALETTE[1], PALETTE[3])
"""Colors of a sweep's engines, in the order of the engines."""
DASHES = ("solid", "dash", "dot", "dashdot")
GRAY = "#8A8F98"
BATCH_SIZE_TITLE = "Batch size (sentences per step)"
_LABEL_WIDTH = 22
"""Most characters per line of a label beside an axis, about 130 pixels."""
_MAX_TICKS = 12
"""A tick is dropped if it is closer to the last one than the axis length divided by this."""
_GRID = "rgba(128, 136, 150, 0.22)"


def assign_colors(runs: Sequence[tuple[int, int]]) -> list[str]:
    """Return one color per pair of run id and batch size.

    The color depends on the batch size. Colors are assigned by ascending run id, and a run whose
    color is taken gets the next free one: two runs share a color only if the palette is used up.
    """
    slots: dict[int, int] = {}
    for run_id, batch_size in sorted(runs):
        slot = round(math.log2(batch_size)) % len(PALETTE)
        taken = set(slots.values())
        while slot in taken and len(taken) < len(PALETTE):
            slot = (slot + 1) % len(PALETTE)
        slots[run_id] = slot
    return [PALETTE[slots[run_id]] for run_id, _ in runs]


def make_translucent(color: str, opacity: float) -> str:
    """Return a `#RRGGBB` color with an opacity from 0 to 1, for filling areas."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def round_values(values: Iterable[float]) -> list[float | None]:
    """Round to five significant digits, finer than a chart shows. NaN and infinity become gaps."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]


def round_positions(values: Iterable[float]) -> list[float]:
    """Round x values to three decimals, not to significant digits: large ones stay distinct."""
    return [round(float(value), 3) for value in values]


def escape_label(text: str) -> str:
    """Escape text that users wrote, because Plotly interprets some HTML in labels."""
    return html.escape(text, quote=False)


def wrap_label(text: str) -> str:
    """Wrap and escape a label to at most two lines, for the little room beside an axis."""
    lines = textwrap.wrap(text, _LABEL_WIDTH, max_lines=2, placeholder=" …")
    return "<br>".join(map(escape_label, lines))


def build_error_bars(values: Values, lows: Values, highs: Values, color: str) -> dict[str, Any]:
    """Return error bars from `lows` to `highs` around `values`."""
    return {
        "type": "data",
        "symmetric": False,
        "array": round_values(high - value for value, high in zip(values, highs, strict=True)),
        "arrayminus": round_values(value - low for value, low in zip(values, lows, strict=True)),
        "color": color,
        "thickness": 1.5,
    }


def build_axis(title: str, **more: Any) -> dict[str, Any]:
    """Return an axis.

    The type is given and labels may overflow. Otherwise Plotly would spend a third of each redraw
    on finding out the type and the room for the labels.
    """
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


def build_batch_size_axis(sizes: Sequence[int]) -> dict[str, Any]:
    """Return a logarithmic axis with a tick at each size that is not too close to the last tick."""
    ordered = sorted(set(sizes))
    ticks = ordered[:1]
    for size in ordered[1:]:
        if math.log(size / ticks[-1]) >= math.log(ordered[-1] / ordered[0]) / _MAX_TICKS:
            ticks.append(size)
    return build_axis(
        BATCH_SIZE_TITLE,
        type="log",
        tickvals=ticks,
        ticktext=[f"{size:,}" for size in ticks],
        minor={},
    )


def build_figure(
    title: str,
    traces: Sequence[Trace],
    x_axis: dict[str, Any],
    y_axis: dict[str, Any],
    *,
    height: int,
    revision: str,
    **layout: Any,
) -> Figure:
    """Return a figure in the shared layout.

    Args:
        revision: Zoom and hidden lines are kept as long as this stays the same.
    """
    shared = {
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
        "font": {"family": "Source Sans, sans-serif", "size": 13, "color": GRAY},
        "separators": ".,",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GRAY, "activecolor": "#1783C9"},
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
        "xaxis": x_axis,
        "yaxis": y_axis,
    }
    return {"data": list(traces), "layout": shared | layout}


def build_line(
    x: Sequence[float | None],
    y: Iterable[float],
    color: str,
    *,
    width: float = 2,
    dash: str = "solid",
    **more: Any,
) -> Trace:
    """Return a line. Plotly shows its values on hover unless `hoverinfo` is "skip"."""
    line = {"color": color, "width": width, "dash": dash}
    return {"x": x, "y": round_values(y), "mode": "lines", "line": line, **more}


def build_markers(
    x: Sequence[float], y: Iterable[float], marker: dict[str, Any], **more: Any
) -> Trace:
    """Return unconnected points."""
    return {"x": x, "y": round_values(y), "mode": "markers", "marker": {"size": 9} | marker, **more}
