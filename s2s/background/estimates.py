"""How long a run will take: from earlier runs of its kind, else from a few trial steps."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2s.config import TrainConfig
from s2s.records import Run
from s2s.runs import lost_gpu

_TRIAL_STEPS = 5


@dataclass(frozen=True)
class StepTime:
    step_seconds: float
    evaluation_seconds: float
    """Of one evaluation."""
    basis: str
    """Where the figures come from, for people."""


@dataclass(frozen=True)
class Expected:
    step_seconds: float
    total_seconds: float
    """Steps and evaluations; loading torch and the corpus come on top."""
    basis: str
    device: str


def step_time_from_runs(config: TrainConfig, runs: Sequence[Run], device: str) -> StepTime | None:
    """From runs that differ in length, seed or batch size at most; None where there are none.

    Another batch size is read off the line through the nearest measured ones on either side;
    none is read off beyond them, where padding bends the line.
    """
    measured: dict[int, StepTime] = {}
    for run in sorted(runs, key=lambda run: run.id):
        step_time = _measured(run)
        if step_time and run.device == device and run.config.timing_key() == config.timing_key():
            measured[run.config.batch_size] = step_time
    return step_time_between(measured, config.batch_size)


def step_time_between(measured: Mapping[int, StepTime], size: int) -> StepTime | None:
    """As measured at this batch size, or on the line between the nearest; None beyond them."""
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


def _measured(run: Run) -> StepTime | None:
    """All of a run's time that was no step is counted as evaluation, its start too.

    None of a run that was resumed: how long it lay in between is nobody's evaluation.
    """
    summary = run.summary
    if not summary or not summary.samples_per_second or summary.wall_seconds is None:
        return None
    step_seconds = run.config.batch_size / summary.samples_per_second
    rest = max(0.0, summary.wall_seconds - summary.seconds)
    evaluations = _evaluations(run.config, summary.iterations)
    return StepTime(step_seconds, rest / evaluations, f"run {run.id}")


def step_time_from_trial(config: TrainConfig) -> StepTime:
    """Trains a throw-away model for a few steps. Raises what training would raise."""
    # Only here: who asks for an estimate from earlier runs need not wait for torch.
    import torch

    from s2s.runs.execute import build_trainer
    from s2s.training.device import resolve_device

    # A run on another device keeps its random numbers; a GPU that was lost is not asked for them.
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


def expected(config: TrainConfig, step_time: StepTime, device: str) -> Expected:
    """The whole run's time on `device`."""
    training_seconds = config.iterations * step_time.step_seconds
    if config.max_seconds:
        training_seconds = min(training_seconds, config.max_seconds)
    evaluations = _evaluations(config, training_seconds / step_time.step_seconds)
    return Expected(
        step_time.step_seconds,
        training_seconds + evaluations * step_time.evaluation_seconds,
        step_time.basis,
        device,
    )


def _evaluations(config: TrainConfig, iterations: float) -> float:
    """Before the first step, and after each tenth of the run or each interval."""
    return 2 + iterations / config.evaluate_every if config.evaluate_every else 11.0
