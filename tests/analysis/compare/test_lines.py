"""Curves with their labels, and charts told in a sentence."""

import math

import numpy as np
import pytest

from s2s.analysis.compare.lines import (
    loss_line,
    loss_text,
    not_finite_at,
    throughput_line,
    throughput_text,
    validation_curve,
)
from s2s.analysis.run.steps import Axis, Curve, LossScale
from tests.plausible import RUN, evaluation, steps

GONE_ON = steps(  # a continued run: its iterations go on from another run's
    (11, 40.0, 2, 6, 10, 24, 1.0, False),
    (12, 24.0, 2, 8, 8, 20, 0.5, True),
    (13, 12.0, 2, 4, 6, 16, 0.25, True),
)


@pytest.mark.parametrize(
    ("axis", "places"),
    [(Axis.ITERATIONS, [10, 12]), (Axis.SAMPLES, [0, 4]), (Axis.SECONDS, [0, 1.5])],
)
def test_an_evaluation_lies_where_its_last_step_lies(axis: Axis, places: list[float]) -> None:
    evaluations = [evaluation(10, 6.0), evaluation(12, 5.0), evaluation(13, None)]
    curve = validation_curve(GONE_ON, evaluations, axis)
    assert curve is not None
    assert curve.x.tolist() == places
    assert curve.y.tolist() == [6.0, 5.0]


def test_without_a_validation_part_there_is_no_validation_curve() -> None:
    assert validation_curve(GONE_ON, [evaluation(11, None)], Axis.ITERATIONS) is None
    assert validation_curve(GONE_ON, [], Axis.ITERATIONS) is None


def test_before_the_first_step_an_evaluation_lies_at_the_start() -> None:
    curve = validation_curve(steps(), [evaluation(0, 9.0)], Axis.ITERATIONS)
    assert curve is not None
    assert curve.x.tolist() == [0]


def test_validation_is_drawn_per_token_only() -> None:
    evaluations = [evaluation(13, 5.0)]
    per_token = loss_line(RUN, GONE_ON, evaluations, Axis.ITERATIONS, LossScale.TOKEN, 0.0)
    per_sentence = loss_line(RUN, GONE_ON, evaluations, Axis.ITERATIONS, LossScale.SENTENCE, 0.0)
    assert per_token.validation is not None
    assert per_sentence.validation is None
    assert per_token.label == "7 · starter · batch 32"
    assert per_sentence.curve.y.tolist() == [20.0, 12.0, 6.0]


def test_where_the_loss_stops_being_a_number() -> None:
    x = np.array([1.0, 2.0, 3.0])
    lost = np.array([5.0, 4.0, math.nan])
    assert not_finite_at(Curve(x, lost, lost)) == (3.0, 4.0)
    assert not_finite_at(Curve(x, x, x)) is None
    assert not_finite_at(Curve(x[:1], lost[2:], lost[2:])) == (1.0, 1.0)


def test_charts_in_words() -> None:
    loss = [loss_line(RUN, GONE_ON, [], Axis.SAMPLES, LossScale.TOKEN, 0.0)]
    assert loss_text(loss, Axis.SAMPLES, LossScale.TOKEN) == (
        "Loss per token against samples. run 7 · starter · batch 32: from 4.00 to 2.00."
    )
    speed = [throughput_line(RUN, GONE_ON, Axis.ITERATIONS)]
    assert throughput_text(speed, Axis.ITERATIONS) == (
        "Samples per second against iterations. run 7 · starter · batch 32: from 4 to 8."
    )
    nothing = [throughput_line(RUN, steps(), Axis.ITERATIONS)]
    assert "no steps yet" in throughput_text(nothing, Axis.ITERATIONS)
    assert loss_text([], Axis.SAMPLES, LossScale.TOKEN).endswith("No runs.")
