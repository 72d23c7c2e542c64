"""The law of batch size: exact studies, open ends, runs left out."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.advice.batch_law import (
    BatchLaw,
    OpenEnd,
    fit_batch_law,
    most_helpful_sizes,
    sizes_beyond,
)
from s2s.analysis.advice.target import StepsToTarget
from s2s.errors import UserError

SIZES = (8, 16, 32, 64, 128)


def study(
    sizes: Sequence[int] = SIZES,
    s_min: float = 100.0,
    b_crit: float = 32.0,
    spread: float = 0.05,
    seeds: int = 3,
) -> list[StepsToTarget]:
    """By the law; a size's seeds lie `spread` below and above it in log steps, one upon it."""
    return [
        StepsToTarget(size, seed, s_min * (1 + b_crit / size) * np.exp(spread * (seed - 1)), True)
        for size in sizes
        for seed in range(seeds)
    ]


def test_an_exact_study_by_hand() -> None:
    # 100*(1 + 32/B) steps.
    points = [StepsToTarget(8, 0, 500.0, True), StepsToTarget(32, 0, 200.0, True)]
    law = fit_batch_law([*points, StepsToTarget(128, 0, 125.0, True)])
    assert law.s_min.value == pytest.approx(100)
    assert law.b_crit.value == pytest.approx(32)
    assert law.e_min.value == pytest.approx(3200)
    assert law.steps([16, 64]) == pytest.approx([300, 150])
    assert law.identifiable
    assert (law.open_end, law.sizes, law.degrees) == (OpenEnd.NONE, [8, 32, 128], 1)


def test_what_is_expected_follows_sizes_that_the_law_misses() -> None:
    """Steps that fall with the root of the size, told by two seeds 1 % apart."""
    steps = {size: 1000 * size**-0.5 for size in (4, 16, 64, 256, 1024)}
    law = fit_batch_law(
        [StepsToTarget(s, i, steps[s] * (1, 1.01)[i], True) for s in steps for i in (0, 1)]
    )
    assert law.misfit
    assert max(abs(law.steps(list(steps)) / list(steps.values()) - 1)) > 0.2
    # A seed tells little beside that, so hardly anything is left of the distance to the means.
    assert law.expected_steps(list(steps)) == pytest.approx(
        [1.01**0.5 * each for each in steps.values()], rel=2e-3
    )
    # Half way between two sizes, on a log scale, half of each one's offset.
    assert np.log(law.expected_steps([32]) / law.steps([32])) == pytest.approx(
        law.offsets[1:3].mean(), rel=1e-9
    )
    ends = np.log(law.expected_steps([1, 4096]) / law.steps([1, 4096]))
    assert ends == pytest.approx(law.offsets[[0, -1]])


def test_seeds_draw_the_offsets_towards_the_law() -> None:
    """Sizes 10 % off the law by turns, two seeds e**0.04 apart: F by hand.

    Within sizes 5*2*0.02**2 = 0.004 over 5 degrees; between them what the fit leaves, over 3.
    """
    sizes = (4, 16, 64, 256, 1024)
    points = [
        StepsToTarget(size, seed, 100 * (1 + 64 / size) * np.exp(off + (-0.02, 0.02)[seed]), True)
        for size, off in zip(sizes, (0.1, -0.1, 0.1, -0.1, 0.1), strict=True)
        for seed in (0, 1)
    ]
    law = fit_batch_law(points)
    means = np.log([p.steps for p in points]).reshape(5, 2).mean(axis=1) - np.log(law.steps(sizes))
    f = (2 * np.sum(means**2) / 3) / (0.004 / 5)
    assert law.offsets == pytest.approx((1 - 1 / f) * means, rel=1e-6)


def test_without_misfit_the_law_is_what_is_expected() -> None:
    law = fit_batch_law(study())
    assert law.expected_steps([3, 8, 20, 999]).tolist() == law.steps([3, 8, 20, 999]).tolist()


@given(some.floats(1, 1e6), some.floats(4, 512), some.floats(1, 1e4))
def test_exact_data_recover_the_parameters(s_min: float, b_crit: float, factor: float) -> None:
    sizes = (4, 16, 64, 256, 1024)
    law = fit_batch_law(study(sizes, s_min, b_crit, spread=0.0, seeds=1))
    assert law.s_min.value == pytest.approx(s_min, rel=1e-5)
    assert law.b_crit.value == pytest.approx(b_crit, rel=1e-5)
    scaled = fit_batch_law(study(sizes, factor * s_min, b_crit, spread=0.1))
    same = fit_batch_law(study(sizes, s_min, b_crit, spread=0.1))
    assert scaled.b_crit.high == pytest.approx(same.b_crit.high, rel=1e-4)


def test_the_interval_is_students_from_the_covariance() -> None:
    law = fit_batch_law(study(spread=0.1))
    # Residuals -0.1, 0, 0.1 at five sizes: 0.1 in squares, over 13.
    assert law.deviation == pytest.approx((0.1 / 13) ** 0.5)
    weights = np.repeat([32 / (32 + size) for size in SIZES], 3)
    error = (0.1 / 13) ** 0.5 / (15 * weights.var()) ** 0.5
    assert law.b_crit.low == pytest.approx(32 * np.exp(-1.7709 * error), rel=1e-4)
    assert law.b_crit.high == pytest.approx(32 * np.exp(1.7709 * error), rel=1e-4)
    assert not law.misfit


def test_sizes_that_miss_the_curve_widen_the_interval() -> None:
    points = [
        dataclasses.replace(point, steps=point.steps * {16: 1.3, 64: 0.77}.get(point.batch_size, 1))
        for point in study(spread=0.01)
    ]
    law = fit_batch_law(points)
    assert law.misfit
    assert law.degrees == 3
    assert law.deviation is not None
    assert law.deviation > 0.2


def ends(law: BatchLaw) -> tuple[bool, bool]:
    return law.b_crit.low is None, law.b_crit.high is None


def test_only_perfect_scaling_leaves_the_upper_end_open() -> None:
    law = fit_batch_law(study((2, 4, 8, 16), b_crit=1e5, spread=0.1))
    assert (law.open_end, law.identifiable, ends(law)) == (OpenEnd.HIGH, False, (False, True))
    assert law.b_crit.low is not None
    assert 16 < law.b_crit.low < 1e5
    assert law.s_min.low is None
    assert law.e_min.low == pytest.approx(1e7, rel=0.2)
    assert most_helpful_sizes(law)[0] == 64


def test_only_the_plateau_leaves_the_lower_end_open() -> None:
    law = fit_batch_law(study((64, 128, 256, 512), b_crit=0.1, spread=0.1))
    assert (law.open_end, law.identifiable, ends(law)) == (OpenEnd.LOW, False, (True, False))
    assert law.b_crit.high is not None
    assert 0.1 < law.b_crit.high < 64
    assert law.e_min.low is None
    assert law.s_min.low == pytest.approx(100, rel=0.2)
    assert most_helpful_sizes(law)[0] == 16


@pytest.mark.parametrize(("b_crit", "end"), [(3000.0, OpenEnd.HIGH), (0.3, OpenEnd.LOW)])
def test_an_interval_beyond_all_sizes_is_extrapolation(b_crit: float, end: OpenEnd) -> None:
    law = fit_batch_law(study(b_crit=b_crit, spread=0.001))
    assert (law.open_end, law.identifiable) == (end, False)
    assert law.b_crit.value == pytest.approx(b_crit, rel=0.05)


def test_a_bend_drowned_in_spread_is_open_on_both_sides() -> None:
    law = fit_batch_law(study((16, 32, 64), spread=2.0))
    assert (law.open_end, law.identifiable, ends(law)) == (OpenEnd.BOTH, False, (True, True))


def test_two_sizes_cannot_check_the_curve() -> None:
    law = fit_batch_law(study((8, 128)))
    assert law.open_end is OpenEnd.NONE
    assert law.b_crit.low is not None
    assert not law.identifiable


def test_two_points_give_no_interval() -> None:
    law = fit_batch_law(study((8, 128), seeds=1))
    assert (law.deviation, law.log_covariance, ends(law)) == (None, None, (True, True))
    assert not law.identifiable


def test_runs_without_a_crossing_are_kept_but_not_fitted() -> None:
    whole, missed = study(), StepsToTarget(16, 9, 310.0, False)
    early = StepsToTarget(128, 9, 121.0, True, early=True)
    law = fit_batch_law([*whole, missed, early])
    assert law.b_crit == fit_batch_law(whole).b_crit
    assert len(law.points) == 17
    assert len(law.fitted) == 15
    assert law.contradicting == ()  # 300 steps and 125 are expected there, give or take 5 %


@pytest.mark.parametrize(
    "against",
    [StepsToTarget(16, 9, 400.0, False), StepsToTarget(128, 9, 80.0, True, early=True)],
)
def test_a_run_without_a_crossing_can_speak_against_the_fit(against: StepsToTarget) -> None:
    assert fit_batch_law([*study(), against]).contradicting == (against,)


def test_one_size_is_no_law() -> None:
    missed = [StepsToTarget(8, seed, 900.0, False) for seed in range(3)]
    with pytest.raises(UserError, match="two batch sizes or more"):
        fit_batch_law([*study((32,)), *missed])


@pytest.mark.parametrize(
    ("points", "way"),
    [
        ([StepsToTarget(8, 0, 9.0, False)], "1 of 4 missed it: train longer, or choose a higher"),
        (
            [StepsToTarget(8, 0, 9.0, False), StepsToTarget(2, 0, 9.0, True, early=True)],
            "missed it: train longer, or choose a higher target; 1 of 5 had it by their first "
            "evaluation: evaluate more often, or choose a lower target",
        ),
        ([], "sweep more batch sizes"),
    ],
)
def test_what_would_make_it_a_law(points: list[StepsToTarget], way: str) -> None:
    with pytest.raises(UserError, match=way):
        fit_batch_law([*study((32,)), *points])


def test_sizes_for_a_further_run() -> None:
    assert sizes_beyond([8, 32]) == [2, 4, 64, 128]
    assert sizes_beyond([2, 6]) == [1, 12, 24]
    assert sizes_beyond([1, 6]) == [12, 24]


def test_the_most_helpful_size_shrinks_the_interval_most() -> None:
    points = study((8, 16, 32), b_crit=20.0, spread=0.1)
    law = fit_batch_law(points)

    def width(*more: int) -> float:
        """Of log B_crit, with runs on the curve in place of more degrees of freedom."""
        made = [
            StepsToTarget(size, 9 + i, float(law.steps([size])[0]), True)
            for i, size in enumerate(more)
        ]
        found = fit_batch_law([*points, *made])
        assert found.log_covariance is not None
        assert found.deviation is not None
        return float(found.log_covariance[1, 1]) / found.deviation**2

    sizes = [*law.sizes, *sizes_beyond(law.sizes)]
    first, second, third = most_helpful_sizes(law)
    assert first == min(sizes, key=width)
    assert second == min(sizes, key=lambda size: width(first, size))
    assert third == min(sizes, key=lambda size: width(first, second, size))
    assert len({first, second, third}) == 2
    other, *_ = rest = most_helpful_sizes(law, 16)
    assert (other, len(rest)) == (16, 3)
    assert rest[1] == min(sizes, key=lambda size: width(16, size))
