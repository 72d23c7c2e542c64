"""Which of two sizes is faster: by hand, turned round, and how often that is right."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.compare.speed import SpeedRatio, Verdict, speed_ratio, verdict
from s2s.analysis.estimate import Estimate

SPEEDS = some.lists(some.floats(1e-3, 1e6), min_size=2, max_size=8)


def noisy(seed: int, blocks: int, speed: float, noise: float) -> list[float]:
    """Log-normal noise, and one block at half speed where the noise is 10 % or more."""
    random = np.random.default_rng(seed)
    speeds = speed * np.exp(noise * random.standard_normal(blocks))
    if noise >= 0.1:
        speeds[random.integers(blocks)] /= 2
    return speeds.tolist()


def compared(seed: int, blocks: int, true: float, noise: float) -> SpeedRatio:
    return speed_ratio(noisy(seed, blocks, 20 * true, noise), noisy(seed + 1000, blocks, 20, noise))


def test_a_ratio_by_hand() -> None:
    """Logarithms 0 and 2 against -1 and 1: a difference of 1 with standard error sqrt(2)."""
    ours, theirs = [1.0, math.e**2], [math.exp(-1), math.e]
    found = speed_ratio(ours, theirs).ratio
    # Student's t at 95 % with two degrees of freedom: 2.91999 in any table.
    assert found.value == pytest.approx(math.e)
    assert found.low == pytest.approx(math.exp(1 - 2.91999 * math.sqrt(2)), rel=1e-4)
    assert found.high == pytest.approx(math.exp(1 + 2.91999 * math.sqrt(2)), rel=1e-4)


def test_a_steady_size_leaves_the_freedom_of_the_other() -> None:
    """Standard error 1 with one degree of freedom: 6.31375."""
    found = speed_ratio([1.0, math.e**2], [1.0, 1.0, 1.0]).ratio
    assert found.high == pytest.approx(math.exp(1 + 6.31375), rel=1e-4)


def test_blocks_without_any_spread() -> None:
    assert speed_ratio([227, 227], [20, 20]).ratio == Estimate(*[pytest.approx(11.35)] * 3)
    assert speed_ratio([20, 20], [20, 20]) == SpeedRatio(Estimate(1.0, 1.0, 1.0), Verdict.SAME)


@pytest.mark.parametrize(("ours", "theirs"), [([40.0], [20.0]), ([40.0], [20.0, 20.0])])
def test_a_single_block_has_a_ratio_and_no_verdict(ours: list[float], theirs: list[float]) -> None:
    assert speed_ratio(ours, theirs) == SpeedRatio(Estimate(pytest.approx(2)), Verdict.UNCLEAR)


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
    assert verdict(Estimate(1.0, low, high)) is expected


@pytest.mark.parametrize(
    ("ours", "theirs"), [([], [1.0]), ([1.0], []), ([0.0], [1.0]), ([1.0], [math.nan])]
)
def test_no_ratio(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        speed_ratio(ours, theirs)


@given(SPEEDS, SPEEDS)
def test_a_ratio_turned_round_is_the_reciprocal(ours: list[float], theirs: list[float]) -> None:
    one, other = logs(speed_ratio(ours, theirs)), logs(speed_ratio(theirs, ours))
    assert one == pytest.approx([-end for end in reversed(other)], abs=1e-9)


@given(SPEEDS, SPEEDS, some.floats(1e-3, 1e3))
def test_the_unit_of_speed_does_not_matter(
    ours: list[float], theirs: list[float], factor: float
) -> None:
    scaled = speed_ratio([factor * each for each in ours], [factor * each for each in theirs])
    assert logs(scaled) == pytest.approx(logs(speed_ratio(ours, theirs)), abs=1e-6)


def logs(found: SpeedRatio) -> list[float]:
    """Low, ratio and high."""
    ends = (found.ratio.low, found.ratio.value, found.ratio.high)
    return [math.log(end) for end in ends if end is not None]


@pytest.mark.parametrize("blocks", [3, 5, 6, 8])
@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_the_interval_covers(blocks: int, noise: float) -> None:
    found = [compared(seed, blocks, 1.3, noise).ratio for seed in range(100)]
    assert sum(each.low <= 1.3 <= each.high for each in found) >= 80


def test_what_is_as_fast_is_found_so_and_what_is_faster_too() -> None:
    def verdicts(true: float, noise: float) -> list[Verdict]:
        return [compared(seed, 6, true, noise).verdict for seed in range(100)]

    assert verdicts(1.0, 0.01).count(Verdict.SAME) >= 95
    assert verdicts(1.3, 0.05).count(Verdict.FASTER) >= 95
    assert verdicts(1 / 1.3, 0.05).count(Verdict.SLOWER) >= 95
    assert verdicts(10.67, 0.1).count(Verdict.FASTER) >= 95  # the article's ratio
    assert set(verdicts(1.0, 0.1)) <= {Verdict.UNCLEAR}  # one block is at half speed
    assert verdicts(1.05, 0.02).count(Verdict.FASTER) <= 10
