"""What the live page shows of a run, worked out once for all who look at it."""

import functools
import threading
import time
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
from s2s.analysis.run.step_time import StepTime, step_time

from pages.shared.chart import Drawing, drawing
from pages.shared.escaping import escape
from s2s import formatting as words
from s2s.analysis.compare.lines import loss_line, loss_text, throughput_line, throughput_text
from s2s.analysis.run.anatomy import anatomy_text, dissected
from s2s.analysis.run.interference import busy
from s2s.analysis.run.progress import Progress, progress
from s2s.analysis.run.readings import (
    peak_memory_bytes,
    reading_series,
    readings_text,
    run_memory_bytes,
)
from s2s.analysis.run.steps import (
    Axis,
    LossScale,
    Steps,
    last_loss,
    samples_per_second,
    target_tokens_per_second,
)
from s2s.analysis.run.translations import translation_table
from s2s.charts.anatomy import anatomy_figure
from s2s.charts.loss import loss_figure
from s2s.charts.readings import readings_figure
from s2s.charts.throughput import throughput_figure
from s2s.errors import shorten
from s2s.records import DeviceSample, Evaluation, Run
from s2s.store import Store
from s2s.text.run import describe_excluded_steps

LASTS_SECONDS, LASTS_TIMES = 1.0, 10.0
"""How long a view is good enough while its run goes on: less than a tick, but so many times the
processor time that it took, which of a million steps is a while."""


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    below: str
    help: str


@dataclass(frozen=True)
class Figures:
    """Of a run that has steps."""

    progress: Progress
    tiles: tuple[Tile, ...]
    doubts: tuple[str, ...]
    """Why the tiles might not be believed, and what they leave out."""
    charts: tuple[Drawing, ...]
    translations: pa.Table | None
    """None before the first evaluation."""


class _Shared:
    """One view of a run. Whoever asks first after a change works it out; the others wait."""

    def __init__(self, store: Store, scale: LossScale) -> None:
        self._store, self._scale = store, scale
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._figures: Figures | None = None
        self._lasts_until = 0.0

    def of(self, run: Run) -> Figures | None:
        with self._lock:
            if run != self._run and not self._lasts(run):
                began = time.thread_time()  # by the clock, others' work would count too
                self._figures = _figures(run, *records(self._store, run.id), self._scale)
                took = time.thread_time() - began
                self._lasts_until = time.monotonic() + max(LASTS_SECONDS, LASTS_TIMES * took)
                self._run = run
            return self._figures

    def _lasts(self, run: Run) -> bool:
        alike = self._run is not None and self._run.state is run.state
        return alike and time.monotonic() < self._lasts_until


@functools.lru_cache(maxsize=16)
def _shared(store: Store, run_id: int, scale: LossScale) -> _Shared:  # noqa: ARG001 (the key)
    return _Shared(store, scale)


def figures(store: Store, run: Run, scale: LossScale) -> Figures | None:
    """Of the run as the store has it now, or had it a moment ago; None before its first step."""
    return _shared(store, run.id, scale).of(run)


def _figures(
    run: Run,
    steps: Steps,
    evaluations: list[Evaluation],
    samples: list[DeviceSample],
    scale: LossScale,
) -> Figures | None:
    if not len(steps):
        return None
    timing = step_time(steps, run.config.teacher_forcing)
    return Figures(
        progress(run.config, steps),
        _tiles(run, steps, samples, timing),
        _doubts(run, samples, timing),
        _charts(run, steps, evaluations, samples, scale),
        _translations(evaluations),
    )


def _tiles(
    run: Run, steps: Steps, samples: list[DeviceSample], timing: StepTime
) -> tuple[Tile, ...]:
    per_token = last_loss(steps, LossScale.TOKEN)
    per_sentence = last_loss(steps, LossScale.SENTENCE)
    return (
        Tile(
            "Loss per token",
            words.format_loss(per_token),
            f"{words.format_loss(per_sentence, 1)} per sentence",
            "Mean of the last 50 steps, in nats. The article's figures are per sentence.",
        ),
        Tile(
            "Samples per second",
            words.format_rate(samples_per_second(steps)),
            f"batch size {run.config.batch_size:,}",
            "Sentences of the timed steps over their wall time; warm-up left out.",
        ),
        Tile(
            "Tokens per second",
            words.format_rate(target_tokens_per_second(steps)),
            "real target tokens",
            "Padding not counted.",
        ),
        Tile(
            "Step time",
            words.format_step_time(timing.seconds),
            words.format_iqr(timing.relative_iqr, timing.noise) or "median",
            "Median of the timed steps. IQR: how far the middle half of the run's stretches lies "
            "apart, each so long that lengths even out; noisy above 10 %, very noisy above 25 %.",
        ),
        Tile(
            "Memory",
            words.format_bytes(_last_memory(run, samples)),
            f"{words.format_bytes(_peak(run, samples))} at most",
            "On a GPU what the run holds, on a CPU this program's resident memory.",
        ),
    )


def _last_memory(run: Run, samples: list[DeviceSample]) -> int | None:
    readings = [each for each in samples if each.device == run.device]
    return run_memory_bytes(readings[-1]) if readings else None


def _peak(run: Run, samples: list[DeviceSample]) -> int | None:
    if run.summary and run.summary.peak_memory_bytes is not None:
        return run.summary.peak_memory_bytes
    return peak_memory_bytes(samples, run.device)


def _doubts(run: Run, samples: list[DeviceSample], timing: StepTime) -> tuple[str, ...]:
    reasons = [busy(run, samples)]
    if timing.noise:
        reasons.append(f"The step time is {timing.noise}: repeat the run before you rely on it.")
    told = " ".join(filter(None, reasons))
    return tuple(
        filter(None, [told and f":material/warning: {told}", describe_excluded_steps(timing)])
    )


def _charts(
    run: Run,
    steps: Steps,
    evaluations: list[Evaluation],
    samples: list[DeviceSample],
    scale: LossScale,
) -> tuple[Drawing, ...]:
    """The one that may be missing comes last."""
    revision = str(run.id)
    loss = [loss_line(run, steps, evaluations, Axis.ITERATIONS, scale)]
    speed = [throughput_line(run, steps, Axis.ITERATIONS)]
    series = reading_series(samples)
    charts = [
        drawing(
            loss_figure(loss, Axis.ITERATIONS, scale, revision=revision),
            loss_text(loss, Axis.ITERATIONS, scale),
        ),
        drawing(
            throughput_figure(speed, Axis.ITERATIONS, revision=revision),
            throughput_text(speed, Axis.ITERATIONS),
            wide=False,
        ),
        drawing(readings_figure(series, revision=revision), readings_text(series), wide=False),
    ]
    if parts := dissected(run, steps):
        figure = anatomy_figure([parts], None, revision=revision)
        charts.append(drawing(figure, anatomy_text([parts], None)))
    return tuple(charts)


def _translations(evaluations: list[Evaluation]) -> pa.Table | None:
    table = translation_table(evaluations)
    if not table.rows:
        return None
    # Real text that wraps, unlike a dataframe's; hence with its marks made inert.
    columns = {
        "Source": [escape(source) for source, _, _ in table.rows],
        "Reference": [escape(reference) for _, reference, _ in table.rows],
    }
    for index, iteration in enumerate(table.iterations):
        columns[f"After {iteration:,}"] = [
            escape(shorten(outputs[index])) for _, _, outputs in table.rows
        ]
    return pa.Table.from_pandas(pd.DataFrame(columns))  # which Streamlit would do at each tick
