"""Estimate durations of runs and sweeps from earlier runs, or from a few trial steps."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.locks import lease
from s2s.records import Run, Sweep, SweepPart
from s2s.runs import lost_gpu, memory

_TRIAL_STEPS = 5


@dataclass(frozen=True)
class StepTime:
    """Expected times of one step and one evaluation."""

    step_seconds: float
    evaluation_seconds: float
    basis: str
    """Where the times come from: `run 3`, for example."""


@dataclass(frozen=True)
class RunEstimate:
    """Expected duration of a run."""

    step_seconds: float
    total_seconds: float
    """Steps and evaluations, without loading torch and the corpus."""
    basis: str
    device: str


StepTimes = Mapping[tuple[Engine, int], StepTime]
"""By engine and batch size, as far as they are known."""


@dataclass(frozen=True)
class SweepEstimate:
    """Expected duration of parts of a sweep."""

    total_seconds: float | None
    """Those with a target may end sooner. None: every trial ran out of memory."""
    times: StepTimes
    basis: str
    device: str


# Runs


def estimate_run(config: TrainConfig, step_time: StepTime, device: str) -> RunEstimate:
    """Estimate a whole run from its step time."""
    training_seconds = config.iterations * step_time.step_seconds
    if config.max_seconds:
        training_seconds = min(training_seconds, config.max_seconds)
    evaluations = _count_evaluations(config, training_seconds / step_time.step_seconds)
    return RunEstimate(
        step_time.step_seconds,
        training_seconds + evaluations * step_time.evaluation_seconds,
        step_time.basis,
        device,
    )


def step_time_from_runs(config: TrainConfig, runs: Sequence[Run], device: str) -> StepTime | None:
    """Return the step time of runs that differ in length, seed or batch size only.

    The time at a batch size between two measured ones is interpolated. There is no extrapolation,
    because padding bends the line.
    """
    measured: dict[int, StepTime] = {}
    for run in sorted(runs, key=lambda run: run.id):
        step_time = _step_time_of_run(run)
        if step_time and run.device == device and run.config.timing_key() == config.timing_key():
            measured[run.config.batch_size] = step_time
    return interpolate_step_time(measured, config.batch_size)


def interpolate_step_time(measured: Mapping[int, StepTime], size: int) -> StepTime | None:
    """Interpolate linearly between the nearest batch sizes; None outside the measured ones."""
    if size in measured:
        return measured[size]
    smaller = [each for each in measured if each < size]
    larger = [each for each in measured if each > size]
    if not smaller or not larger:
        return None
    low, high = max(smaller), min(larger)
    share = (size - low) / (high - low)
    below, above = measured[low], measured[high]
    return StepTime(
        (1 - share) * below.step_seconds + share * above.step_seconds,
        max(below.evaluation_seconds, above.evaluation_seconds),
        f"{below.basis} and {above.basis}",
    )


def measure_step_time(config: TrainConfig) -> StepTime:
    """Train a throw-away model for a few steps; raise what training would raise."""
    # Imported here: estimates from earlier runs need not wait for torch.
    import torch

    from s2s.runs.execute import build_trainer
    from s2s.training.device import resolve_device

    # A run on another device keeps its random state. A lost GPU cannot be asked for its own.
    with torch.random.fork_rng([] if lost_gpu.lost_device() else None):
        trainer = build_trainer(config, resolve_device(config.device))
        started = time.perf_counter()
        trainer.evaluate()
        evaluation_seconds = time.perf_counter() - started
        seconds = []
        for _ in range(_TRIAL_STEPS):
            started = time.perf_counter()
            trainer.step()
            seconds.append(time.perf_counter() - started)
    return StepTime(statistics.median(seconds[1:]), evaluation_seconds, "a trial of a few steps")


def _step_time_of_run(run: Run) -> StepTime | None:
    """Return the times of a finished run; all time that was no step counts as evaluation.

    Returns:
        None for a resumed run: its wall time includes the interruption.
    """
    summary = run.summary
    if not summary or not summary.samples_per_second or summary.wall_seconds is None:
        return None
    step_seconds = run.config.batch_size / summary.samples_per_second
    rest = max(0.0, summary.wall_seconds - summary.seconds)
    evaluations = _count_evaluations(run.config, summary.iterations)
    return StepTime(step_seconds, rest / evaluations, f"run {run.id}")


def _count_evaluations(config: TrainConfig, iterations: float) -> float:
    """Return the evaluations before the first step and after each interval or tenth."""
    return 2 + iterations / config.evaluate_every if config.evaluate_every else 11.0


# Sweeps


def estimate_sweep(
    config: SweepConfig,
    parts: Sequence[SweepPart],
    runs: Sequence[Run],
    report: Callable[[str, float | None], object],
) -> SweepEstimate:
    """Estimate the duration of these parts, with trial steps where earlier runs are not enough.

    Waits until the device is free.

    Args:
        report: Called with what is being tried.

    Raises:
        UserError: The sweep cannot run.
    """
    from s2s.training.device import resolve_device

    device = str(resolve_device(config.base.device))
    known = step_times_from_runs(config, runs, device)
    tried: dict[tuple[Engine, int], StepTime] = {}
    for engine in config.engines:
        if missing := [size for size in config.batch_sizes if (engine, size) not in known]:
            tried |= _try_steps(config, engine, missing, device, report)
    times = _fill_gaps(config, known | tried)
    bases = [("earlier runs", known), ("trial steps", tried)]
    basis = " and ".join(name for name, found in bases if found)
    return SweepEstimate(estimate_parts(config, parts, times, device), times, basis, device)


def step_times_from_runs(
    config: SweepConfig, runs: Sequence[Run], device: str
) -> dict[tuple[Engine, int], StepTime]:
    """Return what earlier runs tell, also of larger sizes that the sweep may grow to."""
    times = {
        (engine, size): step_time_from_runs(config.run_config(engine, size, 0), runs, device)
        for engine in config.engines
        for size in (*config.batch_sizes, *config.larger_sizes())
    }
    return {key: time for key, time in times.items() if time}


def estimate_parts(
    config: SweepConfig, parts: Iterable[SweepPart], times: StepTimes, device: str
) -> float | None:
    """Return the seconds of the parts, on a CPU with measuring the memory of each batch size.

    Returns:
        None if the step time of one is unknown.
    """
    total = 0.0
    for part in parts:
        step_time = times.get((part.engine, part.batch_size))
        if step_time is None:
            return None
        run = config.run_config(part.engine, part.batch_size, part.repeat)
        total += estimate_run(run, step_time, device).total_seconds
        if device == "cpu" and part.repeat == 0:
            steps = min(memory.STEPS, run.iterations)
            total += memory.START_SECONDS + steps * step_time.step_seconds
    return total


def estimate_remaining(
    sweep: Sweep, times: StepTimes, device: str, current_seconds: float | None
) -> float | None:
    """Return the seconds until a running sweep has ended; None if any step time is unknown.

    Args:
        current_seconds: Until the current part has ended; None: count it in full.
    """
    parts = [part for part in sweep.parts if not part.is_done()]
    if current_seconds is None:
        return estimate_parts(sweep.config, parts, times, device)
    waiting = [part for part in parts if part.run is None or part.run.state.is_finished()]
    later = estimate_parts(sweep.config, waiting, times, device)
    return None if later is None else current_seconds + later


def _try_steps(
    config: SweepConfig,
    engine: Engine,
    sizes: Sequence[int],
    device: str,
    report: Callable[[str, float | None], object],
) -> dict[tuple[Engine, int], StepTime]:
    """Try the smallest, the middle and the largest size; leave out those that do not fit."""
    from s2s.runs.execute import free_memory
    from s2s.training.device import ran_out_of_memory

    times = {}
    for size in sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}):
        report(f"Trial steps: {engine.value}, batch size {size:,}", None)
        try:
            with lease(device, lambda: False):
                times[engine, size] = measure_step_time(config.run_config(engine, size, 0))
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
        free_memory()
    return times


def _fill_gaps(config: SweepConfig, times: StepTimes) -> StepTimes:
    """Add the batch sizes between and beyond the known ones."""
    filled = dict(times)
    for engine in config.engines:
        known = {size: time for (each, size), time in times.items() if each is engine}
        for size in config.batch_sizes if known else ():
            filled[engine, size] = interpolate_step_time(known, size) or _extrapolate(known, size)
    return filled


def _extrapolate(known: Mapping[int, StepTime], size: int) -> StepTime:
    """Scale with the batch size above the largest known one, which rather overestimates."""
    nearest = min(known) if size < min(known) else max(known)
    step_time = known[nearest]
    factor = max(1.0, size / nearest)
    return StepTime(step_time.step_seconds * factor, step_time.evaluation_seconds, step_time.basis)
