"""Which of two batch sizes is faster: by hand, and how often the answer is right."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.compare.speed import Verdict, classify_ratio, compare_speed, measure_speed_ratio
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.summarize import summarize
from tests.plausible import RUN, some_steps, steps

SPEEDS = some.lists(some.floats(1e-3, 1e6), min_size=2, max_size=8)


def simulate(seed: int, blocks: int, true: float, spread: float) -> Estimate:
    """Log-normal spread, and one block at half speed on each side if it is 10% or more."""
    random = np.random.default_rng(seed)

    def speeds(speed: float) -> list[float]:
        measured = speed * np.exp(spread * random.standard_normal(blocks))
        if spread >= 0.1:
            measured[random.integers(blocks)] /= 2
        return list(measured)

    return measure_speed_ratio(speeds(20 * true), speeds(20))


def test_ratios_by_hand() -> None:
    """Logarithms 0 and 2 against -1 and 1: a difference of 1 with standard error sqrt(2)."""
    found = measure_speed_ratio([1.0, math.e**2], [math.exp(-1), math.e])
    # Student's t at 95% with two degrees of freedom: 2.91999 in any table.
    half = 2.91999 * math.sqrt(2)
    assert found.value == pytest.approx(math.e)
    assert np.log(found.ends) == pytest.approx([1 - half, 1 + half], rel=1e-4)
    # A side without variation leaves the other's degree of freedom: 6.31375.
    steady = measure_speed_ratio([1.0, math.e**2], [1.0, 1.0, 1.0])
    assert steady.high == pytest.approx(math.exp(1 + 6.31375), rel=1e-4)
    even = measure_speed_ratio([227, 227], [20, 20])
    assert [even.value, *even.ends] == pytest.approx([11.35] * 3)
    single = measure_speed_ratio([40.0], [20.0, 20.0])
    assert (single.value, single.has_interval) == (pytest.approx(2), False)


def test_verdicts() -> None:
    certain = {(0.95, 1.05): Verdict.SAME, (1.06, 1.2): Verdict.FASTER, (0.8, 0.94): Verdict.SLOWER}
    unclear = dict.fromkeys(((1.05, 1.2), (0.8, 0.95), (0.9, 1.1), (None, None)), Verdict.UNCLEAR)
    for ends, verdict in (certain | unclear).items():
        assert classify_ratio(Estimate(1.0, *ends)) is verdict


def test_runs_are_compared_by_their_samples_per_second() -> None:
    slow, fast = ([summarize(RUN, some_steps(20, size), [], [])] * 3 for size in (32, 64))
    assert compare_speed(fast, slow) is Verdict.FASTER
    assert compare_speed(slow, slow) is Verdict.SAME
    assert compare_speed([summarize(RUN, steps(), [], [])], slow) is None


@given(SPEEDS, SPEEDS, some.floats(1e-3, 1e3))
def test_scaled_or_swapped_sides(speeds: list[float], baseline: list[float], factor: float) -> None:
    def logs(*sides: list[float]) -> list[float]:
        found = measure_speed_ratio(*sides)
        return [math.log(each) for each in (found.ends[0], found.value, found.ends[1])]

    ratio = logs(speeds, baseline)
    scaled = logs([factor * x for x in speeds], [factor * x for x in baseline])
    assert scaled == pytest.approx(ratio, abs=1e-6)
    assert ratio == pytest.approx([-end for end in reversed(logs(baseline, speeds))], abs=1e-9)


@pytest.mark.parametrize("blocks", [3, 6])
@pytest.mark.parametrize("spread", [0.05, 0.1])
def test_the_interval_covers_the_true_ratio(blocks: int, spread: float) -> None:
    found = [simulate(seed, blocks, 1.3, spread).ends for seed in range(100)]
    assert sum(low <= 1.3 <= high for low, high in found) >= 80


def test_verdicts_are_right_in_simulation() -> None:
    def verdicts(true: float, spread: float) -> list[Verdict]:
        return [classify_ratio(simulate(seed, 6, true, spread)) for seed in range(100)]

    assert verdicts(1.0, 0.01).count(Verdict.SAME) >= 95
    assert verdicts(1.3, 0.05).count(Verdict.FASTER) >= 95
    assert verdicts(1 / 1.3, 0.05).count(Verdict.SLOWER) >= 95
    assert verdicts(10.67, 0.1).count(Verdict.FASTER) >= 95  # the article's ratio
    assert set(verdicts(1.0, 0.1)) <= {Verdict.UNCLEAR}  # one block is at half speed
    assert verdicts(1.05, 0.02).count(Verdict.FASTER) <= 10
