"""The frame of every chart: drawn by Plotly in the browser, and updated in place.

`st.plotly_chart` makes a new chart at every change, which loses zoom and hidden lines each
second; this component keeps its node and hands the new figure to `Plotly.react`.
"""

import functools
import shutil
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
const charts = new WeakMap();  // of a node: its latest figure, and whether that is drawn
async function draw(node, chart) {
    chart.drawn = true;
    try { await plotly(); } catch { node.textContent = "The chart could not be loaded."; return; }
    await Plotly.react(node, chart.figure.data, chart.figure.layout, {
        responsive: true, displaylogo: false,
        modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    });
}
function watched(node) {
    const chart = { seen: true, drawn: true };
    chart.observer = new IntersectionObserver(entries => {
        chart.seen = entries.at(-1).isIntersecting;
        if (chart.seen && !chart.drawn) draw(node, chart);
    }, { rootMargin: "-60px" });  // a chart whose title alone is in sight shows nothing new
    chart.observer.observe(node);
    charts.set(node, chart);
    return chart;
}
export default async function ({ parentElement, data }) {
    const node = parentElement.querySelector(".s2s-chart");
    node.setAttribute("aria-label", data.text);
    node.style.minHeight = data.figure.layout.height + "px";
    const chart = charts.get(node) ?? watched(node);
    chart.figure = data.figure;
    chart.drawn = false;
    if (chart.seen || !node.data) await draw(node, chart);
}
"""
_component = st.components.v2.component(
    "s2s_chart",
    html='<div class="s2s-chart" role="img"></div>',
    css=_CSS,
    js=_JS,
    isolate_styles=False,  # in a shadow root Plotly's tool bar and legend are drawn wrongly
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
            shutil.copyfile(str(source), _PLOTLY)
    except OSError as error:
        return (
            f"{_PLOTLY.parent} cannot be written ({error.strerror}), so charts are drawn anew at "
            "each update and lose their zoom; make that folder writable and start again."
        )
    return ""


def chart(figure: Figure, text: str, key: str) -> None:
    """Draws `figure`; `text` says the same for those who do not see it. One `key` a chart."""
    if provide_plotly():
        st.plotly_chart(figure, key=key, alt=text)
    else:
        _component(data={"figure": figure, "text": text}, key=key)
