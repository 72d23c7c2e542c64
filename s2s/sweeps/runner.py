"""The runner of a sweep: trains part after part; stopping is leaving it, or setting its event."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from threading import Event

from s2s.background.sweep_time import Times, seconds_of, times_from_runs
from s2s.config import TrainConfig, UserError
from s2s.locks import lease
from s2s.records import RunState, StepRecord, Sweep, SweepPart
from s2s.runs import lost_gpu as cuda_context
from s2s.runs.execute import executing
from s2s.store.runs import Store
from s2s.store.sweeps import begin_part, leave, read_sweep, stop_requested
from s2s.sweeps.memory import lacks_memory, measure_memory
from s2s.training.device import resolve_device

_TELL_SECONDS = 0.25
_LOOK_SECONDS = 0.05
_LET_IN_SECONDS = 1.0
"""Who waits for the device takes it within a fraction of this; who waits for another does not."""


@dataclass(frozen=True)
class SweepProgress:
    """What a sweep is doing, and how far it is."""

    part: SweepPart
    run_id: int
    share: float
    """0 to 1, of the part."""
    ended: bool
    """The part is over."""
    done: int
    """Parts that have a result."""
    total: int
    """Parts, as far as they are known."""
    seconds_left: float | None
    """Of the whole sweep; None where the time of a part is not known."""
    measuring_memory: bool = False
    """Before the part begins."""


def run_sweep(
    store: Store, sweep_id: int, stop: Event, times: Times | None = None
) -> Iterator[SweepProgress]:
    """Does the parts that have no result yet; what goes wrong with one is its result.

    The caller has taken the sweep; it is left in the end. A run that is stopped by itself stops
    the sweep too. Yields at the start and at the end of each part and four times a second.
    `times`: of steps, where earlier runs do not tell.
    """
    try:
        while not stop.is_set() and not stop_requested(store, sweep_id):
            sweep = read_sweep(store, sweep_id)
            if cuda_context.is_held(sweep.config.base.device):
                return
            left = [part for part in sweep.parts if not part.is_done()]
            if not left:
                return
            _let_others_in(store, stop)
            run_id = begin_part(store, sweep_id, _config(sweep, left[0]), left[0].run)
            later = _seconds(store, sweep, left[1:], times or {})
            if _on_a_processor(sweep) and lacks_memory(sweep, left[0]):
                yield from _measure_memory(store, run_id, stop, sweep, left[0])
            yield from _train(store, run_id, stop, sweep, left[0], later)
            if store.run(run_id).state in (RunState.STOPPED, RunState.INTERRUPTED):
                return
    finally:
        leave(store, sweep_id)


def _measure_memory(
    store: Store, run_id: int, stop: Event, sweep: Sweep, part: SweepPart
) -> Iterator[SweepProgress]:
    """Before the run `run_id`; who stops that, stops this."""

    def given_up() -> bool:
        return stop.is_set() or store.stop_requested(run_id)

    total = len(sweep.parts)
    yield SweepProgress(part, run_id, 0.0, False, sweep.done(), total, None, measuring_memory=True)
    with lease("cpu", given_up) as held:
        if held:
            measure_memory(store, sweep.id, _config(sweep, part), given_up)


def _on_a_processor(sweep: Sweep) -> bool:
    try:
        return resolve_device(sweep.config.base.device).type == "cpu"
    except UserError:  # each part will end with that sentence
        return False


def _train(
    store: Store, run_id: int, stop: Event, sweep: Sweep, part: SweepPart, later: float | None
) -> Iterator[SweepProgress]:
    """`later`: the seconds of the parts after this one."""
    config = _config(sweep, part)
    steps, spent, told_at = 0, 0.0, 0.0
    done, total = sweep.done(), len(sweep.parts)
    yield SweepProgress(part, run_id, 0.0, False, done, total, None)
    with closing(executing(store, run_id, stop)) as training:
        for event in training:
            if isinstance(event, StepRecord):
                steps, spent = steps + 1, spent + event.seconds
            if time.monotonic() - told_at >= _TELL_SECONDS:
                told_at = time.monotonic()
                share = _share(config, steps, spent)
                here = spent * (1 - share) / share if share else None
                left = None if here is None or later is None else here + later
                yield SweepProgress(part, run_id, share, False, done, total, left)
    yield SweepProgress(part, run_id, 1.0, True, done + 1, total, later)


def _config(sweep: Sweep, part: SweepPart) -> TrainConfig:
    return sweep.config.run_config(part.engine, part.batch_size, part.repeat)


def _share(config: TrainConfig, steps: int, seconds: float) -> float:
    by_time = seconds / config.max_seconds if config.max_seconds else 0.0
    return min(1.0, max(steps / config.iterations, by_time))


def _seconds(store: Store, sweep: Sweep, parts: list[SweepPart], times: Times) -> float | None:
    try:
        device = str(resolve_device(sweep.config.base.device))
    except UserError:  # each part will end with that sentence
        return None
    known = {**times, **times_from_runs(sweep.config, store.runs(), device)}
    return seconds_of(sweep.config, parts, known, device)


def _let_others_in(store: Store, stop: Event) -> None:
    """A single run that waits for the device comes in between two parts."""
    deadline = time.monotonic() + _LET_IN_SECONDS
    while time.monotonic() < deadline:
        states = {run.state for run in store.runs()}
        if RunState.QUEUED not in states or RunState.RUNNING in states:
            return
        if stop.wait(_LOOK_SECONDS):
            return
