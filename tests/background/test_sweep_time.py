import dataclasses
from threading import Event
from typing import Any

import pytest
import torch

from s2s.background import sweep_time as sweep_time_module
from s2s.background.estimates import StepTime
from s2s.background.sweep_time import (
    SweepTime,
    Times,
    seconds_left,
    seconds_of,
    sweep_time,
    times_from_runs,
)
from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.errors import UserError
from s2s.records import RunState, Sweep, SweepPart, SweepState
from s2s.runs.memory import START_SECONDS
from s2s.store import Store
from s2s.store.sweeps import claim_sweep
from s2s.sweeps.plan import create_sweep, plan
from s2s.sweeps.runner import run_sweep
from tests.plausible import RUN
from tests.tiny import tiny_config

FUSED = Engine.FUSED


def config(*sizes: int, **choices: Any) -> SweepConfig:
    values = {"repeats": 2, "budget": "iterations", "amount": 100} | choices
    return SweepConfig(base=tiny_config(), batch_sizes=sizes, **values)


def silent(doing: str, share: float | None) -> None:
    del doing, share


def asked(swept: SweepConfig, store: Store) -> SweepTime:
    return sweep_time(swept, plan(swept), store.runs(), silent)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes tried: a step takes 1 s and 0.1 s a sentence, an evaluation 2 s."""
    sizes: list[int] = []

    def trial(run: TrainConfig) -> StepTime:
        sizes.append(run.batch_size)
        if run.batch_size > 500:
            raise torch.OutOfMemoryError
        return StepTime(1 + run.batch_size / 10, 2.0, "a trial")

    monkeypatch.setattr(sweep_time_module, "step_time_from_trial", trial)
    return sizes


def test_parts_add_up() -> None:
    """100 steps each, an evaluation each 512 (size 16: 64) of them and 2 more, twice over."""
    swept = config(2, 16)
    times = {(FUSED, 2): StepTime(0.5, 2.0, ""), (FUSED, 16): StepTime(1.0, 3.0, "")}
    small = 100 * 0.5 + (2 + 100 / 512) * 2.0
    large = 100 * 1.0 + (2 + 100 / 64) * 3.0
    total = seconds_of(swept, plan(swept), times, "cpu")
    memory = 2 * START_SECONDS + 12 * 0.5 + 12 * 1.0  # once a size, of twelve steps
    assert total == pytest.approx(2 * (small + large) + memory)
    assert seconds_of(swept, plan(swept), times, "cuda:0") == pytest.approx(2 * (small + large))
    assert seconds_of(swept, plan(swept), {(FUSED, 2): times[FUSED, 2]}, "cpu") is None
    assert seconds_of(swept, [], {}, "cpu") == 0.0


def test_what_is_left_while_a_part_is_done() -> None:
    """Of two repeats of 100 steps of 0.5 s, each with its evaluations of 2 s, one is done."""
    swept = config(2)
    times = {(FUSED, 2): StepTime(0.5, 2.0, "")}
    whole = 100 * 0.5 + (2 + 100 / 512) * 2.0

    def left(
        states: list[RunState | None], here: float | None, known: Times = times
    ) -> float | None:
        parts = tuple(
            SweepPart(FUSED, 2, repeat, state and dataclasses.replace(RUN, state=state))
            for repeat, state in enumerate(states)
        )
        sweep = Sweep(1, swept, 0.0, SweepState.RUNNING, parts)
        return seconds_left(sweep, known, "cpu", here)

    assert left([RunState.FINISHED, RunState.RUNNING], 7.0) == 7.0
    assert left([RunState.RUNNING, None], 7.0) == pytest.approx(7.0 + whole)
    assert left([RunState.FINISHED, RunState.RUNNING], None) == pytest.approx(whole)
    assert left([RunState.RUNNING, RunState.STOPPED], 7.0) == pytest.approx(7.0 + whole)
    assert left([RunState.RUNNING, None], 7.0, {}) is None


def test_the_smallest_the_middle_and_the_largest_are_tried(store: Store, tried: list[int]) -> None:
    found = asked(config(2, 4, 16, 32, 64), store)
    assert tried == [2, 16, 64]
    assert found.basis == "trial steps"
    assert found.device == "cpu"
    step_seconds = {size: time.step_seconds for (_, size), time in found.times.items()}
    assert step_seconds == pytest.approx({2: 1.2, 4: 1.4, 16: 2.6, 32: 4.2, 64: 7.4})
    assert found.total_seconds == seconds_of(
        config(2, 4, 16, 32, 64), plan(config(2, 4, 16, 32, 64)), found.times, "cpu"
    )


def test_one_size_is_tried_once_for_each_engine(store: Store, tried: list[int]) -> None:
    found = asked(config(4, engines=("fused", "article")), store)
    assert tried == [4, 4]
    assert set(found.times) == {(FUSED, 4), (Engine.ARTICLE, 4)}


def test_sizes_beyond_the_memory_are_taken_in_proportion(store: Store, tried: list[int]) -> None:
    found = asked(config(10, 100, 1000), store)
    assert tried == [10, 100, 1000]
    assert found.times[FUSED, 1000].step_seconds == pytest.approx(10 * 11.0)


def test_nothing_fits(store: Store, tried: list[int]) -> None:
    found = asked(config(600), store)
    assert (found.total_seconds, found.times, found.basis) == (None, {}, "")
    assert tried == [600]


@pytest.mark.usefixtures("tiny")
def test_earlier_runs_are_not_tried_again(store: Store, tried: list[int]) -> None:
    sweep_id = create_sweep(store, config(2, 8, repeats=1))
    claim_sweep(store, sweep_id)
    for _ in run_sweep(store, sweep_id, Event()):
        pass
    known = times_from_runs(config(2, 4, 8), store.runs(), "cpu")
    assert set(known) == {(FUSED, 2), (FUSED, 4), (FUSED, 8)}
    found = asked(config(2, 4, 8), store)
    assert tried == []
    assert found.basis == "earlier runs"
    assert asked(config(2, 8, 32), store).basis == "earlier runs and trial steps"
    assert tried == [32]


@pytest.mark.usefixtures("tiny")
def test_a_real_trial_leaves_no_run(store: Store) -> None:
    said: list[str] = []
    swept = config(2)
    found = sweep_time(swept, plan(swept), [], lambda doing, _: said.append(doing))
    assert found.total_seconds > 0
    assert said == ["Trial steps: fused, batch size 2"]
    assert store.runs() == []


def test_what_cannot_run_at_all(store: Store) -> None:
    with pytest.raises(UserError, match="There is no corpus 'tiny'"):
        asked(config(2), store)
    elsewhere = dataclasses.replace(config(2), base=tiny_config(device="cuda:99"))
    with pytest.raises(UserError, match="There is no device cuda:99"):
        asked(elsewhere, store)
