"""Which of two batch sizes is faster: by hand, and how often the answer is right."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.compare.speed import (
    SpeedRatio,
    Verdict,
    classify_ratio,
    compare_speed,
    measure_speed_ratio,
)
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.summarize import summarize
from tests.plausible import RUN, some_steps, steps

SPEEDS = some.lists(some.floats(1e-3, 1e6), min_size=2, max_size=8)


def simulate(seed: int, blocks: int, true: float, noise: float) -> SpeedRatio:
    """Log-normal noise, and one block at half speed on each side if it is 10% or more."""
    random = np.random.default_rng(seed)

    def speeds(speed: float) -> list[float]:
        measured = speed * np.exp(noise * random.standard_normal(blocks))
        if noise >= 0.1:
            measured[random.integers(blocks)] /= 2
        return list(measured)

    return measure_speed_ratio(speeds(20 * true), speeds(20))


def test_a_ratio_by_hand() -> None:
    """Logarithms 0 and 2 against -1 and 1: a difference of 1 with standard error sqrt(2)."""
    found = measure_speed_ratio([1.0, math.e**2], [math.exp(-1), math.e]).ratio
    # Student's t at 95% with two degrees of freedom: 2.91999 in any table.
    assert found.value == pytest.approx(math.e)
    assert found.low == pytest.approx(math.exp(1 - 2.91999 * math.sqrt(2)), rel=1e-4)
    assert found.high == pytest.approx(math.exp(1 + 2.91999 * math.sqrt(2)), rel=1e-4)


def test_a_side_without_variation_leaves_the_degrees_of_freedom_of_the_other() -> None:
    """Standard error 1 with one degree of freedom: 6.31375."""
    found = measure_speed_ratio([1.0, math.e**2], [1.0, 1.0, 1.0]).ratio
    assert found.high == pytest.approx(math.exp(1 + 6.31375), rel=1e-4)
    assert measure_speed_ratio([227, 227], [20, 20]).ratio == Estimate(
        *[pytest.approx(11.35)] * 3  # type: ignore[arg-type]
    )


def test_a_single_block_has_a_ratio_and_no_verdict() -> None:
    found = measure_speed_ratio([40.0], [20.0, 20.0])
    assert found == SpeedRatio(Estimate(pytest.approx(2)), Verdict.UNCLEAR)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.95, 1.05, Verdict.SAME),
        (1.01, 1.04, Verdict.SAME),
        (1.06, 1.2, Verdict.FASTER),
        (1.05, 1.2, Verdict.UNCLEAR),
        (0.8, 0.94, Verdict.SLOWER),
        (0.8, 0.95, Verdict.UNCLEAR),
        (0.9, 1.1, Verdict.UNCLEAR),
        (0.94, 1.0, Verdict.UNCLEAR),
        (None, None, Verdict.UNCLEAR),
    ],
)
def test_verdicts(low: float | None, high: float | None, expected: Verdict) -> None:
    assert classify_ratio(Estimate(1.0, low, high)) is expected


def test_runs_are_compared_by_their_samples_per_second() -> None:
    slow, fast = ([summarize(RUN, some_steps(20, size), [], [])] * 3 for size in (32, 64))
    assert compare_speed(fast, slow) is Verdict.FASTER
    assert compare_speed(slow, slow) is Verdict.SAME
    assert compare_speed([summarize(RUN, steps(), [], [])], slow) is None


@pytest.mark.parametrize(
    ("speeds", "baseline"), [([], [1.0]), ([1.0], []), ([0.0], [1.0]), ([1.0], [math.nan])]
)
def test_a_ratio_needs_speeds_above_zero(speeds: list[float], baseline: list[float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        measure_speed_ratio(speeds, baseline)


def logs(found: SpeedRatio) -> list[float]:
    """Logarithms of low, ratio and high."""
    ends = (found.ratio.low, found.ratio.value, found.ratio.high)
    return [math.log(end) for end in ends if end is not None]


@given(SPEEDS, SPEEDS, some.floats(1e-3, 1e3))
def test_the_unit_of_speed_cancels_and_swapping_the_sides_inverts_the_ratio(
    speeds: list[float], baseline: list[float], factor: float
) -> None:
    found = logs(measure_speed_ratio(speeds, baseline))
    scaled = measure_speed_ratio([factor * x for x in speeds], [factor * x for x in baseline])
    assert logs(scaled) == pytest.approx(found, abs=1e-6)
    swapped = logs(measure_speed_ratio(baseline, speeds))
    assert found == pytest.approx([-end for end in reversed(swapped)], abs=1e-9)


@pytest.mark.parametrize("blocks", [3, 6])
@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_the_interval_covers_the_true_ratio(blocks: int, noise: float) -> None:
    found = [simulate(seed, blocks, 1.3, noise).ratio.ends for seed in range(100)]
    assert sum(low <= 1.3 <= high for low, high in found) >= 80


def test_verdicts_are_right_in_simulation() -> None:
    def verdicts(true: float, noise: float) -> list[Verdict]:
        return [simulate(seed, 6, true, noise).verdict for seed in range(100)]

    assert verdicts(1.0, 0.01).count(Verdict.SAME) >= 95
    assert verdicts(1.3, 0.05).count(Verdict.FASTER) >= 95
    assert verdicts(1 / 1.3, 0.05).count(Verdict.SLOWER) >= 95
    assert verdicts(10.67, 0.1).count(Verdict.FASTER) >= 95  # the article's ratio
    assert set(verdicts(1.0, 0.1)) <= {Verdict.UNCLEAR}  # one block is at half speed
    assert verdicts(1.05, 0.02).count(Verdict.FASTER) <= 10
