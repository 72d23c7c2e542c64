"""Medians and spreads, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.analysis.run.timing import Spread, median, noise, spread

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


@given(st.lists(SPEEDS, min_size=2), st.floats(0.01, 100))
def test_the_verdict_does_not_depend_on_the_unit(values: list[float], factor: float) -> None:
    one, other = spread(values), spread([factor * value for value in values])
    assert other.median == pytest.approx(factor * one.median)
    assert other.relative_iqr == pytest.approx(one.relative_iqr, rel=1e-9, abs=1e-9)
