"""Steps to a target loss, by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.advice.target import (
    StepsToTarget,
    seconds_to_target,
    steps_to_target,
    suggested_target,
    target_sentence,
)
from s2s.errors import UserError
from s2s.records import Evaluation
from tests.plausible import evaluation

RUN = [evaluation(0, 9.0), evaluation(10, 6.0), evaluation(1000, 4.0), evaluation(2000, 4.5)]


def test_a_crossing_lies_between_two_evaluations_in_log_steps() -> None:
    # Half way from 6 to 4 on a log scale from 10 to 1000 is 100.
    found = steps_to_target(RUN, 5.0, 32, 7)
    assert found == StepsToTarget(32, 7, pytest.approx(100.0), reached=True)
    assert found.exact


def test_the_first_crossing_counts_and_touching_is_reaching() -> None:
    there_and_back = [*RUN, evaluation(4000, 3.0)]
    assert steps_to_target(there_and_back, 4.2, 32, 0).steps < 1000
    assert steps_to_target(RUN, 4.0, 32, 0) == StepsToTarget(32, 0, 1000.0, reached=True)


def test_a_run_that_misses_the_target_is_censored_at_its_last_evaluation() -> None:
    found = steps_to_target(RUN, 3.9, 32, 0)
    assert found == StepsToTarget(32, 0, 2000.0, reached=False)
    assert not found.exact


def test_what_was_reached_by_the_first_evaluation_is_only_bounded() -> None:
    found = steps_to_target(RUN, 6.5, 32, 0)
    assert found == StepsToTarget(32, 0, 10.0, reached=True, early=True)
    assert not found.exact


def test_evaluations_without_a_finite_loss_are_left_out() -> None:
    gaps = [RUN[1], evaluation(50, None), evaluation(60, math.nan), RUN[2]]
    assert steps_to_target(gaps, 5.0, 32, 0).steps == pytest.approx(100.0)
    diverged = [*RUN[:2], evaluation(20, math.inf)]
    assert steps_to_target(diverged, 5.0, 32, 0) == StepsToTarget(32, 0, 10.0, reached=False)


@pytest.mark.parametrize("evaluations", [[], [evaluation(0, 9.0)], [evaluation(5, None)]])
def test_a_run_that_never_validated_is_refused(evaluations: list[Evaluation]) -> None:
    with pytest.raises(UserError, match=r"batch size 32 .*no validation loss"):
        steps_to_target(evaluations, 5.0, 32, 0)


def test_the_suggested_target_is_the_worst_runs_best() -> None:
    worse = [evaluation(0, 9.0), evaluation(10, 5.2), evaluation(20, 5.0), evaluation(30, 5.4)]
    assert suggested_target([RUN, worse, []]) == 5.0
    assert "5 per token" in target_sentence(5.0)
    with pytest.raises(UserError, match="No run has a validation loss"):
        suggested_target([[], [evaluation(0, 9.0)]])


@given(
    some.lists(
        some.lists(some.floats(0.1, 10), min_size=1, max_size=8).map(
            lambda losses: [evaluation(10 * i, loss) for i, loss in enumerate(losses, 1)]
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_run_reaches_the_suggested_target_and_one_no_lower(
    runs: list[list[Evaluation]],
) -> None:
    target = suggested_target(runs)

    def reached(loss: float) -> list[bool]:
        return [steps_to_target(run, loss, 1, 0).reached for run in runs]

    assert all(reached(target))
    assert not all(reached(math.nextafter(target, 0)))


@given(some.floats(3, 9), some.floats(3, 9))
def test_a_lower_target_takes_no_fewer_steps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert steps_to_target(RUN, low, 1, 0).steps >= steps_to_target(RUN, high, 1, 0).steps


@pytest.mark.parametrize(
    ("target", "seconds"),
    [(3.0, 10.0 * 2**0.5), (4.0, 10.0), (8.0, 10.0 / 3), (1.0, None), (10.0, 0.0)],
)
def test_seconds_to_a_target_by_hand(target: float, seconds: float | None) -> None:
    """Loss 10, 4, 2 after 0, 10 and 20 s; one evaluation in between was no number.

    Half of the way from 4 to 2 is half of the doubling from 10 to 20 s.
    """
    known = [
        Evaluation(0, 0.0, 10.0, ()),
        Evaluation(5, 5.0, math.nan, ()),
        Evaluation(10, 10.0, 4.0, ()),
        Evaluation(20, 20.0, 2.0, ()),
    ]
    assert seconds_to_target(known, target) == pytest.approx(seconds)
