"""Estimate durations of runs and sweeps from earlier runs, or from a few trial steps."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from timeit import timeit

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
    """Source of the times: `run 3`, for example."""


@dataclass(frozen=True)
class RunEstimate:
    """Expected duration of a run."""

    step_seconds: float
    total_seconds: float
    """Steps and evaluations, without loading torch and the corpus."""
    basis: str
    device: str


StepTimes = Mapping[tuple[Engine, int], StepTime]
"""Known step times by engine and batch size."""


@dataclass(frozen=True)
class SweepEstimate:
    """Expected duration of parts of a sweep."""

    total_seconds: float | None
    """Parts with a target may end sooner. None: every trial ran out of memory."""
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
    total_seconds = training_seconds + evaluations * step_time.evaluation_seconds
    return RunEstimate(step_time.step_seconds, total_seconds, step_time.basis, device)


def step_time_from_runs(config: TrainConfig, runs: Sequence[Run], device: str) -> StepTime | None:
    """Return the step time of runs that differ in length, seed or batch size only."""
    measured: dict[int, StepTime] = {}
    for run in sorted(runs, key=lambda run: run.id):
        step_time = _step_time_of_run(run)
        if step_time and run.device == device and run.config.timing_key() == config.timing_key():
            measured[run.config.batch_size] = step_time
    return _step_time_at(config.batch_size, measured)


def measure_step_time(config: TrainConfig) -> StepTime:
    """Train a throw-away model for a few steps, once the device is free.

    Raises what training would raise.
    """
    # Imported here: estimates from earlier runs need not wait for torch.
    import torch

    from s2s.runs.execute import build_trainer
    from s2s.training.device import resolve_device

    lost_gpu.check_not_blocked(config.device)
    device = resolve_device(config.device)
    # A run on another device keeps its random state. A lost GPU has no readable one.
    fork_random = torch.random.fork_rng([] if lost_gpu.lost_device() else None)
    try:
        with lease(str(device), lambda: False), fork_random:
            trainer = build_trainer(config, device)
            evaluation_seconds = timeit(trainer.evaluate, number=1)
            seconds = [timeit(trainer.step, number=1) for _ in range(_TRIAL_STEPS)]
    except Exception as error:
        lost_gpu.note_error(error, str(device))
        raise
    return StepTime(statistics.median(seconds[1:]), evaluation_seconds, "a trial of a few steps")


def _step_time_of_run(run: Run) -> StepTime | None:
    """Return the times of a finished run; all time between its steps counts as evaluation.

    Returns:
        None for a resumed run: its wall time is unknown.
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


def _step_time_at(
    size: int, measured: Mapping[int, StepTime], *, extrapolate: bool = False
) -> StepTime | None:
    """Interpolate linearly between the nearest measured batch sizes.

    Args:
        extrapolate: Also return a time outside the measured sizes. Above them it grows with the
            batch size, which tends to overestimate.
    """
    low = max((each for each in measured if each <= size), default=None)
    high = min((each for each in measured if each >= size), default=None)
    if low and high and low < high:
        share = (size - low) / (high - low)
        below, above = measured[low], measured[high]
        return StepTime(
            (1 - share) * below.step_seconds + share * above.step_seconds,
            max(below.evaluation_seconds, above.evaluation_seconds),
            f"{below.basis} and {above.basis}",
        )
    if size in measured or not (measured and extrapolate):
        return measured.get(size)
    nearest = measured[low or min(measured)]
    return replace(nearest, step_seconds=nearest.step_seconds * size / (low or size))


# Sweeps


def estimate_sweep(
    config: SweepConfig,
    parts: Sequence[SweepPart],
    runs: Sequence[Run],
    report: Callable[[str, float | None], object],
) -> SweepEstimate:
    """Estimate the duration of these parts, with trial steps where earlier runs are not enough.

    Args:
        report: Called with a description of each trial.

    Raises:
        UserError: The sweep cannot run.
    """
    from s2s.runs.execute import free_memory
    from s2s.training.device import ran_out_of_memory, resolve_device

    lost_gpu.check_not_blocked(config.base.device)
    device = str(resolve_device(config.base.device))
    times = step_times_from_runs(config, runs, device)
    has_known, has_tried = bool(times), False
    for engine in config.engines:
        known = {size: step_time for (each, size), step_time in times.items() if each is engine}
        missing = [size for size in config.batch_sizes if size not in known]
        for size in sorted({missing[i] for i in (0, len(missing) // 2, -1) if missing}):
            report(f"Trial steps: {engine.value}, batch size {size:,}", None)
            try:
                known[size] = measure_step_time(config.run_config(engine, size, 0))
                has_tried = True
            except Exception as error:
                if not ran_out_of_memory(error):
                    raise
            free_memory()  # outside the except block: the traceback would keep tensors alive
        for size in config.batch_sizes:
            if step_time := _step_time_at(size, known, extrapolate=True):
                times[engine, size] = step_time
    basis = " and ".join(["earlier runs"] * has_known + ["trial steps"] * has_tried)
    return SweepEstimate(estimate_parts(config, parts, times, device), times, basis, device)


def step_times_from_runs(
    config: SweepConfig, runs: Sequence[Run], device: str
) -> dict[tuple[Engine, int], StepTime]:
    """Return the step times known from earlier runs, of sizes the sweep may grow to as well."""
    times = {
        (engine, size): step_time_from_runs(config.run_config(engine, size, 0), runs, device)
        for engine in config.engines
        for size in (*config.batch_sizes, *config.larger_sizes())
    }
    return {key: time for key, time in times.items() if time}


def estimate_parts(
    config: SweepConfig, parts: Iterable[SweepPart], times: StepTimes, device: str
) -> float | None:
    """Return the seconds of the parts, on a CPU including the memory measurements.

    Returns:
        None if the step time of a part is unknown.
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
    """Return the seconds until a running sweep ends; None if any step time is unknown.

    Args:
        current_seconds: Seconds until the current part ends; None: count it in full.
    """
    parts = [part for part in sweep.parts if not part.is_done()]
    if current_seconds is not None:
        parts = [part for part in parts if part.run is None or part.run.state.has_ended()]
    later = estimate_parts(sweep.config, parts, times, device)
    return None if later is None else (current_seconds or 0.0) + later
