"""The fit of a step's time: by hand, exactly, and recovered from noise."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.estimate import Estimate
from s2s.analysis.sweep import throughput
from s2s.analysis.sweep.runs import SizeMedian, list_finished_runs
from s2s.analysis.sweep.throughput import ThroughputCaveat, Unit, fit_throughput
from s2s.config import Engine
from s2s.records import RunState
from tests import studies

SIZES = (2, 8, 32, 128, 512)
ARTICLE = {2: [94 / 1000], 32: [141 / 1000]}
"""Seconds over iterations."""


def exact(alpha: float, beta: float, sizes: Sequence[int] = SIZES) -> dict[int, list[float]]:
    return {size: [alpha + beta * size] * 5 for size in sizes}


def noisy(
    seed: int, blocks: int, alpha: float = 0.1, beta: float = 0.002, slow: str = "one"
) -> dict[int, list[float]]:
    """10% log-normal noise; half speed in one block of one size, or of every size."""
    random = np.random.default_rng(seed)
    factors = np.exp(0.1 * random.standard_normal((len(SIZES), blocks)))
    sizes = slice(None) if slow == "every" else random.integers(len(SIZES))
    factors[sizes, random.integers(blocks)] *= 2
    times = (alpha + beta * np.array(SIZES))[:, None] * factors
    return dict(zip(SIZES, times.tolist(), strict=True))


def test_the_articles_two_points_give_a_fit_and_no_interval() -> None:
    fit = fit_throughput(ARTICLE)
    assert fit.alpha_seconds == Estimate(pytest.approx(0.0909, abs=5e-5))
    assert fit.beta_seconds == Estimate(pytest.approx(0.00157, abs=5e-6))
    assert fit.ceiling_per_second == Estimate(pytest.approx(638, abs=0.5))
    assert fit.knee == Estimate(pytest.approx(522, abs=1))
    assert fit.is_knee_extrapolated
    assert fit.draws is fit.smallest_at_knee is None
    assert fit.caveats == (ThroughputCaveat.TWO_SIZES,)
    repeated = fit_throughput({2: [0.1, 0.11, 0.12] * 3, 8: [0.2, 0.21, 0.22] * 3})
    assert repeated.alpha_seconds == Estimate(pytest.approx(0.11 - 2 * 0.1 / 6))


def test_medians_and_relative_residuals_by_hand() -> None:
    # Medians 1, 2 and 2 at sizes 1, 2 and 3.
    fit = fit_throughput({1: [1.0], 2: [2.0, 2.0], 3: [2.0, 9.0, 1.0]})
    assert fit.batch_sizes == (1, 2, 3)
    # Normal equations of the residuals a + b - 1, (a + 2b)/2 - 1, (a + 3b)/2 - 1:
    # 1.5 a + 2.25 b = 2 and 2.25 a + 4.25 b = 3.5, hence b = 0.75 / 1.3125 = 4/7.
    assert fit.beta_seconds.value == pytest.approx(4 / 7)
    assert fit.alpha_seconds.value == pytest.approx((2 - 2.25 * 4 / 7) / 1.5)


def test_ceiling_and_knee_by_hand() -> None:
    # 3 ms and 1 ms per sample: 1,000 samples/s at most, 500 at 3, 900 at 27.
    fit = fit_throughput(exact(0.003, 0.001))
    assert fit.ceiling_per_second.value == pytest.approx(1000)
    assert fit.knee.value == pytest.approx(27)
    assert fit.smallest_at_knee == 32
    assert not fit.is_knee_extrapolated
    assert fit.caveats == ()
    assert fit.per_second([3, 27]).value.tolist() == pytest.approx([500, 900])


def test_one_size_gives_no_fit_and_few_blocks_no_interval_or_a_caveat() -> None:
    for blocks in ({}, {8: [0.1, 0.2]}):
        fit = fit_throughput(blocks)
        assert fit.alpha_seconds is fit.knee is fit.smallest_at_knee is fit.per_second([8]) is None
        assert (fit.is_knee_extrapolated, fit.caveats) == (False, (ThroughputCaveat.ONE_SIZE,))
    full = exact(0.003, 0.001)
    few = fit_throughput({**full, 8: full[8][:2]})
    assert few.knee == Estimate(pytest.approx(27))
    assert few.draws is few.smallest_at_knee is None
    assert few.caveats == (ThroughputCaveat.TOO_FEW_BLOCKS,)
    fit = fit_throughput({**full, 8: full[8][:3]})
    assert (fit.smallest_at_knee, fit.caveats) == (32, (ThroughputCaveat.FEW_BLOCKS,))


def test_without_a_growing_or_a_fixed_part_of_the_step_there_is_no_knee() -> None:
    shrinking = fit_throughput({2: [0.3] * 5, 8: [0.2] * 5, 32: [0.1] * 5})
    assert shrinking.beta_seconds.value < 0
    assert shrinking.ceiling_per_second is shrinking.knee is shrinking.smallest_at_knee is None
    assert shrinking.caveats == (ThroughputCaveat.NO_CEILING,)
    steep = fit_throughput({2: [0.001] * 5, 8: [0.006] * 5, 32: [0.03] * 5})
    assert steep.alpha_seconds.value < 0
    assert steep.ceiling_per_second.value > 0
    assert steep.knee is steep.smallest_at_knee is None
    assert steep.caveats == (ThroughputCaveat.NO_FIXED_TIME,)
    below_0, speed = steep.per_second([0.01, 32]).value
    assert math.isnan(below_0)  # the fitted time is below 0 there
    assert speed > 0


def test_an_open_end_is_infinite_and_no_fixed_time_is_below_0() -> None:
    flat = fit_throughput({2: [0.09, 0.1, 0.12], 3: [0.101, 0.108, 0.113], 4: [0.094, 0.111, 0.13]})
    assert flat.ceiling_per_second.high == math.inf
    assert flat.knee.high == math.inf
    assert flat.knee.value < math.inf
    assert flat.smallest_at_knee is None
    steep = fit_throughput({1: [0.8, 1.1, 1.3], 2: [2.1, 1.7, 2.6], 3: [2.9, 2.5, 3.8]})
    assert steep.alpha_seconds.ends[0] < 0
    assert steep.knee.low == 0


def test_the_smallest_size_at_the_knee_has_90_percent_in_95_percent_of_the_draws() -> None:
    for seed in range(20):
        fit = fit_throughput(noisy(seed, 6, alpha=0.02))
        alpha, beta = fit.draws.T
        shares = [np.quantile(size * beta / (alpha + beta * size), 0.05) for size in SIZES]
        sure = [size for size, share in zip(SIZES, shares, strict=True) if share >= 0.9]
        assert fit.smallest_at_knee == (sure[0] if sure else None)
    assert fit == fit_throughput(noisy(19, 6, alpha=0.02))
    times, speeds = fit.step_seconds(SIZES), fit.per_second(SIZES)
    assert (times.low < times.value).all()
    assert speeds.low == pytest.approx(np.array(SIZES) / times.high)


SECONDS = some.floats(1e-6, 1e3)


@given(SECONDS, SECONDS, some.sets(some.integers(1, 4096), min_size=2))
def test_an_exact_line_is_recovered(alpha: float, beta: float, sizes: set[int]) -> None:
    fit = fit_throughput(exact(alpha, beta, sorted(sizes)))
    # A part that is lost among the digits of the whole cannot be recovered.
    rounding = 1e-12 * (alpha + beta * max(sizes)) * max(sizes)
    assert fit.alpha_seconds.value == pytest.approx(alpha, rel=1e-6, abs=rounding)
    assert fit.beta_seconds.value == pytest.approx(beta, rel=1e-6, abs=rounding)


LONG = [
    pytest.param(*each, marks=pytest.mark.long)
    for each in itertools.product((5, 6, 7, 8), ("one", "every"))
]


@pytest.mark.parametrize(("blocks", "slow"), [(5, "one"), *LONG])
def test_the_fit_is_recovered_from_noise_and_a_slow_block(blocks: int, slow: str) -> None:
    """Less than 10% off in the median, and in the 90% interval in 80% or more."""
    fits = [fit_throughput(noisy(seed, blocks, slow=slow)) for seed in range(100)]
    for name, true in {"alpha_seconds": 0.1, "beta_seconds": 0.002, "knee": 450.0}.items():
        estimates = [getattr(fit, name) for fit in fits]
        lows, values, highs = np.array([[each.low, each.value, each.high] for each in estimates]).T
        assert np.median(np.abs(values / true - 1)) < 0.10
        assert ((lows <= true) & (true <= highs)).mean() >= 0.8
        # An interval that covers everything proves nothing.
        assert np.median(highs / lows) < (1.4 if slow == "one" else 1.8)


def test_a_sweep_has_a_curve_per_engine_of_its_timed_runs() -> None:
    curve = throughput.fit_speed_curve("fused", {2: [5.0], 8: [3.0, 1.0, 2.0]})
    assert curve.points == (SizeMedian(2, 5.0, 5.0, 5.0, 1), SizeMedian(8, 2.0, 1.0, 3.0, 3))
    study = studies.sweep({(8, 1): RunState.DIVERGED}, engines=("fused", "article"))
    changes = {(2, 0): {"samples_per_second": None}, (32, 1): {"target_tokens_per_second": 320.0}}
    study = studies.with_summaries(study, changes)
    fused, article = throughput.fit_speed_curves(study)
    assert (fused.label, article.label, article.points) == ("fused", "article", ())
    counts = {point.batch_size: point.count for point in fused.points}
    assert counts == {2: 2, 8: 2, 32: 3, 128: 3, 512: 3}
    runs = list_finished_runs(study, Engine.FUSED)[:2]
    assert throughput.collect_speeds(runs) == {2: [pytest.approx(2 / 0.011)]}
    tokens, _ = throughput.fit_speed_curves(study, Unit.TOKENS)
    assert [(point.batch_size, point.median) for point in tokens.points] == [(32, 320.0)]
    assert tokens.unit is Unit.TOKENS
