"""Time to target: the least of it, its interval, and the recommended range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from s2s.analysis.advice.steps_fit import fit_steps
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import list_candidate_sizes, recommend
from s2s.errors import UserError
from tests.analysis.advice.test_steps_fit import SIZES, study

LINE = np.array([[0.032, 0.001]])
"""32 ms and 1 ms per sample."""
positive = some.floats(1e-2, 1e2)


def standings(points: list[StepsToTarget]) -> dict[int, str]:
    times = recommend(fit_steps(points), LINE)
    return {each.batch_size: each.standing.value for each in times.predictions}


def test_by_hand() -> None:
    times = recommend(fit_steps(study(spread=0.0, seeds=1)), LINE)
    # 100*(1 + 32/B) steps of 32 + B ms.
    seconds = {each.batch_size: each.seconds.value for each in times.predictions}
    assert seconds == pytest.approx({8: 20.0, 16: 14.4, 32: 12.8, 64: 14.4, 128: 20.0})
    assert times.predictions[0].relative_time.value == pytest.approx(20 / 12.8)
    assert times.predictions[1].steps == pytest.approx(300)
    assert (times.fastest_measured, times.faster_unmeasured) == (32, None)
    assert list_candidate_sizes([3, 20]) == [3, 4, 8, 16, 20]
    assert list_candidate_sizes([1, 4]) == [1, 2, 4]


@settings(max_examples=20)
@given(positive, positive, positive, some.floats(16, 64))
def test_the_least_time_is_at_the_root_of_b_half_times_b_crit(
    b_half: float, beta: float, s_min: float, b_crit: float
) -> None:
    """B_time = sqrt(B_half*B_crit) and T_min = S_min*(sqrt(alpha) + sqrt(beta*B_crit))**2.

    T / T_min <= 1 + (r + 1/r - 2)/4 with r = B / B_time.
    """
    alpha = b_half * beta
    fit = fit_steps(study(s_min=s_min, b_crit=b_crit, spread=0.0, seeds=1))
    times = recommend(fit, np.array([[alpha, beta]]))
    least = s_min * (alpha**0.5 + (beta * b_crit) ** 0.5) ** 2
    for each in times.predictions:
        r = each.batch_size / (b_half * b_crit) ** 0.5
        assert 1 - 1e-6 <= each.seconds.value / least <= 1 + (r + 1 / r - 2) / 4 + 1e-6


def test_the_interval_of_the_seconds_is_that_of_the_log_curve() -> None:
    fit = fit_steps(study(spread=0.1))
    times = recommend(fit, LINE)
    [slopes] = fit.curve.slopes([32])
    half = 1.7709 * (fit.curve.variance * slopes @ fit.curve.unscaled_covariance @ slopes) ** 0.5
    [seconds] = [each.seconds for each in times.predictions if each.batch_size == 32]
    assert np.log(np.array(seconds.ends) / 12.8) == pytest.approx([-half, half], rel=0.06)


def test_a_machine_that_varies_at_all_sizes_alike_widens_the_seconds_only() -> None:
    fit = fit_steps(study(spread=0.02))
    swings = LINE * np.exp(0.3 * np.random.default_rng(1).standard_normal((500, 1)))
    steady, swinging = recommend(fit, LINE), recommend(fit, swings)
    for one, other in zip(steady.predictions, swinging.predictions, strict=True):
        assert one.standing == other.standing
        assert other.seconds.ends[1] > 1.3 * one.seconds.ends[1]


def test_standings() -> None:
    sound = {8: "slower", 16: "slower", 32: "recommended", 64: "slower", 128: "slower"}
    assert standings(study(spread=0.05)) == sound
    assert set(standings(study(spread=1.5)).values()) == {"undecided"}
    # A run that contradicts the fit at a size.
    assert standings([*study(spread=0.02), StepsToTarget(32, 9, 900.0, False)])[32] == "undecided"
    two_points = study((8, 128), seeds=1)
    assert set(standings(two_points).values()) == {"undecided"}
    assert {each.seconds.low for each in recommend(fit_steps(two_points), LINE).predictions} == {
        None
    }
    # One degree of freedom: some draws are as far off as floats go.
    three = [StepsToTarget(8, 0, 9.0, True), StepsToTarget(8, 1, 90.0, True)]
    assert set(standings([*three, StepsToTarget(16, 0, 30.0, True)]).values()) == {"undecided"}


def test_the_largest_size_is_undecided_if_a_larger_one_may_be_much_faster() -> None:
    scaling = fit_steps(study((2, 4, 8, 16), b_crit=1e5, spread=0.01))
    times = recommend(scaling, np.array([[1.0, 0.001]]))
    assert (times.faster_unmeasured, times.range) == (64, ())
    # On a machine that is saturated at 16, larger sizes save nothing.
    assert recommend(scaling, np.array([[0.001, 1.0]])).range


def test_the_fastest_measured_size_goes_by_its_own_steps_and_full_sets_only() -> None:
    lucky = [p for p in study() if p.batch_size != 64]
    lucky += [StepsToTarget(64, seed, 100.0, True) for seed in range(3)]
    missed = StepsToTarget(64, 9, 5000.0, False)
    all_missed = [StepsToTarget(size, 9, 1.0, False) for size in SIZES]
    for more, fastest in (([], 64), ([missed], 32), (all_missed, None)):
        times = recommend(fit_steps([*lucky, *more]), LINE)
        assert times.fastest_measured == fastest


def test_step_times_below_0_are_refused_at_measured_sizes_and_skipped_beyond() -> None:
    with pytest.raises(UserError):
        recommend(fit_steps(study()), np.array([[-0.1, 0.001]]))
    # At 2 and 4 this line has no positive time, but they were not measured either.
    times = recommend(fit_steps(study()), np.array([[-0.005, 0.001]]))
    assert (times.predictions[0].batch_size, times.faster_unmeasured) == (8, None)
