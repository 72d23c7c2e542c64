"""Numbers and states in words that people read: durations, sizes, how a run stands."""

import math
from typing import TYPE_CHECKING

from s2s.records import Run, RunState, Summary

if TYPE_CHECKING:  # it loads scipy, which the command line does not wait for
    from s2s.analysis.run.step_time import StepTime

UNKNOWN = "–"
"""Shown where a figure is not known (yet)."""


def duration(seconds: float) -> str:
    """Two units at most: `0.8 s`, `47 s`, `1 min 34 s`, `2 h 05 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def device(name: str) -> str:
    """`cpu` and `cuda:0` as people call them."""
    return f"GPU {name.removeprefix('cuda:')}" if name.startswith("cuda") else "the processor"


def step_time(seconds: float | None) -> str:
    """Of one step: `850 µs`, `12.3 ms`, `1.20 s`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def two_digits(value: float) -> str:
    """`0.31`, `3.1`, `310`, `12,000`: all that a rough estimate knows."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:g}"


def percent(share: float) -> str:
    """`8 %`."""
    return f"{100 * share:.0f} %"


def doubts(noise: str | None, busy: str) -> str:
    """`noisy, busy machine`: why a run's speed is in doubt; empty where nothing says so."""
    return ", ".join(filter(None, [noise, "busy machine" if busy else ""]))


def spread(relative_iqr: float | None, noise: str | None) -> str:
    """`IQR 7 %`, `IQR 17 %, noisy`; empty where it is not known."""
    if relative_iqr is None:
        return ""
    return f"IQR {percent(relative_iqr)}{f', {noise}' if noise else ''}"


def left_out(timing: "StepTime | Summary") -> str:
    """What the timing leaves out, in a sentence; empty where that is nothing."""
    parts = [
        f"{count:,} {'step' if count == 1 else 'steps'} {why} ({step_time(seconds)})"
        for count, why, seconds in (
            (timing.warmup_steps, "of warm-up", timing.warmup_seconds),
            (timing.interfered_steps, "beside a translation", timing.interfered_seconds),
        )
        if count
    ]
    return f"Left out of the timing: {' and '.join(parts)}." if parts else ""


def size(size_bytes: float | None) -> str:
    """In MiB below one GiB, else in GiB."""
    if size_bytes is None:
        return UNKNOWN
    mebibytes = size_bytes / 2**20
    if mebibytes < 1023.5:
        return f"{mebibytes:,.0f} MiB"
    digits = 2 if mebibytes < 100 * 1024 else 0
    return f"{mebibytes / 1024:,.{digits}f} GiB"


def rate(per_second: float | None) -> str:
    """Three digits that matter: `21.3`, `227`, `12,400`."""
    if per_second is None:
        return UNKNOWN
    if per_second < 99.95:
        return f"{per_second:.3g}"
    return f"{float(f'{per_second:.3g}'):,.0f}"


def loss(value: float | None, digits: int = 2) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.{digits}f}" if math.isfinite(value) else "no number"


def clipped(text: str, characters: int = 90) -> str:
    """A model that has learnt nothing talks on and on; the first part tells enough."""
    return text if len(text) <= characters else f"{text[: characters - 1].rstrip()}…"


def run_label(run: Run) -> str:
    """How a run is called in lists and legends."""
    return f"{run.id} · {run.name}"


def interrupted_text(run: Run, resumes_at: int) -> str:
    """`Run 12 was interrupted at iteration 4,300 of 10,000.`, and where it would go on."""
    if not run.iterations_done:
        return f"Run {run.id} was interrupted before its first step."
    config = run.config
    counts = not config.max_seconds and config.continues is None
    of = f" of {config.iterations:,}" if counts else ""
    where = f"go on from {resumes_at:,}" if resumes_at else "start over"
    lost = f" It would {where}." if resumes_at < run.iterations_done else ""
    return f"Run {run.id} was interrupted at iteration {run.iterations_done:,}{of}.{lost}"


def state_sentence(run: Run) -> str:
    """How the run stands, in a sentence that needs no table of states."""
    where = f"at iteration {run.iterations_done:,}"
    if not run.iterations_done:
        where = "before its first step"
    took = f" after {duration(run.summary.seconds)} of training" if run.summary else ""
    why = f" {run.message}" if run.message else ""
    match run.state:
        case RunState.QUEUED:
            return (
                "Queued: it starts as soon as its device is free; one run at a time trains there."
            )
        case RunState.RUNNING:
            if run.iterations_done:
                return f"Training: iteration {run.iterations_done:,}."
            return "Getting ready: the corpus is read and the model is built."
        case RunState.STOPPING:
            return "Stopping after the step it is in."
        case RunState.FINISHED:
            return f"Finished {where}{took}.{why}"
        case RunState.STOPPED:
            kept = "; what it learnt is kept" if run.iterations_done else ""
            return f"Stopped on request {where}{kept}.{why}"
        case RunState.OUT_OF_MEMORY:
            return f"Out of memory {where}, batch size {run.config.batch_size:,}.{why}"
        case RunState.DIVERGED:
            return f"Diverged {where}.{why}"
        case RunState.INTERRUPTED:
            return f"Interrupted {where}.{why}"
        case RunState.FAILED:
            return f"Failed {where}.{why}"
