"""Time to the target: the least of it, its interval, and which sizes are good."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.advice.batch_law import fit_batch_law
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import (
    Standing,
    best_size,
    candidates,
    least_seconds,
    time_to_target,
)
from s2s.errors import UserError
from tests.analysis.advice.test_batch_law import SIZES, study

LINE = np.array([[0.032, 0.001]])
"""32 ms and 1 ms a sample."""
few = some.floats(1e-3, 1e3)


def standings(points: list[StepsToTarget]) -> dict[int, str]:
    times = time_to_target(fit_batch_law(points), LINE)
    return {each.batch_size: each.standing.value for each in times.predictions}


def test_by_hand() -> None:
    times = time_to_target(fit_batch_law(study(spread=0.0, seeds=1)), LINE)
    # 100*(1 + 32/B) steps of 32 + B ms.
    seconds = {each.batch_size: each.seconds.value for each in times.predictions}
    assert seconds == pytest.approx({8: 20.0, 16: 14.4, 32: 12.8, 64: 14.4, 128: 20.0})
    assert times.predictions[0].times_best.value == pytest.approx(20 / 12.8)
    assert times.predictions[1].steps == pytest.approx(300)
    assert times.b_time is not None
    assert times.t_min is not None
    assert times.b_time.value == pytest.approx(32)
    assert times.t_min.value == pytest.approx(12.8)
    assert (times.fastest_measured, times.beyond) == (32, None)
    assert [each.standing for each in times.predictions if each.batch_size != 32] == [
        Standing.SLOW
    ] * 4


@given(few, few, few, few)
def test_the_least_time_is_at_the_best_size_and_nowhere_less(
    alpha: float, beta: float, s_min: float, b_crit: float
) -> None:
    least, size = least_seconds(alpha, beta, s_min, b_crit), best_size(alpha, beta, b_crit)
    sizes = size * np.geomspace(1e-3, 1e3, 101)
    times = s_min * (1 + b_crit / sizes) * (alpha + beta * sizes)
    assert times.min() == pytest.approx(least)
    # The bound on how flat it is, of the project's notes on batch size.
    r = sizes / size
    assert (times / least <= 1 + (r + 1 / r - 2) / 4 + 1e-9).all()


def test_candidates_are_powers_of_two_and_the_measured() -> None:
    assert candidates([3, 20]) == [3, 4, 8, 16, 20]
    assert candidates([1, 4]) == [1, 2, 4]


def test_a_spread_of_all_sizes_alike_widens_the_seconds_and_not_the_range() -> None:
    """A machine 30 % slower or faster is that at every size."""
    law = fit_batch_law(study(spread=0.02))
    swings = LINE * np.exp(0.3 * np.random.default_rng(1).standard_normal((500, 1)))
    steady, swinging = time_to_target(law, LINE), time_to_target(law, swings)
    for one, other in zip(steady.predictions, swinging.predictions, strict=True):
        assert one.standing == other.standing
        assert one.seconds.high is not None
        assert other.seconds.high is not None
        assert other.seconds.high > 1.3 * one.seconds.high


def test_more_spread_decides_less() -> None:
    sound, loud = standings(study(spread=0.05)), standings(study(spread=1.5))
    assert sound == {8: "slow", 16: "slow", 32: "good", 64: "slow", 128: "slow"}
    assert set(loud.values()) == {"undecided"}


def test_the_interval_of_the_seconds_is_the_laws_at_a_size() -> None:
    law = fit_batch_law(study(spread=0.1))
    slopes = law.slopes([32])[0]
    assert law.log_covariance is not None
    half = 1.7709 * (slopes @ law.log_covariance @ slopes) ** 0.5
    seconds = next(e for e in time_to_target(law, LINE).predictions if e.batch_size == 32).seconds
    assert seconds.low is not None
    assert seconds.high is not None
    assert np.log(seconds.low / 12.8) == pytest.approx(-half, rel=0.06)
    assert np.log(seconds.high / 12.8) == pytest.approx(half, rel=0.06)


def test_the_best_size_is_as_uncertain_as_the_root_of_the_critical_one() -> None:
    law = fit_batch_law(study(spread=0.1))
    times = time_to_target(law, LINE)
    assert times.b_time is not None
    assert times.t_min is not None
    assert law.b_crit.low is not None
    assert law.b_crit.high is not None
    ends = [np.sqrt(32 * end) for end in (law.b_crit.low, law.b_crit.high)]
    assert [times.b_time.low, times.b_time.high] == pytest.approx(ends, rel=0.02)
    assert times.t_min.low is not None
    assert times.t_min.high is not None
    assert times.t_min.low < 12.8 < times.t_min.high


def test_the_largest_is_not_good_where_a_larger_one_may_be_much_better() -> None:
    scaling = fit_batch_law(study((2, 4, 8, 16), b_crit=1e5, spread=0.01))
    times = time_to_target(scaling, np.array([[1.0, 0.001]]))
    assert times.beyond == 64
    assert Standing.GOOD not in {each.standing for each in times.predictions}
    # On a machine that is busy at 16 already, larger ones save nothing.
    busy = time_to_target(scaling, np.array([[0.001, 1.0]]))
    assert Standing.GOOD in {each.standing for each in busy.predictions}


def test_a_size_that_speaks_against_the_curve_is_not_called_good() -> None:
    against = StepsToTarget(32, 9, 900.0, False)
    assert standings(study(spread=0.02))[32] == "good"
    assert standings([*study(spread=0.02), against])[32] == "undecided"


def test_the_fastest_measured_goes_by_its_own_steps_and_full_sets_only() -> None:
    lucky = [p for p in study() if p.batch_size != 64]
    lucky += [StepsToTarget(64, seed, 100.0, True) for seed in range(3)]
    assert time_to_target(fit_batch_law(lucky), LINE).fastest_measured == 64
    missed = StepsToTarget(64, 9, 5000.0, False)
    assert time_to_target(fit_batch_law([*lucky, missed]), LINE).fastest_measured == 32
    all_missed = [StepsToTarget(size, 9, 1.0, False) for size in SIZES]
    assert time_to_target(fit_batch_law([*lucky, *all_missed]), LINE).fastest_measured is None


def test_two_points_promise_nothing() -> None:
    times = time_to_target(fit_batch_law(study((8, 128), seeds=1)), LINE)
    assert {each.standing for each in times.predictions} == {Standing.UNDECIDED}
    assert {each.seconds.low for each in times.predictions} == {None}


def test_a_line_without_a_fixed_part_or_an_open_law_has_no_best_size() -> None:
    scaling = fit_batch_law(study((2, 4, 8), b_crit=1e5))
    for law, alpha in ((fit_batch_law(study()), -0.001), (scaling, 0.032)):
        times = time_to_target(law, np.array([[alpha, 0.001]]))
        assert (times.b_time, times.t_min) == (None, None)


def test_a_line_below_zero_is_refused() -> None:
    with pytest.raises(UserError, match="time the sizes again"):
        time_to_target(fit_batch_law(study()), np.array([[-0.1, 0.001]]))


def test_sizes_beyond_where_the_line_fails_are_left_out() -> None:
    """At 2 and 4 this line has no positive time, but they were not measured either."""
    times = time_to_target(fit_batch_law(study()), np.array([[-0.005, 0.001]]))
    assert times.predictions[0].batch_size == 8
    assert times.beyond is None
