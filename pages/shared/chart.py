"""The frame of every chart: drawn by Plotly in the browser, and updated in place.

`st.plotly_chart` makes a new chart at every change, which loses zoom and hidden lines each
second; this component keeps its node and hands the new figure to `Plotly.react`.
"""

import functools
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import streamlit as st

from s2s.charts.frame import Figure

_PLOTLY = Path(__file__).parents[2] / "static" / "plotly.min.js"

# Text takes the page's colours by CSS, so that a change of theme needs no new figure.
_CSS = """
.s2s-chart .infolayer text, .s2s-chart .cartesianlayer text {
    fill: var(--st-text-color) !important;
    font-family: var(--st-font) !important;
}
.s2s-chart { width: 100%; }
.s2s-charts { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
.s2s-charts > * { min-width: 0; }
.s2s-charts > .s2s-wide { grid-column: 1 / -1; }
@media (max-width: 640px) { .s2s-charts { grid-template-columns: 1fr; } }
"""
_JS = """
let loading;
function plotly() {
    loading ??= window.Plotly ? Promise.resolve() : new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = new URL("app/static/plotly.min.js", document.baseURI);
        script.onload = resolve;
        script.onerror = () => { loading = undefined; reject(); };
        document.head.appendChild(script);
    });
    return loading;
}
const charts = new WeakMap();  // of a node: its latest figure, and the one that is drawn
async function draw(node, chart) {
    chart.drawn = chart.figure;
    try { await plotly(); } catch { node.textContent = "The chart could not be loaded."; return; }
    await Plotly.react(node, chart.figure.data, chart.figure.layout, {
        responsive: true, displaylogo: false,
        modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    });
}
function known(node) {
    const chart = { inSight: true };
    chart.catchUp = () => {
        const seen = chart.inSight && !document.hidden;
        if (seen && chart.drawn !== chart.figure) draw(node, chart);
    };
    const observer = new IntersectionObserver(entries => {
        chart.inSight = entries.at(-1).isIntersecting;
        chart.catchUp();
    }, { rootMargin: "-60px" });  // of less only the title is in sight, which stays the same
    observer.observe(node);
    document.addEventListener("visibilitychange", chart.catchUp);
    chart.forget = () => {
        observer.disconnect();
        document.removeEventListener("visibilitychange", chart.catchUp);
        charts.delete(node);  // whoever shows it again looks out for it again
    };
    charts.set(node, chart);
    return chart;
}
function show(node, { figure, text }) {
    node.setAttribute("aria-label", text);
    const chart = charts.get(node) ?? known(node);
    if (figure !== chart.sent) {
        chart.sent = figure;
        chart.figure = typeof figure === "string" ? JSON.parse(figure) : figure;
    }
    node.style.minHeight = chart.figure.layout.height + "px";
    // A redraw takes time from a training beside it, so what nobody sees waits; not the first.
    if (node.data) chart.catchUp(); else draw(node, chart);
    return chart.forget;
}
"""
_ONE = """
export default function ({ parentElement, data }) {
    return show(parentElement.querySelector(".s2s-chart"), data);
}
"""
_SEVERAL = """
export default function ({ parentElement, data }) {
    const grid = parentElement.querySelector(".s2s-charts");
    const forget = data.charts.map((each, index) => {
        let node = grid.children[index];
        if (!node) {
            node = grid.appendChild(document.createElement("div"));
            node.classList.add("s2s-chart");  // Plotly will have added classes of its own
            node.classList.toggle("s2s-wide", each.wide);
            node.setAttribute("role", "img");
        }
        return show(node, each);
    });
    return () => forget.forEach(each => each());
}
"""
_component = st.components.v2.component(
    "s2s_chart",
    html='<div class="s2s-chart" role="img"></div>',
    css=_CSS,
    js=_JS + _ONE,
    isolate_styles=False,  # in a shadow root Plotly's tool bar and legend are drawn wrongly
)
_several = st.components.v2.component(
    "s2s_charts",
    html='<div class="s2s-charts"></div>',
    css=_CSS,
    js=_JS + _SEVERAL,
    isolate_styles=False,
)


@functools.cache
def provide_plotly() -> str:
    """Copies plotly.min.js to where the browser may fetch it; a sentence where it cannot be.

    Static serving refuses links that lead out of its folder, hence a copy.
    """
    source = files("plotly").joinpath("package_data", "plotly.min.js")
    try:
        if not _PLOTLY.exists() or _PLOTLY.stat().st_size != Path(str(source)).stat().st_size:
            _PLOTLY.parent.mkdir(exist_ok=True)
            beside = _PLOTLY.with_suffix(f".{os.getpid()}")
            try:
                shutil.copyfile(str(source), beside)
                beside.replace(_PLOTLY)
            finally:
                beside.unlink(missing_ok=True)
    except OSError as error:
        return (
            f"{_PLOTLY.parent} cannot be written ({error.strerror}), so charts are drawn anew at "
            "each update and lose their zoom; make that folder writable and start again."
        )
    return ""


@dataclass(frozen=True)
class Drawing:
    """A chart that is ready to be sent to any number of browsers."""

    figure: Figure
    json: str
    """The figure as text: to write thousands of numbers takes longer than all else of a tick."""
    text: str
    """Says the same for those who do not see it."""
    wide: bool
    """It has a row for itself; of others two share one."""


def drawing(figure: Figure, text: str, *, wide: bool = True) -> Drawing:
    return Drawing(figure, json.dumps(figure), text, wide)


def draw(drawings: Sequence[Drawing], key: str) -> None:
    """Several charts that change together, sent as one: each element of a tick has its price.

    Their order stays the same from tick to tick. One `key` a page.
    """
    if provide_plotly():
        for index, each in enumerate(drawings):
            st.plotly_chart(each.figure, key=f"{key}_{index}", alt=each.text)
    else:
        charts = [{"figure": each.json, "text": each.text, "wide": each.wide} for each in drawings]
        _several(data={"charts": charts}, key=key)


def chart(figure: Figure, text: str, key: str) -> None:
    """Draws `figure`; `text` says the same for those who do not see it. One `key` a chart."""
    if provide_plotly():
        st.plotly_chart(figure, key=key, alt=text)
    else:
        _component(data={"figure": figure, "text": text}, key=key)
