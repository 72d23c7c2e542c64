"""Plotly charts that the browser updates in place.

`st.plotly_chart` creates a new chart at every change, which would reset zoom and hidden lines.
This component keeps its DOM nodes and passes new figures to `Plotly.react`.
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import TypedDict

import streamlit as st

from s2s.charts.frame import Figure

# Never shown: it only serves the folder of plotly.min.js, at component/<module>.<name>/.
st.components.v1.declare_component("plotly", str(files("plotly") / "package_data"))  # noqa: TID251

_CSS = """
/* Colors in CSS, so that a change of theme needs no new figure. */
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
function loadPlotly() {
    loading ??= window.Plotly ? Promise.resolve() : new Promise((resolve, reject) => {
        const path = "component/pages.shared.chart.plotly/plotly.min.js";
        const script = document.createElement("script");
        script.src = new URL(path, document.baseURI);
        script.onload = resolve;
        script.onerror = () => { loading = undefined; reject(); };
        document.head.appendChild(script);
    });
    return loading;
}
const charts = new WeakMap();  // per DOM node: its latest figure and the one that is drawn
async function draw(node, chart) {
    chart.drawn = chart.figure;
    try { await loadPlotly(); } catch { node.textContent = "Could not load the chart."; return; }
    await Plotly.react(node, chart.figure.data, chart.figure.layout, {
        responsive: true, displaylogo: false,
        modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    });
}
function track(node) {
    const chart = { isInView: true };
    chart.drawIfVisible = () => {
        const isVisible = chart.isInView && !document.hidden;
        if (isVisible && chart.drawn !== chart.figure) draw(node, chart);
    };
    const observer = new IntersectionObserver(entries => {
        chart.isInView = entries.at(-1).isIntersecting;
        chart.drawIfVisible();
    }, { rootMargin: "-60px" });  // the outer 60 pixels hold only the title, which never changes
    observer.observe(node);
    document.addEventListener("visibilitychange", chart.drawIfVisible);
    chart.untrack = () => {
        observer.disconnect();
        document.removeEventListener("visibilitychange", chart.drawIfVisible);
        charts.delete(node);  // so that showing it again tracks it again
    };
    charts.set(node, chart);
    return chart;
}
function show(node, { figure, text }) {
    node.setAttribute("aria-label", text);
    const chart = charts.get(node) ?? track(node);
    if (figure !== chart.json) {
        chart.json = figure;
        chart.figure = JSON.parse(figure);
    }
    node.style.minHeight = chart.figure.layout.height + "px";
    // Drawing slows training on the same machine, so later figures wait until they are visible.
    if (node.data) chart.drawIfVisible(); else draw(node, chart);
    return chart.untrack;
}
export default function ({ parentElement, data }) {
    const grid = parentElement.querySelector(".s2s-charts");
    const untrack = data.charts.map((each, index) => {
        let node = grid.children[index];
        if (!node) {
            node = grid.appendChild(document.createElement("div"));
            node.classList.add("s2s-chart");  // Plotly adds classes too, so keep the others
            node.classList.toggle("s2s-wide", each.wide);
            node.setAttribute("role", "img");
        }
        return show(node, each);
    });
    return () => untrack.forEach(each => each());
}
"""
_component = st.components.v2.component(
    "s2s_charts",
    html='<div class="s2s-charts"></div>',
    css=_CSS,
    js=_JS,
    isolate_styles=False,  # in a shadow root, Plotly draws its toolbar and legend incorrectly
)


class PreparedChart(TypedDict):
    """A chart, encoded once for all browsers, since encoding takes most of a refresh's time."""

    figure: str
    """JSON of the Plotly figure."""
    text: str
    """Description for screen readers."""
    wide: bool
    """Whether it takes a whole row; otherwise two charts share a row."""


def prepare_chart(figure: Figure, text: str, *, wide: bool = True) -> PreparedChart:
    """Encode a figure, with its description for screen readers."""
    return PreparedChart(figure=json.dumps(figure), text=text, wide=wide)


def draw_charts(charts: Sequence[PreparedChart], key: str) -> None:
    """Draw charts that change together in one element, which is cheaper than an element each.

    Pass the charts in the same order at every refresh. `key` must be unique on the page.
    """
    _component(data={"charts": list(charts)}, key=key)


def draw_chart(figure: Figure, text: str, key: str) -> None:
    """Draw a figure, with its text for screen readers. `key` must be unique on the page."""
    draw_charts([prepare_chart(figure, text)], key)
