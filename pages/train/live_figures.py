"""What the live view shows of a run, computed once for all sessions that watch it."""

import functools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from pages.shared.chart import PreparedChart, prepare_chart
from pages.shared.escaping import escape
from pages.shared.records import read_records
from s2s.analysis.compare.lines import build_loss_line, build_throughput_line
from s2s.analysis.run.anatomy import measure_run_anatomy
from s2s.analysis.run.progress import Progress, measure_progress
from s2s.analysis.run.readings import build_reading_series, run_memory_bytes
from s2s.analysis.run.steps import Axis, LossScale, Steps
from s2s.analysis.run.summarize import summarize
from s2s.analysis.run.translations import build_translation_table
from s2s.charts.anatomy import plot_anatomy
from s2s.charts.curves import plot_loss, plot_throughput
from s2s.charts.readings import plot_readings
from s2s.errors import shorten
from s2s.formatting import format_bytes, format_loss, format_rate, format_step_time
from s2s.records import DeviceSample, Evaluation, Run, Summary
from s2s.store import Store
from s2s.text.charts import (
    describe_anatomy,
    describe_loss,
    describe_readings,
    describe_throughput,
)
from s2s.text.run import describe_excluded_steps, describe_timing_warnings, format_variation

MIN_AGE_SECONDS, MIN_AGE_FACTOR = 1.0, 10.0
"""Figures of a running run stay valid for this many seconds, and for this many times the CPU time
that they took: for a million steps computing them takes a while."""


@dataclass(frozen=True)
class Tile:
    """One figure with its label."""

    label: str
    value: str
    detail: str
    help: str


@dataclass(frozen=True)
class LiveFigures:
    """Everything the live view shows of a run that has steps."""

    progress: Progress
    tiles: tuple[Tile, ...]
    captions: tuple[str, ...]
    """Why the timing is uncertain, and which steps it excludes."""
    charts: tuple[PreparedChart, ...]
    translations: pa.Table | None
    """None before the first evaluation."""


class _CachedFigures:
    """The figures of a run. The first session that asks computes them; the others wait."""

    def __init__(self, scale: LossScale) -> None:
        self._scale = scale
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._figures: LiveFigures | None = None
        self._valid_until = 0.0

    def get(self, run: Run) -> LiveFigures | None:
        with self._lock:
            if run != self._run and not self._is_valid(run):
                start = time.thread_time()  # wall time would include the work of other threads
                self._figures = _build_figures(run, *read_records(run.id), self._scale)
                seconds = time.thread_time() - start
                age = max(MIN_AGE_SECONDS, MIN_AGE_FACTOR * seconds)
                self._valid_until = time.monotonic() + age
                self._run = run
            return self._figures

    def _is_valid(self, run: Run) -> bool:
        is_same_state = self._run is not None and self._run.state is run.state
        return is_same_state and time.monotonic() < self._valid_until


@functools.lru_cache(maxsize=16)
def _get_cached_figures(_store: Store, _run_id: int, scale: LossScale) -> _CachedFigures:
    return _CachedFigures(scale)


def get_live_figures(store: Store, run: Run, scale: LossScale) -> LiveFigures | None:
    """Return the figures of a run, now or a moment ago; None before its first step."""
    return _get_cached_figures(store, run.id, scale).get(run)


def _build_figures(
    run: Run,
    steps: Steps,
    evaluations: Sequence[Evaluation],
    samples: Sequence[DeviceSample],
    scale: LossScale,
) -> LiveFigures | None:
    if not len(steps):
        return None
    summary = summarize(run, steps, evaluations, samples)
    warnings = describe_timing_warnings(summary)
    captions = [
        f":material/warning: {escape(warnings)}" if warnings else "",
        escape(describe_excluded_steps(summary)),
    ]
    return LiveFigures(
        measure_progress(run.config, steps),
        _build_tiles(run, summary, samples),
        tuple(filter(None, captions)),
        _build_charts(run, steps, evaluations, samples, scale),
        _build_translations(evaluations),
    )


def _build_tiles(run: Run, summary: Summary, samples: Sequence[DeviceSample]) -> tuple[Tile, ...]:
    own_samples = [each for each in samples if each.device == run.device]
    memory = run_memory_bytes(own_samples[-1]) if own_samples else None
    return (
        Tile(
            "Loss per token",
            format_loss(summary.loss_per_token),
            f"{format_loss(summary.loss_per_sentence, 1)} per sentence",
            "Mean of the last 50 steps, in nats. The article's figures are per sentence.",
        ),
        Tile(
            "Samples per second",
            format_rate(summary.samples_per_second),
            f"batch size {run.config.batch_size:,}",
            "Sentence pairs of the timed steps over their wall time. Warm-up is excluded.",
        ),
        Tile(
            "Tokens per second",
            format_rate(summary.target_tokens_per_second),
            "target tokens",
            "Padding is not counted.",
        ),
        Tile(
            "Step time",
            format_step_time(summary.step_seconds),
            format_variation(summary.step_relative_iqr) or "median",
            "Median of the timed steps. IQR: interquartile range of the step time over stretches "
            "of the run, long enough for sentence lengths to even out. Noisy: above 10%; very "
            "noisy: above 25%.",
        ),
        Tile(
            "Memory",
            format_bytes(memory),
            f"peak {format_bytes(summary.peak_memory_bytes)}",
            "On a GPU, the memory of the run; on a CPU, the resident memory of this process.",
        ),
    )


def _build_charts(
    run: Run,
    steps: Steps,
    evaluations: Sequence[Evaluation],
    samples: Sequence[DeviceSample],
    scale: LossScale,
) -> tuple[PreparedChart, ...]:
    """The chart that can be missing comes last, so that the others keep their place."""
    axis, revision = Axis.ITERATIONS, str(run.id)
    loss = [build_loss_line(run, steps, evaluations, axis, scale)]
    speed = [build_throughput_line(run, steps, axis)]
    series = build_reading_series(samples)
    charts = [
        prepare_chart(
            plot_loss(loss, axis, scale, revision=revision), describe_loss(loss, axis, scale)
        ),
        prepare_chart(
            plot_throughput(speed, axis, revision=revision),
            describe_throughput(speed, axis),
            wide=False,
        ),
        prepare_chart(
            plot_readings(series, revision=revision), describe_readings(series), wide=False
        ),
    ]
    if anatomy := measure_run_anatomy(run, steps):
        figure = plot_anatomy([anatomy], None, revision=revision)
        charts.append(prepare_chart(figure, describe_anatomy([anatomy], None)))
    return tuple(charts)


def _build_translations(evaluations: Sequence[Evaluation]) -> pa.Table | None:
    table = build_translation_table(evaluations)
    if not table.rows:
        return None
    # A table wraps text, unlike a dataframe, but renders Markdown; hence the escaping.
    columns = {
        "Source": [escape(source) for source, _, _ in table.rows],
        "Reference": [escape(reference) for _, reference, _ in table.rows],
    }
    for index, iteration in enumerate(table.iterations):
        columns[f"After {iteration:,}"] = [
            escape(shorten(outputs[index])) for _, _, outputs in table.rows
        ]
    return pa.Table.from_pandas(pd.DataFrame(columns))  # else Streamlit converts at every refresh
