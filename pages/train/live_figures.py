"""The contents of the live view, computed once for all sessions that watch a run."""

import functools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

from pages.shared.chart import PreparedChart, prepare_chart
from pages.shared.escaping import escape
from pages.shared.records import Records, read_records
from s2s.analysis.compare.lines import build_loss_line, build_throughput_line
from s2s.analysis.run.anatomy import measure_anatomy
from s2s.analysis.run.progress import Progress, measure_progress
from s2s.analysis.run.readings import build_reading_series, run_memory_bytes
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.run.summarize import summarize
from s2s.analysis.translations import build_translation_table
from s2s.charts.bars import plot_anatomy
from s2s.charts.curves import plot_loss, plot_throughput
from s2s.charts.readings import plot_readings
from s2s.errors import shorten
from s2s.formatting import format_bytes, format_loss, format_rate, format_step_time
from s2s.records import DeviceSample, Evaluation, Run, Summary
from s2s.store import Store
from s2s.text import charts as chart_text
from s2s.text.run import describe_excluded_steps, describe_timing_warnings, format_variation

MIN_AGE_SECONDS, MIN_AGE_FACTOR = 1.0, 10.0
"""The figures of a running run stay valid for this many seconds, and for this many times the CPU
time of computing them, which takes long for a million steps."""
Tile = tuple[str, str, str, str]
"""Label, value, detail and help text of `st.metric`."""


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
    """In seconds of the monotonic clock."""


@functools.lru_cache(maxsize=16)
def _get_cached_figures(_store: Store, _run_id: int, _scale: LossScale) -> _CachedFigures:
    return _CachedFigures()


def get_live_figures(store: Store, run: Run, scale: LossScale) -> LiveFigures | None:
    """Return the figures of a run, now or a moment ago; `None` before its first step.

    The first session that needs new figures computes them, and the others wait for them.
    """
    cached = _get_cached_figures(store, run.id, scale)
    with cached.lock:
        is_same_state = cached.run is not None and cached.run.state is run.state
        is_valid = is_same_state and time.monotonic() < cached.valid_until
        if run != cached.run and not is_valid:
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
    captions = [escape(describe_excluded_steps(summary))]
    if warnings := describe_timing_warnings(summary):
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
    memory = run_memory_bytes(own_samples[-1]) if own_samples else None
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
            format_variation(summary.step_relative_iqr) or "median",
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
    sources, references, outputs = zip(*table.rows, strict=True)
    columns = {"Source": map(escape, sources), "Reference": map(escape, references)}
    for iteration, column in zip(table.iterations, zip(*outputs, strict=True), strict=True):
        columns[f"After {iteration:,}"] = [escape(shorten(each)) for each in column]
    # Streamlit would convert a DataFrame to Arrow at every refresh.
    return pa.Table.from_pandas(pd.DataFrame(columns))
