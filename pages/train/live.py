"""The live view of one run: progress, figures, charts and sample translations."""

import functools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import streamlit as st

from pages.shared.chart import PreparedChart, draw_charts, prepare_chart
from pages.shared.errors import catch_errors
from pages.shared.escaping import escape
from pages.shared.state import Records, get_store, read_records
from s2s.analysis.compare.lines import build_loss_line, build_throughput_line
from s2s.analysis.run.anatomy import measure_anatomy
from s2s.analysis.run.progress import Progress, measure_progress
from s2s.analysis.run.readings import build_reading_series, read_run_memory
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.run.summarize import summarize
from s2s.analysis.translations import build_translation_table
from s2s.charts.bars import plot_anatomy
from s2s.charts.curves import plot_loss, plot_readings, plot_throughput
from s2s.errors import UserError, shorten
from s2s.formatting import format_bytes, format_loss, format_rate, format_step_time
from s2s.records import DeviceSample, Evaluation, Run, RunState, Summary
from s2s.store import Store
from s2s.text import charts as chart_text
from s2s.text import run as run_text

MIN_AGE_SECONDS, MIN_AGE_FACTOR = 1.0, 10.0
"""The figures of a running run stay valid for this many seconds, and for this many times the CPU
time of computing them, which takes long for a million steps."""
Tile = tuple[str, str, str, str]
"""Label, value, detail and help text of `st.metric`."""
RunStates = tuple[tuple[int, RunState], ...]
"""Id and state of each run that has not ended."""

_REFRESH_SECONDS = 2.5
"""Each refresh costs the browser about 100 ms of CPU time and slows training on this machine."""
_STOPPING_REFRESH_SECONDS = 0.25
"""The refresh while a run stops is more frequent, because the user waits for it."""
_NO_FADING = (
    # Streamlit fades elements during a refresh, which makes the browser draw every shade.
    "<style>.st-key-live .stElementContainer"
    " { opacity: 1 !important; transition: none !important; }</style>"
)
_tab_title = st.components.v2.component(
    "s2s_tab_title",
    js="""
let before;
export default function ({ data }) {
    before ??= document.title;
    document.title = data;
    // When the component is removed, restore the page's title, unless it has changed since.
    return () => { if (document.title === data) document.title = before; };
}
""",
)


@dataclass(frozen=True)
class LiveFigures:
    """The contents of the live view of a run that has steps."""

    progress: Progress
    tiles: tuple[Tile, ...]
    captions: tuple[str, ...]
    """Reasons why the timing is uncertain, and the steps that timing excludes."""
    charts: tuple[PreparedChart, ...]
    translations: pa.Table | None
    """`None` before the first evaluation."""


@dataclass
class _CachedFigures:
    """The latest figures of a run, shared by all sessions."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    run: Run | None = None
    """The run as it was when the figures were computed."""
    figures: LiveFigures | None = None
    valid_until: float = 0.0
    """Time of the monotonic clock, in seconds."""


def watch_run(run_id: int, scale: LossScale, unfinished: RunStates) -> None:
    """Show a run, and refresh the view while any run is unfinished.

    Args:
        unfinished: States on which the rest of the page depends: a change reruns the whole page.
    """
    interval = None
    if unfinished:
        is_stopping = any(state is RunState.STOPPING for _, state in unfinished)
        interval = _STOPPING_REFRESH_SECONDS if is_stopping else _REFRESH_SECONDS
    with st.container(key="live"):
        st.html(_NO_FADING)
        st.fragment(catch_errors(_refresh), run_every=interval)(run_id, scale, unfinished)


def _refresh(run_id: int, scale: LossScale, unfinished: RunStates) -> None:
    store = get_store()
    try:
        states = tuple((each.id, each.state) for each in store.unfinished_runs())
        run = store.run(run_id)
    except UserError:  # deleted in another tab
        st.rerun()
    if states != unfinished:
        st.rerun()  # the buttons of the page depend on the states
    figures = get_live_figures(store, run, scale)
    _show_state(run, figures.progress if figures else None)
    if not figures:
        return
    with st.container(horizontal=True):
        for label, value, detail, help_ in figures.tiles:
            st.metric(
                label, value, detail, delta_color="off", delta_arrow="off", border=True,
                help=help_, width="stretch",
            )  # fmt: skip
    for caption in figures.captions:
        st.caption(caption)
    draw_charts(figures.charts, f"live_{run.id}")
    st.subheader("Sample translations")
    if figures.translations is None:
        st.caption("Translations appear at the first evaluation.")
    else:
        alt = "Source sentences, their references, and the translations at some evaluations"
        st.table(figures.translations, hide_index=True, alt=alt)


def _show_state(run: Run, progress: Progress | None) -> None:
    if run.state in (RunState.RUNNING, RunState.STOPPING) and progress:
        st.progress(progress.share, text=run_text.describe_progress(run.config, progress))
        _tab_title(data=run_text.format_tab_title(run.id, progress), key="tab_title")
        return
    text = escape(run_text.describe_state(run))
    match run.state:
        case RunState.FINISHED:
            st.success(text, icon=":material/check_circle:")
        case RunState.FAILED | RunState.OUT_OF_MEMORY | RunState.DIVERGED:
            st.error(text, icon=":material/error:")
        case RunState.STOPPED | RunState.INTERRUPTED:
            st.warning(text, icon=":material/stop_circle:")
        case _:
            st.info(text, icon=":material/hourglass_empty:")
    if run.traceback:
        with st.expander("Technical details"):
            st.code(run.traceback, language=None)


@functools.lru_cache(maxsize=16)
def _get_cached_figures(
    _store: Store, _run_id: int, _state: RunState, _scale: LossScale
) -> _CachedFigures:
    return _CachedFigures()


def get_live_figures(store: Store, run: Run, scale: LossScale) -> LiveFigures | None:
    """Return the figures of a run, now or a moment ago; `None` before its first step.

    The first session that needs new figures computes them, and the others wait for them.
    """
    cached = _get_cached_figures(store, run.id, run.state, scale)
    with cached.lock:
        if run != cached.run and time.monotonic() > cached.valid_until:
            start = time.thread_time()  # wall time would include the work of other threads
            cached.figures = _build_figures(run, scale)
            age = max(MIN_AGE_SECONDS, MIN_AGE_FACTOR * (time.thread_time() - start))
            cached.run, cached.valid_until = run, time.monotonic() + age
        return cached.figures


def _build_figures(run: Run, scale: LossScale) -> LiveFigures | None:
    records = steps, evaluations, samples = read_records(run.id)
    if not len(steps):
        return None
    summary = summarize(run, *records)
    captions = [escape(run_text.describe_excluded_steps(summary))]
    if warnings := run_text.describe_timing_warnings(summary):
        captions.insert(0, f":material/warning: {escape(warnings)}")
    return LiveFigures(
        measure_progress(run.config, steps),
        _build_tiles(run, summary, samples),
        tuple(filter(None, captions)),
        _build_charts(run, records, scale),
        _build_translations(evaluations),
    )


def _build_tiles(run: Run, summary: Summary, samples: Sequence[DeviceSample]) -> tuple[Tile, ...]:
    own_samples = [each for each in samples if each.device == run.device]
    memory = read_run_memory(own_samples[-1]) if own_samples else None
    return (
        (
            "Loss per token",
            format_loss(summary.loss_per_token),
            f"{format_loss(summary.loss_per_sentence, 1)} per sentence",
            "Mean of the last 50 steps, in nats. The article's figures are per sentence.",
        ),
        (
            "Samples per second",
            format_rate(summary.samples_per_second),
            f"batch size {run.config.batch_size:,}",
            "Sentence pairs of the timed steps over their wall time. Warm-up is excluded.",
        ),
        (
            "Tokens per second",
            format_rate(summary.target_tokens_per_second),
            "target tokens",
            "Padding is not counted.",
        ),
        (
            "Step time",
            format_step_time(summary.step_seconds),
            run_text.format_variation(summary.step_relative_iqr) or "median",
            "Median of the timed steps. IQR: interquartile range of the mean step time over "
            "stretches of the run that are long enough for sentence lengths to even out. Noisy: "
            "above 10%; very noisy: above 25%.",
        ),
        (
            "Memory",
            format_bytes(memory),
            f"peak {format_bytes(summary.peak_memory_bytes)}",
            "On a GPU, the memory of the run; on a CPU, the resident memory of this process.",
        ),
    )


def _build_charts(run: Run, records: Records, scale: LossScale) -> tuple[PreparedChart, ...]:
    steps, evaluations, samples = records
    axis, revision = Axis.ITERATIONS, str(run.id)
    loss = [build_loss_line(run, steps, evaluations, axis, scale)]
    speed = [build_throughput_line(run, steps, axis)]
    series = build_reading_series(samples)
    loss_figure = plot_loss(loss, axis, scale, revision=revision)
    speed_figure = plot_throughput(speed, axis, revision=revision)
    reading_figure = plot_readings(series, revision=revision)
    charts = [
        prepare_chart(loss_figure, chart_text.describe_loss(loss, axis, scale)),
        prepare_chart(speed_figure, chart_text.describe_throughput(speed, axis), wide=False),
        prepare_chart(reading_figure, chart_text.describe_readings(series), wide=False),
    ]
    # The anatomy appears during the run. It comes last, so that the other charts do not move.
    if anatomy := measure_anatomy(run, steps):
        figure = plot_anatomy([anatomy], None, revision=revision)
        charts.append(prepare_chart(figure, chart_text.describe_anatomy([anatomy], None)))
    return tuple(charts)


def _build_translations(evaluations: Sequence[Evaluation]) -> pa.Table | None:
    table = build_translation_table(evaluations)
    if not table.rows:
        return None
    # st.table is used because it wraps text. It also renders Markdown, so the text is escaped.
    rows = [
        [escape(source), escape(reference), *(escape(shorten(each)) for each in outputs)]
        for source, reference, outputs in table.rows
    ]
    columns = ["Source", "Reference", *(f"After {each:,}" for each in table.iterations)]
    # Streamlit would convert a DataFrame to Arrow at every refresh.
    return pa.Table.from_pandas(pd.DataFrame(rows, columns=columns))
