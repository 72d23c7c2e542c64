"""Lines of runs, and repeats as one line with a band, by hand."""

import dataclasses
import math

import numpy as np
import pytest

from s2s.analysis.compare.groups import Group, Repeats
from s2s.analysis.compare.lines import (
    RunLine,
    build_group_line,
    build_loss_line,
    build_throughput_line,
    build_validation,
    find_divergence,
)
from s2s.analysis.run.steps import Axis, Curve, LossScale
from tests.analysis.run.test_steps import THREE
from tests.plausible import RUN, evaluation, steps

CONTINUED = THREE.copy()
CONTINUED["iteration"] += 10  # counts on from another run's
GROUP = Group(tuple(dataclasses.replace(RUN, id=each) for each in (4, 6)))


def a_curve(x: list[float], y: list[float]) -> Curve:
    return Curve(np.array(x), np.array(y), np.array(y))


def a_line(x: list[float], y: list[float], validation: Curve | None = None) -> RunLine:
    return RunLine(1, 2, "one", a_curve(x, y), validation)


@pytest.mark.parametrize(
    ("axis", "places"),
    [(Axis.ITERATIONS, [10, 12]), (Axis.SAMPLES, [0, 4]), (Axis.SECONDS, [0, 3.5])],
)
def test_an_evaluation_lies_at_the_step_before_it(axis: Axis, places: list[float]) -> None:
    evaluations = [evaluation(10, 6.0), evaluation(12, 5.0), evaluation(13, None)]
    curve = build_validation(CONTINUED, evaluations, axis)
    assert (curve.x.tolist(), curve.y.tolist()) == (places, [6.0, 5.0])
    assert build_validation(steps(), [evaluation(0, 9.0)], axis).x.tolist() == [0]
    assert build_validation(CONTINUED, [evaluation(11, None)], axis) is None


def test_lines_of_a_run() -> None:
    evaluations = [evaluation(13, 5.0)]
    per_token, per_sentence = (
        build_loss_line(RUN, CONTINUED, evaluations, Axis.ITERATIONS, scale, smoothing=0.0)
        for scale in (LossScale.TOKEN, LossScale.SENTENCE)
    )
    assert per_sentence.validation is None
    assert per_token.label == "7 · starter · batch 32"
    assert per_sentence.curve.y.tolist() == [20.0, 12.0, 6.0]
    throughput = build_throughput_line(RUN, CONTINUED, Axis.ITERATIONS).curve
    assert throughput.y.tolist() == pytest.approx([4.0, 4 / 3])


def test_a_band_covers_what_all_repeats_share() -> None:
    lines = [a_line([1, 2, 3, 4], [8, 6, 4, 2]), a_line([1.5, 2.5, 3.5], [5, 3, 1])]
    found = build_group_line(GROUP, lines, Repeats.RANGE)
    assert (found.run_id, found.label) == (4, "4, 6 · starter · batch 32")
    assert found.curve.x.tolist() == [1.5, 2.5, 3.5]
    assert found.curve.y.tolist() == [6.0, 4.0, 2.0]  # of 7 and 5, 5 and 3, 3 and 1
    assert found.band.low.tolist() == [5.0, 3.0, 1.0]
    assert found.band.high.tolist() == [7.0, 5.0, 3.0]
    assert build_group_line(GROUP, lines, Repeats.QUARTILES).band.low.tolist() == [5.5, 3.5, 1.5]
    assert find_divergence(found.curve) is None


@pytest.mark.parametrize(
    ("losses", "divergence", "band"),
    [
        ([[8, 6, 4], [6, 4, math.nan]], (3.0, 5.0), [1.0, 2.0]),
        ([[8, 6, math.nan], [6, math.nan, math.nan]], (2.0, 7.0), [1.0]),
        ([[8, 6, 4], [math.nan] * 3], (1.0, 1.0), []),
    ],
)
def test_a_band_ends_at_the_first_divergence(
    losses: list[list[float]], divergence: tuple[float, float], band: list[float]
) -> None:
    found = build_group_line(GROUP, [a_line([1, 2, 3], each) for each in losses], Repeats.RANGE)
    assert find_divergence(found.curve) == divergence
    assert found.band.x.tolist() == band
    assert np.isfinite([found.band.low, found.band.high]).all()


def test_a_band_ends_where_a_raw_value_is_nan_and_is_empty_if_the_runs_share_nothing() -> None:
    """The mean of a stretch may be NaN although the smoothed value at its end is not."""
    line = a_line([1, 2, 3], [8, 6, 4])
    broken = dataclasses.replace(line.curve, raw=np.array([8, math.nan, 4]))
    found = build_group_line(GROUP, [line, dataclasses.replace(line, curve=broken)], Repeats.RANGE)
    assert found.band.x.tolist() == [1.0]
    apart = [line, a_line([4, 5], [8, 6])]
    assert len(build_group_line(GROUP, apart, Repeats.RANGE).curve.x) == 0


def test_validation_is_a_mean_if_every_repeat_has_it() -> None:
    lines = [
        a_line([1, 2], [1, 1], a_curve([0, 10], losses)) for losses in ([8.0, 4.0], [6.0, 5.0])
    ]
    assert build_group_line(GROUP, lines, Repeats.RANGE).validation.y.tolist() == [7.0, 4.5]
    assert build_group_line(Group((RUN,)), lines[:1], Repeats.RANGE) is lines[0]
    lines[1] = a_line([1, 2], [1, 1])
    assert build_group_line(GROUP, lines, Repeats.RANGE).validation is None
