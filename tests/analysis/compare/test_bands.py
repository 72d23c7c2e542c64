"""Repeats as one line with a band, by hand."""

import dataclasses
import math

import numpy as np
import pytest

from s2s.analysis.compare.bands import band_line
from s2s.analysis.compare.groups import Group, Repeats
from s2s.analysis.compare.lines import RunLine, loss_line, loss_text, not_finite_at
from s2s.analysis.run.steps import Axis, Curve, LossScale
from tests.plausible import RUN, evaluation, some_steps

GROUP = Group(tuple(dataclasses.replace(RUN, id=each) for each in (4, 6)))


def a_line(x: list[float], y: list[float], validation: Curve | None = None) -> RunLine:
    places, values = np.array(x), np.array(y)
    return RunLine(1, 2, "one", Curve(places, values, values), validation)


def test_a_band_spans_what_all_repeats_passed_through() -> None:
    lines = [a_line([1, 2, 3, 4], [8, 6, 4, 2]), a_line([1.5, 2.5, 3.5], [5, 3, 1])]
    found = band_line(GROUP, lines, Repeats.RANGE)
    assert (found.run_id, found.label) == (4, "4, 6 · starter · batch 32")
    assert found.curve.x.tolist() == [1.5, 2.5, 3.5]
    assert found.curve.y.tolist() == [6.0, 4.0, 2.0]  # of 7 and 5, 5 and 3, 3 and 1
    assert found.band is not None
    assert found.band.low.tolist() == [5.0, 3.0, 1.0]
    assert found.band.high.tolist() == [7.0, 5.0, 3.0]
    half = band_line(GROUP, lines, Repeats.QUARTILES)
    assert half.band is not None
    assert half.band.low.tolist() == [5.5, 3.5, 1.5]
    assert not_finite_at(found.curve) is None


def test_a_band_ends_with_a_mark_where_a_repeat_is_lost() -> None:
    lines = [a_line([1, 2, 3], [8, 6, 4]), a_line([1, 2, 3], [6, 4, math.nan])]
    found = band_line(GROUP, lines, Repeats.RANGE)
    assert not_finite_at(found.curve) == (3.0, 5.0)
    assert found.band is not None
    assert found.band.x.tolist() == [1.0, 2.0]
    assert np.isfinite([found.band.low, found.band.high]).all()


def test_the_first_repeat_that_is_lost_ends_the_band() -> None:
    lines = [a_line([1, 2, 3], [8, 6, math.nan]), a_line([1, 2, 3], [6, math.nan, math.nan])]
    assert not_finite_at(band_line(GROUP, lines, Repeats.RANGE).curve) == (2.0, 7.0)


@pytest.mark.parametrize("lost", ["raw", "y"])
def test_a_curve_ends_where_either_of_its_values_is_lost(lost: str) -> None:
    """The mean of a stretch may be lost while the smoothed value at its end is not."""
    sound = a_line([1, 2, 3], [8, 6, 4])
    broken = dataclasses.replace(sound.curve, **{lost: np.array([8, math.nan, 4])})
    found = band_line(GROUP, [sound, dataclasses.replace(sound, curve=broken)], Repeats.RANGE)
    assert found.band is not None
    assert found.band.x.tolist() == [1.0]


def test_repeats_that_share_nothing_have_an_empty_line() -> None:
    lost = a_line([1, 2], [math.nan, math.nan])
    found = band_line(GROUP, [a_line([1, 2], [8, 6]), lost], Repeats.QUARTILES)
    assert not_finite_at(found.curve) == (1.0, 1.0)
    assert found.band is not None
    assert len(found.band.x) == 0
    apart = band_line(GROUP, [a_line([1, 2], [8, 6]), a_line([3, 4], [8, 6])], Repeats.RANGE)
    assert len(apart.curve.x) == 0


def test_validation_is_a_mean_too() -> None:
    def curve(*y: float) -> Curve:
        return Curve(np.array([0.0, 10.0]), np.array(y), np.array(y))

    lines = [a_line([1, 2], [1, 1], curve(8, 4)), a_line([1, 2], [1, 1], curve(6, 5))]
    found = band_line(GROUP, lines, Repeats.RANGE)
    assert found.validation is not None
    assert found.validation.y.tolist() == [7.0, 4.5]
    lines[1] = a_line([1, 2], [1, 1])
    assert band_line(GROUP, lines, Repeats.RANGE).validation is None


def test_a_run_without_repeats_keeps_its_line() -> None:
    alone = a_line([1], [8])
    assert band_line(Group((RUN,)), [alone], Repeats.RANGE) is alone


@pytest.mark.parametrize("axis", list(Axis))
def test_equal_runs_are_their_own_mean(axis: Axis) -> None:
    line = loss_line(RUN, some_steps(30, 32), [evaluation(30, 6.0)], axis, LossScale.TOKEN)
    found = band_line(GROUP, [line, line], Repeats.QUARTILES)
    assert found.curve.x.tolist() == line.curve.x.tolist()
    assert found.curve.y == pytest.approx(line.curve.y)
    assert found.band is not None
    assert found.band.low == pytest.approx(found.band.high)
    assert loss_text([found], axis, LossScale.TOKEN).count("run 4, 6 · starter") == 1
