"""Expected durations of runs and sweeps, from earlier runs and from trial steps."""

import dataclasses
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from s2s.background import estimates
from s2s.background.estimates import (
    RunEstimate,
    StepTime,
    StepTimes,
    SweepEstimate,
    estimate_parts,
    estimate_remaining,
    estimate_run,
    estimate_sweep,
    measure_step_time,
    step_time_from_runs,
    step_times_from_runs,
)
from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.errors import UserError
from s2s.records import Run, RunState, Sweep, SweepPart, SweepState
from s2s.runs.memory import START_SECONDS
from s2s.store import Store
from s2s.store.sweeps import claim_sweep
from s2s.sweeps.plan import create_sweep, plan
from s2s.sweeps.runner import run_sweep
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


def test_the_latest_run_of_the_same_size() -> None:
    runs = [
        measured(2, 0.25, iterations=77, seed=3, learning_rate=0.5),
        measured(1, 0.5),
        measured(3, 9.0, device="cuda:0"),
        measured(4, None),
        plausible.RUN,
    ]
    assert step_time_from_runs(tiny_config(), runs, "cpu") == StepTime(0.25, 0.0, "run 2")


def test_interpolation_without_extrapolation() -> None:
    sizes = {1: 0.1, 4: 0.2, 12: 0.6, 64: 9.0}
    runs = [measured(size, seconds, batch_size=size) for size, seconds in sizes.items()]
    found = step_time_from_runs(tiny_config(batch_size=6), runs, "cpu")
    assert found == StepTime(pytest.approx(0.3), 0.0, "run 4 and run 12")
    assert step_time_from_runs(tiny_config(batch_size=65), runs, "cpu") is None
    assert step_time_from_runs(tiny_config(batch_size=3), runs[1:], "cpu") is None


def test_all_time_without_steps_counts_as_evaluations() -> None:
    """By the monotonic clock: the times of day say nothing."""
    run = measured(1, 0.25)
    timed = dataclasses.replace(run.summary, seconds=2.0, wall_seconds=13.0)
    run = dataclasses.replace(run, started_at=5e8, finished_at=1e9, summary=timed)
    found = step_time_from_runs(run.config, [run], "cpu")
    assert found == StepTime(0.25, 1.0, "run 1")  # eleven evaluations in the other 11 s
    resumed = dataclasses.replace(run, summary=dataclasses.replace(timed, wall_seconds=None))
    assert step_time_from_runs(run.config, [resumed], "cpu") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 16},
        {"layers": 2},
        {"engine": Engine.ARTICLE},
        {"optimizer": "adam"},
        {"teacher_forcing": 0.5},
        {"dropout": 0.0},
        {"momentum": 0.0},
        {"precision": "bf16"},
        {"threads": 2},
        {"corpus": "other"},
    ],
)
def test_runs_of_another_kind_do_not_count(changes: dict[str, Any]) -> None:
    assert step_time_from_runs(tiny_config(), [measured(1, 0.2, **changes)], "cpu") is None


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({}, 100 * 0.5 + 11 * 2),
        ({"evaluate_every": 10}, 100 * 0.5 + (2 + 10) * 2),
        ({"max_seconds": 20.0}, 20 + 11 * 2),
        ({"max_seconds": 900.0}, 100 * 0.5 + 11 * 2),
    ],
)
def test_a_run_is_its_steps_and_evaluations(changes: dict[str, Any], total: float) -> None:
    config = tiny_config(iterations=100, **changes)
    estimate = estimate_run(config, StepTime(0.5, 2.0, "a guess"), "cpu")
    assert estimate == RunEstimate(0.5, total, "a guess", "cpu")


@pytest.mark.usefixtures("tiny")
def test_a_trial_leaves_out_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two readings each: the evaluation takes 7 s, the steps 100, 1, 2, 3 and 4 s.
    times = iter([0, 7, 0, 100, 0, 1, 0, 2, 0, 3, 0, 4])
    clock = SimpleNamespace(perf_counter=lambda: float(next(times)))
    monkeypatch.setattr(estimates, "time", clock)
    found = measure_step_time(tiny_config())
    assert (found.step_seconds, found.evaluation_seconds) == (2.5, 7.0)


# Sweeps


def sweep_config(*sizes: int, **choices: Any) -> SweepConfig:
    values = {"repeats": 2, "budget": "iterations", "amount": 100} | choices
    return SweepConfig(base=tiny_config(), batch_sizes=sizes, **values)


def estimate(config: SweepConfig, runs: list[Run]) -> SweepEstimate:
    return estimate_sweep(config, plan(config), runs, lambda *_: None)


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
    small = 100 * 0.5 + (2 + 100 / 512) * 2.0
    large = 100 * 1.0 + (2 + 100 / 64) * 3.0
    memory = 2 * START_SECONDS + 12 * 0.5 + 12 * 1.0  # once per size, twelve steps
    total = estimate_parts(config, plan(config), times, "cpu")
    assert total == pytest.approx(2 * (small + large) + memory)
    total = estimate_parts(config, plan(config), times, "cuda:0")
    assert total == pytest.approx(2 * (small + large))
    assert estimate_parts(config, plan(config), {(FUSED, 2): times[FUSED, 2]}, "cpu") is None
    assert estimate_parts(config, [], {}, "cpu") == 0.0


def test_what_remains_of_a_running_sweep() -> None:
    """Two repeats of 100 steps of 0.5 s, each with its evaluations of 2 s."""
    times = {(FUSED, 2): StepTime(0.5, 2.0, "")}
    whole = 100 * 0.5 + (2 + 100 / 512) * 2.0

    def remaining(
        states: list[RunState | None], current: float | None, known: StepTimes = times
    ) -> float | None:
        parts = tuple(
            SweepPart(FUSED, 2, repeat, state and dataclasses.replace(plausible.RUN, state=state))
            for repeat, state in enumerate(states)
        )
        sweep = Sweep(1, sweep_config(2), 0.0, SweepState.RUNNING, parts)
        return estimate_remaining(sweep, known, "cpu", current)

    assert remaining([RunState.FINISHED, RunState.RUNNING], 7.0) == 7.0
    assert remaining([RunState.RUNNING, None], 7.0) == pytest.approx(7.0 + whole)
    assert remaining([RunState.FINISHED, RunState.RUNNING], None) == pytest.approx(whole)
    assert remaining([RunState.RUNNING, RunState.STOPPED], 7.0) == pytest.approx(7.0 + whole)
    assert remaining([RunState.RUNNING, None], 7.0, {}) is None


def test_the_smallest_middle_and_largest_size_are_tried(trials: list[int]) -> None:
    config = sweep_config(2, 4, 16, 32, 64)
    found = estimate(config, [])
    assert trials == [2, 16, 64]
    assert (found.basis, found.device) == ("trial steps", "cpu")
    step_seconds = {size: time.step_seconds for (_, size), time in found.times.items()}
    assert step_seconds == pytest.approx({2: 1.2, 4: 1.4, 16: 2.6, 32: 4.2, 64: 7.4})
    assert found.total_seconds == estimate_parts(config, plan(config), found.times, "cpu")


def test_trials_per_engine_and_beyond_the_memory(trials: list[int]) -> None:
    found = estimate(sweep_config(4, engines=("fused", "article")), [])
    assert set(found.times) == {(FUSED, 4), (Engine.ARTICLE, 4)}
    found = estimate(sweep_config(10, 100, 1000), [])
    assert found.times[FUSED, 1000].step_seconds == pytest.approx(10 * 11.0)
    found = estimate(sweep_config(600), [])
    assert (found.total_seconds, found.times) == (None, {})
    assert trials == [4, 4, 10, 100, 1000, 600]


@pytest.mark.usefixtures("tiny")
def test_sizes_of_earlier_runs_are_not_tried(store: Store, trials: list[int]) -> None:
    sweep_id = create_sweep(store, sweep_config(2, 8, repeats=1))
    claim_sweep(store, sweep_id)
    for _ in run_sweep(store, sweep_id, Event()):
        pass
    known = step_times_from_runs(sweep_config(2, 4, 8), store.runs(), "cpu")
    assert set(known) == {(FUSED, 2), (FUSED, 4), (FUSED, 8)}
    assert estimate(sweep_config(2, 4, 8), store.runs()).basis == "earlier runs"
    assert trials == []
    assert estimate(sweep_config(2, 8, 32), store.runs()).basis == "earlier runs and trial steps"
    assert trials == [32]


@pytest.mark.usefixtures("tiny")
def test_real_trials_leave_no_run(store: Store) -> None:
    assert estimate(sweep_config(2), []).total_seconds > 0
    assert store.runs() == []


def test_a_sweep_that_cannot_run() -> None:
    with pytest.raises(UserError):
        estimate(sweep_config(2), [])
    elsewhere = dataclasses.replace(sweep_config(2), base=tiny_config(device="cuda:99"))
    with pytest.raises(UserError):
        estimate(elsewhere, [])
