"""The fit of steps to target: exact studies, open ends, excluded runs."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from s2s.analysis.advice.steps_fit import fit_steps, list_neighbor_sizes, suggest_further_sizes
from s2s.analysis.advice.target import StepsToTarget
from s2s.errors import UserError

SIZES = (8, 16, 32, 64, 128)
Bounds = tuple[float, float] | None


def study(
    sizes: Sequence[int] = SIZES,
    s_min: float = 100.0,
    b_crit: float = 32.0,
    spread: float = 0.05,
    seeds: int = 3,
) -> list[StepsToTarget]:
    """A size's seeds lie `spread` below and above the curve in log steps, and on it."""
    return [
        StepsToTarget(size, seed, s_min * (1 + b_crit / size) * np.exp(spread * (seed - 1)), True)
        for size in sizes
        for seed in range(seeds)
    ]


def test_an_exact_study_by_hand() -> None:
    # 100*(1 + 32/B) steps.
    points = [StepsToTarget(8, 0, 500.0, True), StepsToTarget(32, 0, 200.0, True)]
    fit = fit_steps([*points, StepsToTarget(128, 0, 125.0, True)])
    assert np.exp(fit.curve.log_parameters) == pytest.approx([100, 32])
    assert fit.b_crit.value == pytest.approx(32)
    assert fit.steps([16, 64]) == pytest.approx([300, 150])
    # E = B*S = S_min*B_crit + S_min*B samples, linear in the batch size.
    assert np.diff(SIZES * fit.steps(SIZES)) == pytest.approx(100 * np.diff(SIZES))
    assert fit.is_identifiable
    assert (fit.sizes, fit.curve.degrees) == ([8, 32, 128], 1)
    assert fit.expected_steps([3, 20]).tolist() == fit.steps([3, 20]).tolist()


@settings(max_examples=30)
@given(some.floats(1, 1e6), some.floats(4, 512), some.floats(1, 1e4))
def test_exact_data_recover_the_parameters(s_min: float, b_crit: float, factor: float) -> None:
    sizes = (4, 16, 64, 256, 1024)
    fit = fit_steps(study(sizes, s_min, b_crit, spread=0.0, seeds=1))
    assert np.exp(fit.curve.log_parameters) == pytest.approx([s_min, b_crit], rel=1e-5)
    scaled = fit_steps(study(sizes, factor * s_min, b_crit, spread=0.1))
    same = fit_steps(study(sizes, s_min, b_crit, spread=0.1))
    assert scaled.b_crit.high == pytest.approx(same.b_crit.high, rel=1e-4)


def test_expected_steps_follow_sizes_that_the_curve_misses() -> None:
    """Steps that fall with the root of the size, by two seeds 1% apart."""
    steps = {size: 1000 * size**-0.5 for size in (4, 16, 64, 256, 1024)}
    fit = fit_steps(
        [StepsToTarget(s, i, steps[s] * (1, 1.01)[i], True) for s in steps for i in (0, 1)]
    )
    assert (fit.curve.has_misfit, fit.curve.degrees) == (True, 3)
    assert fit.curve.variance > 0.04
    assert max(abs(fit.steps(list(steps)) / list(steps.values()) - 1)) > 0.2
    # Seeds differ by much less, so expected steps move almost all the way to the means.
    assert fit.expected_steps(list(steps)) == pytest.approx(
        [1.01**0.5 * each for each in steps.values()], rel=2e-3
    )
    # Half way between two sizes on a log scale, half of each one's offset; beyond, the last one.
    offsets = fit.curve.offsets
    moved = np.log(fit.expected_steps([32, 1, 4096]) / fit.steps([32, 1, 4096]))
    assert moved == pytest.approx([offsets[1:3].mean(), offsets[0], offsets[-1]], rel=1e-6)


def test_seeds_shrink_the_offsets_towards_the_curve() -> None:
    """Sizes 10% off the curve by turns, two seeds e**0.04 apart: F by hand.

    Within sizes 5*2*0.02**2 = 0.004 over 5 degrees; between them what the fit leaves, over 3.
    """
    sizes = (4, 16, 64, 256, 1024)
    points = [
        StepsToTarget(size, seed, 100 * (1 + 64 / size) * np.exp(off + (-0.02, 0.02)[seed]), True)
        for size, off in zip(sizes, (0.1, -0.1, 0.1, -0.1, 0.1), strict=True)
        for seed in (0, 1)
    ]
    fit = fit_steps(points)
    means = np.log([p.steps for p in points]).reshape(5, 2).mean(axis=1) - np.log(fit.steps(sizes))
    f = (2 * np.sum(means**2) / 3) / (0.004 / 5)
    assert fit.curve.offsets == pytest.approx((1 - 1 / f) * means, rel=1e-6)


def test_the_interval_is_students_from_the_covariance() -> None:
    fit = fit_steps(study(spread=0.1))
    # Residuals -0.1, 0, 0.1 at five sizes: 0.1 in squares, over 13.
    assert fit.curve.variance == pytest.approx(0.1 / 13)
    weights = np.repeat([32 / (32 + size) for size in SIZES], 3)
    factor = np.exp(1.7709 * (0.1 / 13) ** 0.5 / (15 * weights.var()) ** 0.5)
    assert fit.b_crit.ends == pytest.approx((32 / factor, 32 * factor), rel=1e-4)
    assert not fit.curve.has_misfit


@pytest.mark.parametrize(
    ("points", "low", "high", "first_further_size"),
    [
        # Perfect scaling only, or the plateau only.
        (study((2, 4, 8, 16), b_crit=1e5, spread=0.1), (16, 1e5), None, 64),
        (study((64, 128, 256, 512), b_crit=0.1, spread=0.1), None, (0.1, 64), 16),
        # The interval lies beyond all sizes: extrapolation.
        (study(b_crit=3000.0, spread=0.001), (128, 3000), None, 512),
        (study(b_crit=0.3, spread=0.001), None, (0.3, 8), 2),
        # The seeds differ more than the sizes.
        (study((16, 32, 64), spread=2.0), None, None, None),
        # Two sizes cannot check the curve; two runs give no interval.
        (study((8, 128)), (8, 32), (32, 128), None),
        (study((8, 128), seeds=1), None, None, None),
    ],
)
def test_not_identifiable(
    points: list[StepsToTarget], low: Bounds, high: Bounds, first_further_size: int | None
) -> None:
    """An end of the interval is open, or between these two numbers."""
    fit = fit_steps(points)
    assert not fit.is_identifiable
    for end, bounds in ((fit.b_crit.low, low), (fit.b_crit.high, high)):
        assert end is None if bounds is None else bounds[0] < end < bounds[1]
    if first_further_size:
        assert suggest_further_sizes(fit)[0] == first_further_size


def test_runs_without_a_crossing_are_listed_and_may_contradict_the_fit() -> None:
    exact, missed = study(), StepsToTarget(16, 9, 310.0, False)
    early = StepsToTarget(128, 9, 121.0, True, is_early=True)
    fit = fit_steps([*exact, missed, early])
    assert fit.b_crit == fit_steps(exact).b_crit
    assert (len(fit.points), len(fit.fitted_points)) == (17, 15)
    assert fit.contradicting_points == ()  # 300 steps and 125 are expected there, give or take 5%
    unlikely = (dataclasses.replace(missed, steps=400.0), dataclasses.replace(early, steps=80.0))
    assert fit_steps([*exact, missed, early, *unlikely]).contradicting_points == unlikely


def test_one_size_gives_no_fit() -> None:
    missed = [StepsToTarget(8, seed, 900.0, False) for seed in range(3)]
    early = [StepsToTarget(2, 0, 9.0, True, is_early=True)]
    for points, count in ((missed, "3 of 6"), (early, "1 of 4"), ([], "two")):
        with pytest.raises(UserError, match=count):
            fit_steps([*study((32,)), *points])


def test_the_suggested_sizes_shrink_the_interval_most() -> None:
    assert list_neighbor_sizes([8, 32]) == [2, 4, 64, 128]
    assert list_neighbor_sizes([2, 6]) == [1, 12, 24]
    assert list_neighbor_sizes([1, 6]) == [12, 24]
    points = study((8, 16, 32), b_crit=20.0, spread=0.1)
    fit = fit_steps(points)

    def variance(*more: int) -> float:
        """Return the variance of log B_crit with more runs, over the residual variance."""
        steps = fit.steps(more).tolist()
        added = [StepsToTarget(size, 9 + i, steps[i], True) for i, size in enumerate(more)]
        return float(fit_steps([*points, *added]).curve.unscaled_covariance[1, 1])

    sizes = [*fit.sizes, *list_neighbor_sizes(fit.sizes)]
    first, second, third = suggest_further_sizes(fit)
    assert first == min(sizes, key=variance)
    assert second == min(sizes, key=lambda size: variance(first, size))
    assert third == min(sizes, key=lambda size: variance(first, second, size))
    decided = suggest_further_sizes(fit, 16)
    assert (decided[0], len(decided)) == (16, 3)
    assert decided[1] == min(sizes, key=lambda size: variance(16, size))
