"""How long a sweep takes: from earlier runs of its kind, else from trial steps at a few sizes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from s2s.background.estimates import (
    StepTime,
    expected,
    step_time_between,
    step_time_from_runs,
    step_time_from_trial,
)
from s2s.config import Engine, SweepConfig
from s2s.locks import lease
from s2s.records import Run, Sweep, SweepPart
from s2s.runs.memory import START_SECONDS, STEPS

Times = Mapping[tuple[Engine, int], StepTime]
"""By engine and batch size; what is not known is not there."""


@dataclass(frozen=True)
class SweepTime:
    total_seconds: float | None
    """Of all parts; those with a target may end sooner. None where nothing could be tried."""
    times: Times
    basis: str
    """Where the figures come from, for people."""
    device: str


def sweep_time(
    config: SweepConfig,
    parts: Sequence[SweepPart],
    runs: Sequence[Run],
    doing: Callable[[str, float | None], object],
) -> SweepTime:
    """Of these parts, on the device that the base asks for.

    Tries steps where earlier runs do not tell, as soon as the device is free. Raises UserError
    where the configuration cannot run at all.
    """
    from s2s.training.device import resolve_device  # torch, seconds to load

    device = str(resolve_device(config.base.device))
    known = times_from_runs(config, runs, device)
    tried: dict[tuple[Engine, int], StepTime] = {}
    for engine in config.engines:
        if lacking := [size for size in config.batch_sizes if (engine, size) not in known]:
            tried |= _tried(config, engine, lacking, device, doing)
    times = _filled(config, known | tried)
    bases = [("earlier runs", known), ("trial steps", tried)]
    basis = " and ".join(name for name, found in bases if found)
    return SweepTime(seconds_of(config, parts, times, device), times, basis, device)


def times_from_runs(
    config: SweepConfig, runs: Sequence[Run], device: str
) -> dict[tuple[Engine, int], StepTime]:
    """What earlier runs tell, larger sizes that the sweep may grow to among them."""
    found = {
        (engine, size): step_time_from_runs(config.run_config(engine, size, 0), runs, device)
        for engine in config.engines
        for size in (*config.batch_sizes, *config.larger_sizes())
    }
    return {key: time for key, time in found.items() if time}


def seconds_of(
    config: SweepConfig, parts: Iterable[SweepPart], times: Times, device: str
) -> float | None:
    """Steps and evaluations of the parts, and measuring the memory of each batch size on a
    processor; None where the time of one is not known."""
    total = 0.0
    for part in parts:
        time = times.get((part.engine, part.batch_size))
        if time is None:
            return None
        run = config.run_config(part.engine, part.batch_size, part.repeat)
        total += expected(run, time, device).total_seconds
        if device == "cpu" and part.repeat == 0:
            total += START_SECONDS + min(STEPS, run.iterations) * time.step_seconds
    return total


def seconds_left(sweep: Sweep, times: Times, device: str, here: float | None) -> float | None:
    """Of a sweep that goes on; None where the time of a part is not known.

    `here`: of the part that is being done; None: all the time that a part of its kind takes.
    """
    left = [part for part in sweep.parts if not part.is_done()]
    if here is None:
        return seconds_of(sweep.config, left, times, device)
    waiting = [part for part in left if part.run is None or part.run.state.is_finished()]
    later = seconds_of(sweep.config, waiting, times, device)
    return None if later is None else here + later


def _tried(
    config: SweepConfig,
    engine: Engine,
    sizes: Sequence[int],
    device: str,
    doing: Callable[[str, float | None], object],
) -> dict[tuple[Engine, int], StepTime]:
    """The smallest, the middle and the largest of the sizes; not those beyond the memory."""
    from s2s.runs.execute import free_memory
    from s2s.training.device import ran_out_of_memory

    found = {}
    for size in sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}):
        doing(f"Trial steps: {engine.value}, batch size {size:,}", None)
        try:
            with lease(device, lambda: False):
                found[engine, size] = step_time_from_trial(config.run_config(engine, size, 0))
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
        free_memory()
    return found


def _filled(config: SweepConfig, times: Times) -> Times:
    """With the sizes between and beyond the known ones."""
    filled = dict(times)
    for engine in config.engines:
        known = {size: time for (each, size), time in times.items() if each is engine}
        for size in config.batch_sizes if known else ():
            filled[engine, size] = step_time_between(known, size) or _beyond(known, size)
    return filled


def _beyond(known: Mapping[int, StepTime], size: int) -> StepTime:
    """In proportion above the largest known size, which is too much rather than too little."""
    nearest = min(known) if size < min(known) else max(known)
    time = known[nearest]
    return StepTime(
        time.step_seconds * max(1.0, size / nearest), time.evaluation_seconds, time.basis
    )
