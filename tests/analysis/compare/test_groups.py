"""Which runs are repeats, and what figures over repeats say, by hand."""

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.compare.groups import (
    FIGURES,
    Group,
    Repeats,
    Spread,
    groups,
    ratio,
    ratio_text,
    ratios,
    speed_verdict,
    spread,
)
from s2s.analysis.run.summarize import row
from s2s.config import TrainConfig
from s2s.records import Run, RunState
from tests.plausible import RUN, some_steps

BANDS = (Repeats.RANGE, Repeats.QUARTILES)


def a_run(run_id: int, state: RunState = RunState.FINISHED, **choices: object) -> Run:
    config = TrainConfig(**choices)  # type: ignore[arg-type]
    return dataclasses.replace(RUN, id=run_id, state=state, config=config)


def ids(runs: list[Run], repeats: Repeats = Repeats.RANGE) -> list[list[int]]:
    return [[run.id for run in group.runs] for group in groups(runs, repeats)]


def test_repeats_differ_in_nothing_but_the_seed() -> None:
    runs = [
        a_run(5, seed=2),
        a_run(1),
        a_run(2, batch_size=2),
        a_run(3, seed=1),
        a_run(4, seed=1, learning_rate=0.1),
        a_run(6),
    ]
    assert ids(runs) == [[2], [1, 3, 5, 6], [4]]
    assert ids(runs, Repeats.APART) == [[2], [1], [3], [4], [5], [6]]
    elsewhere = dataclasses.replace(a_run(7, seed=7), device="cuda:0")
    assert ids([a_run(1), elsewhere]) == [[1], [7]]


def test_a_run_that_did_not_come_to_its_end_stands_alone() -> None:
    alone = (RunState.RUNNING, RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED)
    runs = [a_run(10 + i, state, seed=i) for i, state in enumerate(alone)]
    diverged = a_run(3, RunState.DIVERGED, seed=9)
    assert ids([a_run(1), diverged, *runs]) == [[1, 3], [10], [11], [12], [13]]


def test_a_groups_name() -> None:
    def label(count: int) -> str:
        return Group(tuple(a_run(i) for i in range(1, count + 1))).label

    assert label(1) == "1 · starter · batch 32"
    assert label(3) == "1, 2, 3 · starter · batch 32"
    assert label(5) == "1, 2, 3 … (5 runs) · starter · batch 32"


def test_a_spread_by_hand() -> None:
    values = [4.0, 1.0, None, 2.0, 3.0, 10.0]
    assert spread(values, Repeats.RANGE) == Spread(4.0, 1.0, 10.0)
    assert spread(values, Repeats.QUARTILES) == Spread(4.0, 2.0, 4.0)
    assert spread([None, 7.0], Repeats.RANGE) == Spread(7.0)
    assert spread([None, None], Repeats.RANGE) is None
    lost = spread([1.0, math.nan], Repeats.RANGE)
    assert lost is not None
    assert math.isnan(lost.mean)


def test_a_ratio_by_hand() -> None:
    found = ratio([20.0, 40.0], [2.0, None, 4.0], Repeats.RANGE)
    assert found == Spread(10.0, 5.0, 20.0)  # 20/4, 20/2, 40/4, 40/2
    assert ratio([20.0, 40.0], [2.0, 4.0], Repeats.QUARTILES) == Spread(10.0, 8.75, 12.5)
    assert ratio([8.0], [2.0, 4.0], Repeats.RANGE) == Spread(8 / 3, 2.0, 4.0)
    assert ratio([226.95], [21.27], Repeats.RANGE) == Spread(226.95 / 21.27)
    assert ratio([None], [2.0], Repeats.RANGE) is ratio([2.0], [None], Repeats.RANGE) is None
    assert ratio([2.0], [1.0, 0.0], Repeats.RANGE) is None


def test_ratios_in_words() -> None:
    assert ratio_text(Spread(226.95 / 21.27)) == "10.7x"
    assert ratio_text(Spread(10.0, 5.0, 20.0)) == "10x (5 to 20)"
    assert ratio_text(None) == "–"
    assert ratio_text(Spread(math.nan)) == "no number"


def test_every_figure_is_a_ratio_to_the_baseline() -> None:
    slow, fast = (row(a_run(i, batch_size=i), some_steps(20, i), [], []) for i in (1, 3))
    found = ratios([[slow], [fast]], [slow], Repeats.RANGE)
    assert found.keys() == FIGURES.keys()
    assert found["Samples/s"] == [Spread(1.0), Spread(pytest.approx(3.0))]
    assert found["Step"] == found["Iterations"] == [Spread(1.0), Spread(1.0)]
    assert found["Validation/token"] == found["Peak memory"] == [None, None]
    numbers = {
        field.name
        for field in dataclasses.fields(slow)
        if field.type in (int, float, int | None, float | None)
    }
    no_ratios = {
        "run_id",
        "batch_size",
        "step_relative_iqr",
        "warmup_steps",
        "warmup_seconds",
        "interfered_steps",
    }
    assert len(FIGURES) == len(numbers - no_ratios)


@given(
    some.lists(some.floats(0.1, 100), min_size=2, max_size=6),
    some.lists(some.floats(0.1, 100), min_size=1, max_size=6),
    some.floats(0.5, 8),
)
def test_the_unit_does_not_change_a_ratio(
    values: list[float], baseline: list[float], unit: float
) -> None:
    for repeats in BANDS:
        found = ratio(values, baseline, repeats)
        scaled = ratio(
            [unit * each for each in values], [unit * each for each in baseline], repeats
        )
        assert found is not None
        assert scaled is not None
        assert dataclasses.astuple(scaled) == pytest.approx(dataclasses.astuple(found))


@given(some.lists(some.floats(0.1, 100), min_size=2, max_size=9))
def test_the_middle_half_lies_within_the_whole(values: list[float]) -> None:
    whole, half = spread(values, Repeats.RANGE), spread(values, Repeats.QUARTILES)
    assert whole is not None
    assert half is not None
    assert (whole.low, whole.high) == (min(values), max(values))
    ends = [whole.low, half.low, half.high, whole.high]
    assert np.all(np.diff(np.array(ends, float)) >= -1e-12)


@pytest.mark.parametrize(
    ("speeds", "verdict"),
    [([200.0, 202.0, 198.0], "faster"), ([100.0, 101.0, 99.0], "same speed"), ([], "–")],
)
def test_a_verdict_on_speed(speeds: list[float], verdict: str) -> None:
    def rows(found: list[float]) -> list[Any]:
        return [SimpleNamespace(samples_per_second=each) for each in found]

    assert speed_verdict(rows(speeds), rows([100.5, 99.5, 100.0])) == verdict


def test_the_baseline_has_no_verdict_against_itself() -> None:
    same: list[Any] = [SimpleNamespace(samples_per_second=1.0)]
    assert speed_verdict(same, same) == ""


def test_repeats_of_a_sweep_are_one_group_whatever_is_kept_of_them() -> None:
    kept = a_run(1, keep_weights=True, keep_optimizer=True, measure_quality=True)
    dropped = a_run(2, seed=1, keep_weights=False)
    assert ids([kept, dropped]) == [[1, 2]]


def test_each_figure_stands_under_its_own_heading() -> None:
    named = {
        "Samples/s": "samples_per_second", "Tokens/s": "target_tokens_per_second",
        "Step": "step_seconds", "Wall time": "wall_seconds", "Loss/token": "loss_per_token",
        "Loss/sentence": "loss_per_sentence", "Validation/token": "validation_loss_per_token",
        "Peak memory": "peak_memory_bytes", "Padding": "padding_ratio",
        "Iterations": "iterations", "Samples": "samples",
    }  # fmt: skip
    told: Any = SimpleNamespace(**{name: name for name in named.values()})
    assert {heading: figure(told) for heading, figure in FIGURES.items()} == named
