"""Estimate how long runs and sweeps take, from earlier runs or from a few trial steps."""

import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from timeit import timeit
from typing import Any, TypeVar

from s2s.background.work import BackgroundWork, Job
from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.locks import lease
from s2s.records import Run, Sweep, SweepPart
from s2s.runs import lost_gpu, memory
from s2s.store import Store
from s2s.sweeps.plan import plan

_TRIAL_STEPS = 5
_RETRY_SECONDS = 5.0
"""Time after which a failed job may start again: the user may have removed the cause."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class StepTime:
    """Expected times of a step and of an evaluation."""

    step_seconds: float
    evaluation_seconds: float
    basis: str
    """Source of the times, such as `run 3`."""


@dataclass(frozen=True)
class RunEstimate:
    """Expected duration of a run."""

    step_seconds: float
    total_seconds: float
    """Time of steps and evaluations. Loading torch and the corpus is not included."""
    basis: str
    device: str


StepTimes = Mapping[tuple[Engine, int], StepTime]
"""Step times by engine and batch size."""


@dataclass(frozen=True)
class SweepEstimate:
    """Expected duration of parts of a sweep."""

    total_seconds: float | None
    """An upper bound if parts may stop early at a target loss. `None` if a step time is unknown."""
    times: StepTimes
    basis: str
    device: str


# Runs


def estimate_run(config: TrainConfig, step_time: StepTime, device: str) -> RunEstimate:
    """Estimate the duration of a whole run from its step time."""
    training_seconds = config.iterations * step_time.step_seconds
    if config.max_seconds:
        training_seconds = min(training_seconds, config.max_seconds)
    evaluation_count = _count_evaluations(config, training_seconds / step_time.step_seconds)
    total_seconds = training_seconds + evaluation_count * step_time.evaluation_seconds
    return RunEstimate(step_time.step_seconds, total_seconds, step_time.basis, device)


def look_up_step_time(config: TrainConfig, runs: Sequence[Run], device: str) -> StepTime | None:
    """Return the step time of comparable runs, interpolated between the nearest batch sizes.

    Returns:
        `None` if comparable runs have neither this batch size nor both a smaller and a larger one.
    """
    measured: dict[int, StepTime] = {}
    for run in sorted(runs, key=lambda run: run.id):
        step_time = _read_step_time(run)
        if step_time and run.device == device and run.config.timing_key() == config.timing_key():
            measured[run.config.batch_size] = step_time
    return _interpolate_step_time(config.batch_size, measured)


def measure_step_time(config: TrainConfig) -> StepTime:
    """Wait for the device, then train a new model for a few steps. Training may raise any error."""
    # Imported here, because estimates from earlier runs need not wait for torch.
    import torch

    from s2s.runs.execute import build_trainer
    from s2s.training.device import resolve_device

    lost_gpu.check_not_blocked(config.device)
    device = resolve_device(config.device)
    # Restore the random state afterwards, so that a run on another device is not affected. Leave
    # out the GPUs if one is lost, because its state cannot be read.
    restored_random = torch.random.fork_rng([] if lost_gpu.lost_device() else None)
    try:
        with lease(str(device), lambda: False), restored_random:
            trainer = build_trainer(config, device)
            evaluation_seconds = timeit(trainer.evaluate, number=1)
            seconds = [timeit(trainer.step, number=1) for _ in range(_TRIAL_STEPS)]
    except Exception as error:
        lost_gpu.note_lost_device(error, str(device))
        raise
    step_seconds = statistics.median(seconds[1:])  # the first step is warm-up
    return StepTime(step_seconds, evaluation_seconds, "a trial of a few steps")


def _read_step_time(run: Run) -> StepTime | None:
    """Return the times of an ended run. All time outside its steps counts as evaluation."""
    summary = run.summary
    # A resumed run has no wall time.
    if not summary or not summary.samples_per_second or summary.wall_seconds is None:
        return None
    step_seconds = run.config.batch_size / summary.samples_per_second
    rest_seconds = max(0.0, summary.wall_seconds - summary.seconds)
    evaluation_count = _count_evaluations(run.config, summary.iterations)
    return StepTime(step_seconds, rest_seconds / evaluation_count, f"run {run.id}")


def _count_evaluations(config: TrainConfig, iterations: float) -> float:
    """Count the first and last evaluation and one per interval; eleven without an interval."""
    return 2 + iterations / config.evaluate_every if config.evaluate_every else 11.0


def _interpolate_step_time(
    size: int, measured: Mapping[int, StepTime], *, extrapolate: bool = False
) -> StepTime | None:
    """Interpolate linearly between the nearest measured batch sizes.

    Args:
        extrapolate: Whether to estimate sizes outside the measured ones too. Above them, time is
            scaled with the batch size. That tends to overestimate. Below them, the time of the
            smallest size is used.
    """
    low = max((known for known in measured if known <= size), default=None)
    high = min((known for known in measured if known >= size), default=None)
    if low and high and low < high:
        weight = (size - low) / (high - low)
        below, above = measured[low], measured[high]
        return StepTime(
            (1 - weight) * below.step_seconds + weight * above.step_seconds,
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
    """Estimate the duration of parts. Run trial steps if earlier runs are not enough.

    Args:
        report: Called before each trial with its description, and `None` as the fraction done.

    Raises:
        UserError: The sweep cannot run.
    """
    from s2s.runs.execute import free_memory
    from s2s.training.device import is_out_of_memory, resolve_device

    lost_gpu.check_not_blocked(config.base.device)
    device = str(resolve_device(config.base.device))
    times = look_up_step_times(config, runs, device)
    used_earlier_runs, used_trials = bool(times), False
    for engine in config.engines:
        known = {size: step_time for (other, size), step_time in times.items() if other is engine}
        missing = [size for size in config.batch_sizes if size not in known]
        trial_sizes = {missing[0], missing[len(missing) // 2], missing[-1]} if missing else set()
        for size in sorted(trial_sizes):
            report(f"Trial steps: {engine.value}, batch size {size:,}", None)
            try:
                known[size] = measure_step_time(config.build_run_config(engine, size, 0))
                used_trials = True
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            free_memory()  # not inside the except block, where the traceback keeps tensors alive
        for size in config.batch_sizes:
            if step_time := _interpolate_step_time(size, known, extrapolate=True):
                times[engine, size] = step_time
    sources = {"earlier runs": used_earlier_runs, "trial steps": used_trials}
    basis = " and ".join(source for source, is_used in sources.items() if is_used)
    return SweepEstimate(estimate_parts(config, parts, times, device), times, basis, device)


def look_up_step_times(
    config: SweepConfig, runs: Sequence[Run], device: str
) -> dict[tuple[Engine, int], StepTime]:
    """Return the step times known from earlier runs, for all sizes that the sweep may reach."""
    times = {
        (engine, size): look_up_step_time(config.build_run_config(engine, size, 0), runs, device)
        for engine in config.engines
        for size in (*config.batch_sizes, *config.larger_sizes())
    }
    return {key: step_time for key, step_time in times.items() if step_time}


def estimate_parts(
    config: SweepConfig, parts: Iterable[SweepPart], times: StepTimes, device: str
) -> float | None:
    """Return the duration of the parts in seconds, or `None` if a step time is unknown."""
    total = 0.0
    for part in parts:
        step_time = times.get((part.engine, part.batch_size))
        if step_time is None:
            return None
        run_config = config.build_run_config(part.engine, part.batch_size, part.repeat)
        total += estimate_run(run_config, step_time, device).total_seconds
        if device == "cpu" and part.repeat == 0:  # the memory of each size is measured once
            steps = min(memory.STEPS, run_config.iterations)
            total += memory.START_SECONDS + steps * step_time.step_seconds
    return total


def estimate_remaining(
    sweep: Sweep, times: StepTimes, device: str, current_seconds: float | None
) -> float | None:
    """Return the seconds until a running sweep ends, or `None` if a step time is unknown.

    Args:
        current_seconds: Seconds until the current part ends; `None` to count all of that part.
    """
    parts = [part for part in sweep.parts if not part.is_done()]
    if current_seconds is not None:
        parts = [part for part in parts if part.run is None or part.run.state.has_ended()]
    seconds = estimate_parts(sweep.config, parts, times, device)
    return None if seconds is None else (current_seconds or 0.0) + seconds


# In the background


class Estimator:
    """Estimates durations: immediately from earlier runs, or later from trial steps. Thread-safe.

    Trial steps run in the background. The methods raise UserError if a configuration cannot run.
    """

    def __init__(self, store: Store, work: BackgroundWork) -> None:
        self._store, self._work = store, work
        self._jobs: dict[Hashable, Job[Any]] = {}

    def devices(self) -> list[str]:
        """Return the devices that a run can use, best first; empty until torch is loaded."""

        def list_devices() -> list[str]:
            from s2s.training.device import list_device_names

            return list_device_names()

        return self._get_or_start("devices", "devices", list_devices) or []

    def estimate_run(self, config: TrainConfig) -> RunEstimate | None:
        """Estimate the duration of a run; return `None` while it is unknown."""
        device = self._resolve_device(config.device)
        if device is None:
            return None
        runs = self._store.runs(archived=True)
        step_time = look_up_step_time(config, runs, device)
        if step_time is None:
            key = (config.timing_key(), config.batch_size, config.device, config.continue_from)
            step_time = self._get_or_start("trial", key, lambda: measure_step_time(config))
        return estimate_run(config, step_time, device) if step_time else None

    def estimate_sweep(
        self, config: SweepConfig, parts: Sequence[SweepPart], *, run_trials: bool = False
    ) -> SweepEstimate | None:
        """Estimate the duration of parts of a sweep; return `None` while it is unknown.

        Args:
            run_trials: Whether to run trial steps if earlier runs are not enough.
        """
        device = self._resolve_device(config.base.device)
        if device is None:
            return None
        runs = self._store.runs(archived=True)
        times = look_up_step_times(config, runs, device)
        total = estimate_parts(config, parts, times, device)
        if total is not None:
            return SweepEstimate(total, times, "earlier runs", device)

        def estimate_with_trials() -> SweepEstimate:
            return estimate_sweep(config, plan(config), runs, lambda *_: None)

        work = estimate_with_trials if run_trials else None
        estimate = self._get_or_start("sweep-trial", config, work)
        if estimate is None:
            return None
        times = {**estimate.times, **times}
        total = estimate_parts(config, parts, times, device)
        return replace(estimate, total_seconds=total, times=times)

    def _resolve_device(self, name: str) -> str | None:
        """Return the full name of a device; `None` for "auto" until torch is loaded."""
        if name == "auto":
            return next(iter(self.devices()), None)
        return "cuda:0" if name == "cuda" else name

    def _get_or_start(self, name: str, key: Hashable, work: Callable[[], _T] | None) -> _T | None:
        """Return the result of the job with this key, or `None` until it has ended.

        Args:
            name: Name of the thread that runs the job.
            work: What the job does. A call starts the job if the thread is free, and if this key
                has no job or its job failed over _RETRY_SECONDS ago. `None` starts nothing.

        Raises:
            UserError: The job failed.
        """
        job = self._jobs.get(key)
        is_due = job is None or (job.error and time.monotonic() - job.ended_at > _RETRY_SECONDS)
        if work and is_due and not self._work.is_busy(name):
            job = self._jobs[key] = Job(lambda _: work())
            self._work.submit(name, job.run)
        if job and job.error:
            raise job.error
        return job.result if job else None
