// The browser's side of chart.py: charts that Plotly updates in place.
let loading;
function loadPlotly() {
    loading ??= window.Plotly ? Promise.resolve() : new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = new URL("app/static/plotly.min.js", document.baseURI);
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
