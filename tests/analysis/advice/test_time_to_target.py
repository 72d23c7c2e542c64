"""Time to target: the least of it, its interval, and the recommended range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.advice.steps_fit import fit_steps
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import (
    Standing,
    best_batch_size,
    candidate_sizes,
    least_seconds,
    predict_time_to_target,
)
from s2s.errors import UserError
from tests.analysis.advice.test_steps_fit import SIZES, study

LINE = np.array([[0.032, 0.001]])
"""32 ms and 1 ms per sample."""
positive = some.floats(1e-3, 1e3)


def standings(points: list[StepsToTarget]) -> dict[int, str]:
    times = predict_time_to_target(fit_steps(points), LINE)
    return {each.batch_size: each.standing.value for each in times.predictions}


def test_by_hand() -> None:
    times = predict_time_to_target(fit_steps(study(spread=0.0, seeds=1)), LINE)
    # 100*(1 + 32/B) steps of 32 + B ms.
    seconds = {each.batch_size: each.seconds.value for each in times.predictions}
    assert seconds == pytest.approx({8: 20.0, 16: 14.4, 32: 12.8, 64: 14.4, 128: 20.0})
    assert times.predictions[0].relative_time.value == pytest.approx(20 / 12.8)
    assert times.predictions[1].steps == pytest.approx(300)
    assert times.b_time is not None
    assert times.t_min is not None
    assert (times.b_time.value, times.t_min.value) == pytest.approx((32, 12.8))
    assert (times.fastest_measured, times.faster_unmeasured) == (32, None)
    assert [each.standing for each in times.predictions if each.batch_size != 32] == [
        Standing.SLOWER
    ] * 4


@given(positive, positive, positive, positive)
def test_no_size_is_faster_than_the_best_one(
    alpha: float, beta: float, s_min: float, b_crit: float
) -> None:
    least = least_seconds(alpha, beta, s_min, b_crit)
    size = best_batch_size(alpha, beta, b_crit)
    sizes = size * np.geomspace(1e-3, 1e3, 101)
    times = s_min * (1 + b_crit / sizes) * (alpha + beta * sizes)
    assert times.min() == pytest.approx(least)
    # T / T_min <= 1 + (r + 1/r - 2)/4 with r = B / B_time (derived).
    r = sizes / size
    assert (times / least <= 1 + (r + 1 / r - 2) / 4 + 1e-9).all()


def test_candidates_are_powers_of_two_and_the_measured_sizes() -> None:
    assert candidate_sizes([3, 20]) == [3, 4, 8, 16, 20]
    assert candidate_sizes([1, 4]) == [1, 2, 4]


def test_a_machine_that_varies_at_all_sizes_alike_widens_the_seconds_only() -> None:
    fit = fit_steps(study(spread=0.02))
    swings = LINE * np.exp(0.3 * np.random.default_rng(1).standard_normal((500, 1)))
    steady, swinging = predict_time_to_target(fit, LINE), predict_time_to_target(fit, swings)
    for one, other in zip(steady.predictions, swinging.predictions, strict=True):
        assert one.standing == other.standing
        assert other.seconds.ends[1] > 1.3 * one.seconds.ends[1]


def test_more_spread_decides_less() -> None:
    sound, loud = standings(study(spread=0.05)), standings(study(spread=1.5))
    assert sound == {8: "slower", 16: "slower", 32: "recommended", 64: "slower", 128: "slower"}
    assert set(loud.values()) == {"undecided"}


def test_intervals_come_from_the_fit() -> None:
    """Of the seconds at 32, its log curve's; of B_time, the root of B_crit's."""
    fit = fit_steps(study(spread=0.1))
    times = predict_time_to_target(fit, LINE)
    slopes = fit.slopes([32])[0]
    assert fit.log_covariance is not None
    half = 1.7709 * (slopes @ fit.log_covariance @ slopes) ** 0.5
    seconds = next(each for each in times.predictions if each.batch_size == 32).seconds
    assert np.log(np.array(seconds.ends) / 12.8) == pytest.approx([-half, half], rel=0.06)
    assert times.b_time is not None
    assert times.t_min is not None
    assert times.b_time.ends == pytest.approx([(32 * e) ** 0.5 for e in fit.b_crit.ends], rel=0.02)
    assert times.t_min.ends[0] < 12.8 < times.t_min.ends[1]


def test_the_largest_size_is_undecided_if_a_larger_one_may_be_much_faster() -> None:
    scaling = fit_steps(study((2, 4, 8, 16), b_crit=1e5, spread=0.01))
    times = predict_time_to_target(scaling, np.array([[1.0, 0.001]]))
    assert times.faster_unmeasured == 64
    assert Standing.RECOMMENDED not in {each.standing for each in times.predictions}
    # On a machine that is saturated at 16, larger sizes save nothing.
    saturated = predict_time_to_target(scaling, np.array([[0.001, 1.0]]))
    assert Standing.RECOMMENDED in {each.standing for each in saturated.predictions}


def test_a_size_with_a_contradicting_run_is_not_recommended() -> None:
    against = StepsToTarget(32, 9, 900.0, False)
    assert standings(study(spread=0.02))[32] == "recommended"
    assert standings([*study(spread=0.02), against])[32] == "undecided"


def test_the_fastest_measured_size_goes_by_its_own_steps_and_full_sets_only() -> None:
    lucky = [p for p in study() if p.batch_size != 64]
    lucky += [StepsToTarget(64, seed, 100.0, True) for seed in range(3)]
    missed = StepsToTarget(64, 9, 5000.0, False)
    all_missed = [StepsToTarget(size, 9, 1.0, False) for size in SIZES]
    for more, fastest in (([], 64), ([missed], 32), (all_missed, None)):
        times = predict_time_to_target(fit_steps([*lucky, *more]), LINE)
        assert times.fastest_measured == fastest


def test_two_points_decide_nothing() -> None:
    times = predict_time_to_target(fit_steps(study((8, 128), seeds=1)), LINE)
    assert {each.standing for each in times.predictions} == {Standing.UNDECIDED}
    assert {each.seconds.low for each in times.predictions} == {None}


def test_no_best_size_without_fixed_time_or_critical_size() -> None:
    scaling = fit_steps(study((2, 4, 8), b_crit=1e5))
    for fit, alpha in ((fit_steps(study()), -0.001), (scaling, 0.032)):
        times = predict_time_to_target(fit, np.array([[alpha, 0.001]]))
        assert (times.b_time, times.t_min) == (None, None)


def test_step_times_below_0_are_refused_at_measured_sizes_and_skipped_beyond() -> None:
    with pytest.raises(UserError):
        predict_time_to_target(fit_steps(study()), np.array([[-0.1, 0.001]]))
    # At 2 and 4 this line has no positive time, but they were not measured either.
    times = predict_time_to_target(fit_steps(study()), np.array([[-0.005, 0.001]]))
    assert (times.predictions[0].batch_size, times.faster_unmeasured) == (8, None)
