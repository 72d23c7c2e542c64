"""The live view of one run: progress, metrics, charts and sample translations."""

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

MIN_REUSE_SECONDS, MIN_REUSE_FACTOR = 1.0, 10.0
"""The view's content is reused for at least this many seconds, and for at least this many times the
CPU time that building it took. With a million steps, building takes long."""
Tile = tuple[str, str, str, str]
"""Label, value, detail and help text for `st.metric`."""
RunStates = tuple[tuple[int, RunState], ...]
"""Id and state of each run that has not ended."""

_REFRESH_SECONDS = 2.5
"""Not shorter: each refresh takes the browser 100 ms of CPU time, which slows training down."""
_STOPPING_REFRESH_SECONDS = 0.25
"""Interval while a run is stopping. It is short, because the user waits for the run to end."""
_NO_FADING = (
    # Streamlit would fade elements at every refresh, and the browser would draw every shade.
    "<style>.st-key-live .stElementContainer"
    " { opacity: 1 !important; transition: none !important; }</style>"
)
_tab_title = st.components.v2.component(
    "s2s_tab_title",
    js="""
let originalTitle;
export default function ({ data }) {
    originalTitle ??= document.title;
    document.title = data;
    // When the component is removed, restore the title, unless other code has set another.
    return () => { if (document.title === data) document.title = originalTitle; };
}
""",
)


@dataclass(frozen=True)
class LiveContent:
    """The content of the live view of a run that has at least one step."""

    progress: Progress
    tiles: tuple[Tile, ...]
    captions: tuple[str, ...]
    """Warnings about uncertain timing, and the number of steps that timing excludes."""
    charts: tuple[PreparedChart, ...]
    translations: pa.Table | None
    """`None` before the first evaluation."""


@dataclass
class _CachedContent:
    """The latest content of a run's live view, shared by all sessions."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    run: Run | None = None
    """The run as it was when the content was built."""
    content: LiveContent | None = None
    reuse_until: float = 0.0
    """Time of the monotonic clock until which the content is not rebuilt, in seconds."""


def watch_run(run_id: int, scale: LossScale, unfinished: RunStates) -> None:
    """Show a run, and refresh the view while any run is unfinished.

    Args:
        unfinished: States that the rest of the page shows. If one changes, the page reruns.
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
        st.rerun()  # the rest of the page depends on the states
    content = get_live_content(store, run, scale)
    _show_state(run, content.progress if content else None)
    if not content:
        return
    with st.container(horizontal=True):
        for label, value, detail, help_ in content.tiles:
            st.metric(
                label, value, detail, delta_color="off", delta_arrow="off", border=True,
                help=help_, width="stretch",
            )  # fmt: skip
    for caption in content.captions:
        st.caption(caption)
    draw_charts(content.charts, f"live_{run.id}")
    st.subheader("Sample translations")
    if content.translations is None:
        st.caption("Translations appear after the first evaluation.")
    else:
        alt = "Source sentences, their references, and the translations at several evaluations"
        st.table(content.translations, hide_index=True, alt=alt)


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
def _get_cached_content(
    _store: Store, _run_id: int, _state: RunState, _scale: LossScale
) -> _CachedContent:
    return _CachedContent()


def get_live_content(store: Store, run: Run, scale: LossScale) -> LiveContent | None:
    """Return the content of a run's live view, new or reused; `None` before the first step.

    If several sessions need new content, one builds it and the others wait for it.
    """
    cached = _get_cached_content(store, run.id, run.state, scale)
    with cached.lock:
        if run != cached.run and time.monotonic() > cached.reuse_until:
            start = time.thread_time()  # wall time would include other threads' work
            cached.content = _build_content(run, scale)
            reuse_seconds = max(MIN_REUSE_SECONDS, MIN_REUSE_FACTOR * (time.thread_time() - start))
            cached.run, cached.reuse_until = run, time.monotonic() + reuse_seconds
        return cached.content


def _build_content(run: Run, scale: LossScale) -> LiveContent | None:
    records = steps, evaluations, samples = read_records(run.id)
    if not len(steps):
        return None
    summary = summarize(run, *records)
    captions = [escape(run_text.describe_excluded_steps(summary))]
    if warnings := run_text.describe_timing_warnings(summary):
        captions.insert(0, f":material/warning: {escape(warnings)}")
    return LiveContent(
        measure_progress(run.config, steps),
        _build_tiles(run, summary, samples),
        tuple(filter(None, captions)),
        _build_charts(run, records, scale),
        _build_translations(evaluations),
    )


def _build_tiles(run: Run, summary: Summary, samples: Sequence[DeviceSample]) -> tuple[Tile, ...]:
    device_samples = [each for each in samples if each.device == run.device]
    memory = read_run_memory(device_samples[-1]) if device_samples else None
    return (
        (
            "Loss per token",
            format_loss(summary.loss_per_token),
            f"{format_loss(summary.loss_per_sentence, 1)} per sentence",
            "Mean of the last 50 steps, in nats. The article reports the loss per sentence.",
        ),
        (
            "Samples per second",
            format_rate(summary.samples_per_second),
            f"batch size {run.config.batch_size:,}",
            "Sentence pairs of the timed steps, divided by their wall time. Warm-up is excluded.",
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
            "Median of the timed steps. IQR: interquartile range of the mean step times of "
            "stretches of the run, divided by their median. A stretch is long enough for sentence "
            "lengths to even out. Noisy: IQR above 10%. Very noisy: above 25%.",
        ),
        (
            "Memory",
            format_bytes(memory),
            f"peak {format_bytes(summary.peak_memory_bytes)}",
            "On a GPU, the memory that torch uses. On a CPU, the resident memory of the process.",
        ),
    )


def _build_charts(run: Run, records: Records, scale: LossScale) -> tuple[PreparedChart, ...]:
    steps, evaluations, samples = records
    axis, revision = Axis.ITERATIONS, str(run.id)
    loss_lines = [build_loss_line(run, steps, evaluations, axis, scale)]
    speed_lines = [build_throughput_line(run, steps, axis)]
    series = build_reading_series(samples)
    loss_figure = plot_loss(loss_lines, axis, scale, revision=revision)
    speed_figure = plot_throughput(speed_lines, axis, revision=revision)
    reading_figure = plot_readings(series, revision=revision)
    charts = [
        prepare_chart(loss_figure, chart_text.describe_loss(loss_lines, axis, scale)),
        prepare_chart(speed_figure, chart_text.describe_throughput(speed_lines, axis), wide=False),
        prepare_chart(reading_figure, chart_text.describe_readings(series), wide=False),
    ]
    # This chart appears later than the others. It comes last, so that the others do not move.
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
    # Converted to Arrow here, because Streamlit would convert a DataFrame at every refresh.
    return pa.Table.from_pandas(pd.DataFrame(rows, columns=columns))
