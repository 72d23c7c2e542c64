"""Expected durations of runs and sweeps, from earlier runs and from trial steps."""

import dataclasses
from typing import Any

import pytest
import torch

from s2s.background import estimates
from s2s.background.estimates import RunEstimate, StepTime, SweepEstimate, look_up_step_time
from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.errors import UserError
from s2s.records import Run, RunState, Sweep, SweepPart, SweepState
from s2s.runs.memory import START_SECONDS
from s2s.sweeps.plan import plan
from tests import plausible
from tests.tiny import tiny_config

FUSED = Engine.FUSED


def measured(run_id: int, step_seconds: float | None, device: str = "cpu", **changes: Any) -> Run:
    """Return a finished run whose steps took this long, without time for evaluations."""
    config = tiny_config(**changes)
    summary = dataclasses.replace(
        plausible.summary(run_id, RunState.FINISHED, config, 10),
        seconds=1.0,
        wall_seconds=1.0,
        samples_per_second=config.batch_size / step_seconds if step_seconds else None,
    )
    return dataclasses.replace(
        plausible.RUN, id=run_id, config=config, device=device, summary=summary
    )


# Runs


def test_runs_of_the_same_size_or_of_sizes_around_it() -> None:
    runs = [
        measured(2, 0.25, iterations=77, seed=3, learning_rate=0.5),
        measured(1, 0.5),
        measured(3, 9.0, device="cuda:0"),
        measured(4, None),
        plausible.RUN,
        measured(5, 9.0, hidden_size=16),
        measured(6, 9.0, engine=Engine.ARTICLE),
        measured(7, 9.0, corpus="other"),
    ]
    assert look_up_step_time(tiny_config(), runs, "cpu") == StepTime(0.25, 0.0, "run 2")
    sizes = {1: 0.1, 4: 0.2, 12: 0.6, 64: 9.0}
    runs = [measured(size, seconds, batch_size=size) for size, seconds in sizes.items()]
    step_time = look_up_step_time(tiny_config(batch_size=6), runs, "cpu")
    assert step_time == StepTime(pytest.approx(0.3), 0.0, "run 4 and run 12")
    assert look_up_step_time(tiny_config(batch_size=65), runs, "cpu") is None
    assert look_up_step_time(tiny_config(batch_size=3), runs[1:], "cpu") is None


def test_all_time_without_steps_counts_as_evaluations() -> None:
    """By the monotonic clock, not by the times of day."""
    run = measured(1, 0.25)
    timed = dataclasses.replace(run.summary, seconds=2.0, wall_seconds=13.0)
    run = dataclasses.replace(run, started_at=5e8, finished_at=1e9, summary=timed)
    step_time = look_up_step_time(run.config, [run], "cpu")
    assert step_time == StepTime(0.25, 1.0, "run 1")  # eleven evaluations in the other 11 s
    resumed = dataclasses.replace(run, summary=dataclasses.replace(timed, wall_seconds=None))
    assert look_up_step_time(run.config, [resumed], "cpu") is None


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({}, 100 * 0.5 + 11 * 2),
        ({"evaluate_every": 10, "max_seconds": 900.0}, 100 * 0.5 + (2 + 10) * 2),
        ({"max_seconds": 20.0}, 20 + 11 * 2),
    ],
)
def test_a_run_is_its_steps_and_evaluations(changes: dict[str, Any], total: float) -> None:
    config = tiny_config(iterations=100, **changes)
    estimate = estimates.estimate_run(config, StepTime(0.5, 2.0, "a guess"), "cpu")
    assert estimate == RunEstimate(0.5, total, "a guess", "cpu")


@pytest.mark.usefixtures("tiny")
def test_a_trial_leaves_out_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([7.0, 100.0, 1.0, 2.0, 3.0, 4.0])  # of the evaluation, and of the steps
    monkeypatch.setattr(estimates, "timeit", lambda *_, **__: next(times))
    trial = estimates.measure_step_time(tiny_config())
    assert (trial.step_seconds, trial.evaluation_seconds) == (2.5, 7.0)


# Sweeps


def sweep_config(*sizes: int, **choices: Any) -> SweepConfig:
    values = {"repeats": 2, "budget": "iterations", "amount": 100} | choices
    return SweepConfig(base=tiny_config(), batch_sizes=sizes, **values)


def estimate(config: SweepConfig, runs: list[Run]) -> SweepEstimate:
    return estimates.estimate_sweep(config, plan(config), runs, lambda *_: None)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes tried: a step takes 1 s and 0.1 s per sentence, an evaluation 2 s."""
    sizes: list[int] = []

    def measure(config: TrainConfig) -> StepTime:
        sizes.append(config.batch_size)
        if config.batch_size > 500:
            raise torch.OutOfMemoryError
        return StepTime(1 + config.batch_size / 10, 2.0, "a trial")

    monkeypatch.setattr(estimates, "measure_step_time", measure)
    return sizes


def test_the_parts_of_a_sweep() -> None:
    """100 steps each, an evaluation per 512 (size 16: 64) of them and 2 more, in two repeats."""
    config = sweep_config(2, 16)
    times = {(FUSED, 2): StepTime(0.5, 2.0, ""), (FUSED, 16): StepTime(1.0, 3.0, "")}
    runs = 2 * (100 * 0.5 + (2 + 100 / 512) * 2.0 + 100 * 1.0 + (2 + 100 / 64) * 3.0)
    memory = 2 * START_SECONDS + 12 * 0.5 + 12 * 1.0  # once per size, twelve steps
    for device, seconds in (("cpu", runs + memory), ("cuda:0", runs)):
        total = estimates.estimate_parts(config, plan(config), times, device)
        assert total == pytest.approx(seconds)
    del times[FUSED, 16]
    assert estimates.estimate_parts(config, plan(config), times, "cpu") is None


@pytest.mark.parametrize(
    ("states", "current", "left", "wholes"),
    [
        ((RunState.FINISHED, RunState.RUNNING), 7.0, 7.0, 0),
        ((RunState.RUNNING, None), 7.0, 7.0, 1),
        ((RunState.FINISHED, RunState.RUNNING), None, 0.0, 1),
        ((RunState.RUNNING, RunState.STOPPED), 7.0, 7.0, 1),
    ],
)
def test_what_remains_of_a_running_sweep(
    states: tuple[RunState | None, ...], current: float | None, left: float, wholes: int
) -> None:
    """Two repeats of 100 steps of 0.5 s, each with its evaluations of 2 s."""
    parts = tuple(
        SweepPart(FUSED, 2, repeat, state and dataclasses.replace(plausible.RUN, state=state))
        for repeat, state in enumerate(states)
    )
    sweep = Sweep(1, sweep_config(2), 0.0, SweepState.RUNNING, parts)
    times = {(FUSED, 2): StepTime(0.5, 2.0, "")}
    whole = 100 * 0.5 + (2 + 100 / 512) * 2.0
    remaining = estimates.estimate_remaining(sweep, times, "cpu", current)
    assert remaining == pytest.approx(left + wholes * whole)
    if wholes:
        assert estimates.estimate_remaining(sweep, {}, "cpu", current) is None


def test_the_smallest_middle_and_largest_size_are_tried(trials: list[int]) -> None:
    """Per engine; sizes that do not fit are extrapolated."""
    config = sweep_config(2, 4, 16, 32, 64)
    result = estimate(config, [])
    assert trials == [2, 16, 64]
    assert (result.basis, result.device) == ("trial steps", "cpu")
    step_seconds = {size: time.step_seconds for (_, size), time in result.times.items()}
    assert step_seconds == pytest.approx({2: 1.2, 4: 1.4, 16: 2.6, 32: 4.2, 64: 7.4})
    total = estimates.estimate_parts(config, plan(config), result.times, "cpu")
    assert result.total_seconds == total
    result = estimate(sweep_config(4, engines=("fused", "article")), [])
    assert set(result.times) == {(FUSED, 4), (Engine.ARTICLE, 4)}
    result = estimate(sweep_config(10, 100, 1000), [])
    assert result.times[FUSED, 1000].step_seconds == pytest.approx(10 * 11.0)
    result = estimate(sweep_config(600), [])
    assert (result.total_seconds, result.times) == (None, {})
    assert trials[3:] == [4, 4, 10, 100, 1000, 600]


def test_sizes_of_earlier_runs_are_not_tried(trials: list[int]) -> None:
    runs = [measured(size, 0.1, batch_size=size) for size in (2, 8)]
    result = estimate(sweep_config(2, 4, 8), runs)
    assert (result.basis, trials) == ("earlier runs", [])
    assert set(result.times) == {(FUSED, 2), (FUSED, 4), (FUSED, 8)}
    result = estimate(sweep_config(2, 8, 32), runs)
    assert (result.basis, trials) == ("earlier runs and trial steps", [32])


def test_a_sweep_that_cannot_run() -> None:
    for changes in ({"corpus": "nowhere"}, {"device": "cuda:99"}):
        with pytest.raises(UserError):
            estimate(dataclasses.replace(sweep_config(2), base=tiny_config(**changes)), [])
