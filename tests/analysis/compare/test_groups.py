"""Which runs are repeats, and means, ranges and ratios over repeats, by hand."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.compare.groups import (
    Bar,
    Group,
    Repeats,
    build_bars,
    group_repeats,
    measure_ratio,
)
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.summarize import summarize
from s2s.config import TrainConfig
from s2s.records import Run, RunState
from tests.plausible import RUN, some_steps, steps


def a_run(run_id: int, state: RunState = RunState.FINISHED, **choices: object) -> Run:
    config = TrainConfig(**choices)
    return dataclasses.replace(RUN, id=run_id, state=state, config=config)


def grouped_ids(runs: list[Run], repeats: Repeats = Repeats.RANGE) -> list[list[int]]:
    return [[run.id for run in group.runs] for group in group_repeats(runs, repeats)]


def test_repeats_are_complete_runs_that_differ_only_in_the_seed_and_in_what_a_sweep_keeps() -> None:
    runs = [
        a_run(5, seed=2),
        a_run(1, keep_weights=True, keep_optimizer=True, measure_quality=True),
        a_run(2, batch_size=2),
        a_run(3, RunState.DIVERGED, seed=1, keep_weights=False),
        a_run(4, seed=1, learning_rate=0.1),
        dataclasses.replace(a_run(7, seed=7), device="cuda:0"),
    ]
    assert grouped_ids(runs) == [[2], [1, 3, 5], [4], [7]]
    assert grouped_ids(runs, Repeats.SEPARATE) == [[2], [1], [3], [4], [5], [7]]
    states = (RunState.RUNNING, RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED)
    incomplete = [a_run(10 + i, state, seed=i) for i, state in enumerate(states)]
    assert grouped_ids([a_run(1), *incomplete]) == [[1], [10], [11], [12], [13]]


def test_a_groups_label() -> None:
    for count, ids in ((1, "1"), (3, "1, 2, 3"), (5, "1, 2, 3 … (5 runs)")):
        group = Group(tuple(a_run(i) for i in range(1, count + 1)))
        assert group.label == f"{ids} · starter · batch 32"


def test_a_mean_by_hand() -> None:
    values = [4.0, 1.0, None, 2.0, 3.0, 10.0]
    assert measure_ratio(values, [1.0], Repeats.RANGE) == Estimate(4.0, 1.0, 10.0)
    assert measure_ratio(values, [1.0], Repeats.QUARTILES) == Estimate(4.0, 2.0, 4.0)
    assert measure_ratio([None, 7.0], [1.0], Repeats.RANGE) == Estimate(7.0)
    assert measure_ratio([None, None], [1.0], Repeats.RANGE) is None
    assert math.isnan(measure_ratio([1.0, math.nan], [1.0], Repeats.RANGE).value)


def test_a_ratio_by_hand() -> None:
    values, baseline = [20.0, 40.0], [2.0, None, 4.0]  # 20/4, 20/2, 40/4, 40/2
    assert measure_ratio(values, baseline, Repeats.RANGE) == Estimate(10.0, 5.0, 20.0)
    assert measure_ratio(values, baseline, Repeats.QUARTILES) == Estimate(10.0, 8.75, 12.5)
    assert measure_ratio([226.95], [21.27], Repeats.RANGE) == Estimate(226.95 / 21.27)
    for values, baseline in (([None], [2.0]), ([2.0], [None]), ([2.0], [1.0, 0.0])):
        assert measure_ratio(values, baseline, Repeats.RANGE) is None


def test_bars_by_hand() -> None:
    slow, fast = (summarize(RUN, some_steps(20, size), [], []) for size in (30, 34))
    group, alone = Group((a_run(4), a_run(6))), Group((RUN,))
    compared = [(group, [slow, fast]), (alone, [summarize(RUN, steps(), [], [])])]
    known, unknown = build_bars(compared, Repeats.RANGE, lambda each: each.samples_per_second)
    assert known == Bar(group, Estimate(*map(pytest.approx, (320.0, 300.0, 340.0))))
    assert unknown == Bar(alone, None)
    assert known.mean == pytest.approx(320.0)
    assert unknown.mean is None


@given(some.lists(some.floats(0.1, 100), min_size=2, max_size=6), some.floats(0.5, 8))
def test_units_cancel_and_quartiles_lie_in_the_range(values: list[float], unit: float) -> None:
    kinds = Repeats.RANGE, Repeats.QUARTILES
    for repeats in kinds:
        found = measure_ratio(values, values[1:], repeats)
        scaled = measure_ratio([unit * x for x in values], [unit * x for x in values[1:]], repeats)
        assert dataclasses.astuple(scaled) == pytest.approx(dataclasses.astuple(found))
    whole, half = (measure_ratio(values, [1.0], each) for each in kinds)
    assert (whole.low, whole.high) == (min(values), max(values))
    assert np.all(np.diff([whole.low, half.low, half.high, whole.high]) >= -1e-12)
