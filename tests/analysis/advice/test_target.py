"""Steps and seconds to a target loss, by hand."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.advice.target import (
    StepsToTarget,
    find_seconds_to_target,
    find_steps_to_target,
    suggest_target,
)
from s2s.errors import UserError
from s2s.records import Evaluation
from tests import studies
from tests.plausible import evaluation

RUN = studies.run(32, 1)
FALLING = [evaluation(0, 9.0), evaluation(10, 6.0), evaluation(1000, 4.0), evaluation(2000, 4.5)]


def steps_to(target: float, evaluations: Sequence[Evaluation] = FALLING) -> StepsToTarget:
    [point] = find_steps_to_target([RUN], {RUN.id: evaluations}, target)
    assert (point.batch_size, point.seed) == (32, 1)
    return point


def test_a_crossing_is_interpolated_in_log_steps() -> None:
    # Half way from 6 to 4 on a log scale from 10 to 1000 is 100.
    assert steps_to(5.0) == StepsToTarget(32, 1, pytest.approx(100.0), reached=True)
    assert steps_to(4.0) == StepsToTarget(32, 1, 1000.0, reached=True)
    # Missed: a lower bound. Reached by the first evaluation: an upper bound.
    assert steps_to(3.9) == StepsToTarget(32, 1, 2000.0, reached=False)
    assert steps_to(6.5) == StepsToTarget(32, 1, 10.0, reached=True, is_early=True)
    assert [steps_to(loss).is_exact for loss in (5.0, 4.0, 3.9, 6.5)] == [True, True, False, False]
    # The first crossing counts, although the loss rises again.
    assert steps_to(4.2, [*FALLING, evaluation(4000, 3.0)]).steps < 1000


def test_evaluations_without_a_finite_loss_are_skipped_and_so_are_runs_without_any() -> None:
    gaps = [FALLING[1], evaluation(50, None), evaluation(60, math.nan), FALLING[2]]
    assert steps_to(5.0, gaps).steps == pytest.approx(100.0)
    diverged = [*FALLING[:2], evaluation(20, math.inf)]
    assert steps_to(5.0, diverged) == StepsToTarget(32, 1, 10.0, reached=False)
    for evaluations in ([], [evaluation(0, 9.0)], [evaluation(5, None)]):
        assert find_steps_to_target([RUN], {RUN.id: evaluations}, 5.0) == []


def test_seconds_to_target_by_hand() -> None:
    """Loss 10, 4, 2 after 0, 10 and 20 s; one evaluation between them is NaN."""
    losses = ((0.0, 10.0), (5.0, math.nan), (10.0, 4.0), (20.0, 2.0))
    evaluations = [Evaluation(round(at), at, loss, ()) for at, loss in losses]
    # Half of the way from 4 to 2 is half of the doubling from 10 to 20 s; from 0 it is linear.
    expected = {3.0: 10.0 * 2**0.5, 4.0: 10.0, 8.0: 10.0 / 3, 1.0: None, 10.0: 0.0}
    for target, seconds in expected.items():
        assert find_seconds_to_target(evaluations, target) == pytest.approx(seconds)


def test_the_suggested_target_is_the_highest_of_the_lowest_losses() -> None:
    worse = [evaluation(0, 9.0), evaluation(10, 5.2), evaluation(20, 5.0), evaluation(30, 5.4)]
    assert suggest_target([FALLING, worse, []]) == 5.0
    with pytest.raises(UserError):
        suggest_target([[], [evaluation(0, 9.0)]])


@given(some.lists(some.lists(some.floats(0.1, 10), min_size=1, max_size=8), min_size=1))
def test_every_run_reaches_the_suggested_target_and_none_lower(runs: list[list[float]]) -> None:
    evaluated = [[evaluation(10 * i, each) for i, each in enumerate(run, 1)] for run in runs]
    target = suggest_target(evaluated)
    assert all(steps_to(target, run).reached for run in evaluated)
    assert not all(steps_to(math.nextafter(target, 0), run).reached for run in evaluated)


@given(some.floats(3, 9), some.floats(3, 9))
def test_a_lower_target_takes_no_fewer_steps(one: float, other: float) -> None:
    assert steps_to(min(one, other)).steps >= steps_to(max(one, other)).steps
