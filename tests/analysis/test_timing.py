"""Medians, spreads and ratios, worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.analysis.timing import Ratio, Spread, median, noise, ratio_of_pairs, spread

SPEEDS = st.floats(1e-3, 1e6)


def test_a_spread_by_hand() -> None:
    # Quartiles of five values are the second and the fourth.
    assert spread([50, 10, 30, 20, 40]) == Spread(30, 20, 5)
    # Of four they lie a quarter of the way between two neighbours.
    assert spread([1, 2, 3, 4]) == Spread(2.5, 1.5, 4)


def test_a_single_value_has_no_spread_and_no_verdict() -> None:
    assert spread([7]) == Spread(7, None, 1)
    assert spread([7]).relative_iqr is None
    assert spread([7]).noise is None


def test_of_nothing() -> None:
    assert median([]) is None
    with pytest.raises(ValueError, match="no values"):
        spread([])
    with pytest.raises(ValueError, match="as many values"):
        ratio_of_pairs([], [])


def test_a_median_of_zero_has_no_share() -> None:
    assert spread([-1, 0, 1]).relative_iqr is None


@pytest.mark.parametrize(
    ("relative_iqr", "verdict"),
    [
        (None, None),
        (0.0, ""),
        (0.10, ""),
        (0.101, "noisy"),
        (0.25, "noisy"),
        (0.251, "very noisy"),
    ],
)
def test_noise(relative_iqr: float | None, verdict: str | None) -> None:
    assert noise(relative_iqr) == verdict


def test_a_noisy_spread() -> None:
    # Quartiles 95 and 115, median 100: 20 %.
    assert spread([90, 95, 100, 115, 120]).noise == "noisy"


def test_ratios_are_taken_pair_by_pair() -> None:
    # 3, 2 and 4; the ratio of the medians would be 40 / 10 = 4.
    assert ratio_of_pairs([30, 20, 40], [10, 10, 10]) == Ratio(3, 2, 4, 3)
    # The machine was slow during the second pair: 2, 2, 2.
    assert ratio_of_pairs([30, 2, 40], [15, 1, 20]) == Ratio(2, 2, 2, 3)


@pytest.mark.parametrize(
    ("ours", "theirs"), [([1, 2], [1]), ([0], [1]), ([1], [-1]), ([math.nan], [1])]
)
def test_no_ratio(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ratio_of_pairs(ours, theirs)


@given(st.lists(SPEEDS, min_size=2), st.floats(0.01, 100))
def test_the_verdict_does_not_depend_on_the_unit(values: list[float], factor: float) -> None:
    one, other = spread(values), spread([factor * value for value in values])
    assert other.median == pytest.approx(factor * one.median)
    assert other.relative_iqr == pytest.approx(one.relative_iqr, rel=1e-9, abs=1e-9)


@given(st.lists(st.tuples(SPEEDS, SPEEDS), min_size=1))
def test_a_ratio_turned_round_is_the_reciprocal(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = zip(*pairs, strict=True)
    one, other = ratio_of_pairs(ours, theirs), ratio_of_pairs(theirs, ours)
    assert one.low <= one.median <= one.high
    assert one.low == pytest.approx(1 / other.high)
    assert one.high == pytest.approx(1 / other.low)
    if len(pairs) % 2:
        assert one.median == pytest.approx(1 / other.median)


@given(st.lists(SPEEDS, min_size=1), st.lists(st.floats(0.05, 1), min_size=1), st.floats(0.5, 20))
def test_what_slows_both_of_a_pair_leaves_the_ratio(
    theirs: list[float], slowness: list[float], factor: float
) -> None:
    slowed = [value * slowness[i % len(slowness)] for i, value in enumerate(theirs)]
    found = ratio_of_pairs([factor * value for value in slowed], slowed)
    assert [found.low, found.median, found.high] == pytest.approx([factor] * 3)
