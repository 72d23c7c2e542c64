"""Train a sweep's parts one after another. On a CPU, also measure the memory of each size."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from threading import Event

from s2s.analysis.run.progress import estimate_progress
from s2s.locks import lease
from s2s.records import RunState, StepRecord, Sweep, SweepPart
from s2s.runs import lost_gpu, memory
from s2s.runs.execute import Execution
from s2s.runs.files import purge
from s2s.store import Store
from s2s.store.sweeps import (
    is_sweep_stop_requested,
    queue_part,
    read_sweep,
    release_sweep,
    save_step_memory,
)
from s2s.training.device import resolve_device

_REPORT_SECONDS = 0.25
_POLL_SECONDS = 0.05
_WAIT_SECONDS = 1.0
"""Longest wait between two parts for a queued run to start. It needs a fraction of that time."""


@dataclass(frozen=True)
class SweepProgress:
    """The progress of the part that a sweep is training."""

    sweep: Sweep
    """The sweep as it was before the part was started."""
    part: SweepPart
    run_id: int
    share: float = 0.0
    """Share of the part that is done, 0 to 1."""
    part_seconds_left: float | None = None
    """Time until the part ends; `None` before its first step."""
    has_ended: bool = False
    is_measuring_memory: bool = False
    """Whether the memory of the part is being measured, before the part is trained."""


def run_sweep(store: Store, sweep_id: int, stop: Event) -> Iterator[SweepProgress]:
    """Train the parts that have no result yet. A failure is also a result.

    The caller must have claimed the sweep. It is released at the end. To stop the sweep, stop the
    run of the current part, set `stop`, or close this iterator.

    Yields:
        Progress at the start and end of each part, and up to four times per second in between.
    """
    try:
        while not stop.is_set() and not is_sweep_stop_requested(store, sweep_id):
            sweep = read_sweep(store, sweep_id)
            part = next((part for part in sweep.parts if not part.is_done()), None)
            if part is None or lost_gpu.is_blocked(sweep.config.base.device):
                return
            _wait_for_queued_run(store, stop)
            if part.run:  # it was stopped or interrupted; a new run with the same seed replaces it
                store.delete_run(part.run.id)
                purge(store, part.run.id)
            run_id = queue_part(store, sweep, part)
            if _needs_memory(sweep, part):
                yield SweepProgress(sweep, part, run_id, is_measuring_memory=True)
                _measure_memory(store, run_id, stop, sweep, part)
            yield from _train(store, run_id, stop, sweep, part)
            if store.run(run_id).state in (RunState.STOPPED, RunState.INTERRUPTED):
                return
    finally:
        release_sweep(store, sweep_id)


def _needs_memory(sweep: Sweep, part: SweepPart) -> bool:
    """Return whether to measure memory before training: once per engine and size, on a CPU."""
    device = sweep.config.base.device
    if device.startswith("cuda") or resolve_device(device).type == "cuda":
        return False
    measured = {(each.engine, each.batch_size) for each in sweep.memory}
    return (part.engine, part.batch_size) not in measured


def _measure_memory(store: Store, run_id: int, stop: Event, sweep: Sweep, part: SweepPart) -> None:
    """Measure memory before the part's run starts. Stopping the run cancels the measurement."""

    def is_cancelled() -> bool:
        return stop.is_set() or store.is_stop_requested(run_id)

    with lease("cpu", is_cancelled) as acquired:
        result = acquired and memory.measure_step_memory(sweep.build_run_config(part), is_cancelled)
    if result:
        save_step_memory(store, sweep.id, result)


def _train(
    store: Store, run_id: int, stop: Event, sweep: Sweep, part: SweepPart
) -> Iterator[SweepProgress]:
    config = sweep.build_run_config(part)
    steps, seconds, reported_at = 0, 0.0, 0.0
    yield SweepProgress(sweep, part, run_id)
    with closing(Execution(store, run_id, stop).run()) as training:
        for event in training:
            if isinstance(event, StepRecord):
                steps, seconds = steps + 1, seconds + event.seconds
            if time.monotonic() - reported_at >= _REPORT_SECONDS:
                reported_at = time.monotonic()
                step_seconds = seconds / steps if steps else None
                progress = estimate_progress(config, steps, seconds, step_seconds)
                yield SweepProgress(sweep, part, run_id, progress.share, progress.seconds_left)
    yield SweepProgress(sweep, part, run_id, 1.0, 0.0, has_ended=True)


def _wait_for_queued_run(store: Store, stop: Event) -> None:
    """Wait between two parts while a queued run is about to start, so that it gets the device."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        states = {run.state for run in store.unfinished_runs()}
        is_run_starting = RunState.QUEUED in states and RunState.RUNNING not in states
        if not is_run_starting or stop.wait(_POLL_SECONDS):
            return
