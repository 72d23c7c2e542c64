"""Steps and seconds to a target loss, by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.advice.target import (
    StepsToTarget,
    find_all_steps_to_target,
    find_seconds_to_target,
    find_steps_to_target,
    suggest_target,
)
from s2s.analysis.sweep.runs import finished_runs
from s2s.config import Engine
from s2s.errors import UserError
from s2s.records import Evaluation
from tests import studies
from tests.plausible import evaluation

RUN = [evaluation(0, 9.0), evaluation(10, 6.0), evaluation(1000, 4.0), evaluation(2000, 4.5)]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        # Half way from 6 to 4 on a log scale from 10 to 1000 is 100.
        (5.0, StepsToTarget(32, 7, pytest.approx(100.0), reached=True)),
        (4.0, StepsToTarget(32, 7, 1000.0, reached=True)),
        # Missed: a lower bound. Reached by the first evaluation: an upper bound.
        (3.9, StepsToTarget(32, 7, 2000.0, reached=False)),
        (6.5, StepsToTarget(32, 7, 10.0, reached=True, early=True)),
    ],
)
def test_a_crossing_is_interpolated_in_log_steps(target: float, expected: StepsToTarget) -> None:
    assert find_steps_to_target(RUN, target, 32, 7) == expected
    assert expected.exact == (target in (4.0, 5.0))


def test_the_first_crossing_counts() -> None:
    twice = [*RUN, evaluation(4000, 3.0)]
    assert find_steps_to_target(twice, 4.2, 32, 0).steps < 1000


def test_evaluations_without_a_finite_loss_are_skipped() -> None:
    gaps = [RUN[1], evaluation(50, None), evaluation(60, math.nan), RUN[2]]
    assert find_steps_to_target(gaps, 5.0, 32, 0).steps == pytest.approx(100.0)
    diverged = [*RUN[:2], evaluation(20, math.inf)]
    assert find_steps_to_target(diverged, 5.0, 32, 0) == StepsToTarget(32, 0, 10.0, reached=False)


@pytest.mark.parametrize("evaluations", [[], [evaluation(0, 9.0)], [evaluation(5, None)]])
def test_a_run_that_never_validated_is_refused(evaluations: list[Evaluation]) -> None:
    with pytest.raises(UserError, match="batch size 32"):
        find_steps_to_target(evaluations, 5.0, 32, 0)


def test_of_several_runs_those_never_validated_are_skipped() -> None:
    study = studies.sweep()
    evaluations, runs = studies.all_evaluations(study), finished_runs(study, Engine.FUSED)
    evaluations[runs[0].id] = []
    points = find_all_steps_to_target(runs, evaluations, 3.0)
    assert len(points) == len(runs) - 1
    # 100 * (1 + 32 / 2), by the second seed
    assert (points[0].batch_size, points[0].seed, points[0].steps) == (2, 1, 1700)


def test_the_suggested_target_is_the_worst_runs_best() -> None:
    worse = [evaluation(0, 9.0), evaluation(10, 5.2), evaluation(20, 5.0), evaluation(30, 5.4)]
    assert suggest_target([RUN, worse, []]) == 5.0
    with pytest.raises(UserError):
        suggest_target([[], [evaluation(0, 9.0)]])


@given(
    some.lists(
        some.lists(some.floats(0.1, 10), min_size=1, max_size=8).map(
            lambda losses: [evaluation(10 * i, loss) for i, loss in enumerate(losses, 1)]
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_run_reaches_the_suggested_target_and_none_lower(
    runs: list[list[Evaluation]],
) -> None:
    target = suggest_target(runs)

    def reached(loss: float) -> list[bool]:
        return [find_steps_to_target(run, loss, 1, 0).reached for run in runs]

    assert all(reached(target))
    assert not all(reached(math.nextafter(target, 0)))


@given(some.floats(3, 9), some.floats(3, 9))
def test_a_lower_target_takes_no_fewer_steps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    steps = [find_steps_to_target(RUN, target, 1, 0).steps for target in (low, high)]
    assert steps[0] >= steps[1]


@pytest.mark.parametrize(
    ("target", "seconds"),
    [(3.0, 10.0 * 2**0.5), (4.0, 10.0), (8.0, 10.0 / 3), (1.0, None), (10.0, 0.0)],
)
def test_seconds_to_target_by_hand(target: float, seconds: float | None) -> None:
    """Loss 10, 4, 2 after 0, 10 and 20 s; one evaluation between them is NaN.

    Half of the way from 4 to 2 is half of the doubling from 10 to 20 s.
    """
    evaluations = [
        Evaluation(0, 0.0, 10.0, ()),
        Evaluation(5, 5.0, math.nan, ()),
        Evaluation(10, 10.0, 4.0, ()),
        Evaluation(20, 20.0, 2.0, ()),
    ]
    assert find_seconds_to_target(evaluations, target) == pytest.approx(seconds)
