"""Losses, rates and curves from step records, worked out by hand."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from s2s.analysis.run.steps import (
    Axis,
    LossScale,
    build_loss_curve,
    build_throughput_curve,
    measure_axis,
    measure_last_loss,
    measure_padding_ratio,
    measure_rate,
    measure_step_seconds,
    smooth,
)
from tests.plausible import steps

# iteration, loss_sum, samples, source_tokens, target_tokens, padded_tokens, seconds, timed
THREE = steps(
    (1, 40.0, 2, 6, 10, 24, 3.0, False),
    (2, 24.0, 2, 8, 8, 20, 0.5, True),
    (3, 12.0, 2, 4, 6, 16, 1.5, True),
)
NONE = steps()


def test_losses_per_token_and_per_sentence() -> None:
    per_sentence = build_loss_curve(THREE, Axis.ITERATIONS, LossScale.SENTENCE)
    assert per_sentence.raw.tolist() == [20.0, 12.0, 6.0]
    assert len(build_loss_curve(NONE, Axis.ITERATIONS, LossScale.TOKEN).raw) == 0
    # The last loss divides the sums of the last steps.
    assert measure_last_loss(THREE, LossScale.TOKEN) == 76 / 24
    assert measure_last_loss(THREE, LossScale.TOKEN, window=2) == 36 / 14
    assert measure_last_loss(THREE, LossScale.SENTENCE, window=2) == 36 / 4
    assert measure_last_loss(NONE, LossScale.TOKEN) is None


def test_rates_count_timed_steps_only() -> None:
    assert measure_rate(THREE, "samples") == 4 / 2.0
    assert measure_rate(THREE, "target_tokens") == 14 / 2.0
    assert measure_step_seconds(THREE) == 1.0
    for untimed in (THREE[:1], NONE):
        assert measure_rate(untimed, "samples") is measure_step_seconds(untimed) is None
    assert measure_padding_ratio(THREE) == pytest.approx(1 - 42 / 60)
    assert measure_padding_ratio(NONE) is None


def test_axes_count_from_the_start() -> None:
    assert measure_axis(THREE, Axis.ITERATIONS).tolist() == [1, 2, 3]
    assert measure_axis(THREE, Axis.SAMPLES).tolist() == [2, 4, 6]
    assert measure_axis(THREE, Axis.TOKENS).tolist() == [10, 18, 24]
    assert measure_axis(THREE, Axis.SECONDS).tolist() == [3.0, 3.5, 5.0]


def test_smoothing_by_hand() -> None:
    # (4)/1, (3 + 4/2)/(1 + 1/2), (2 + 3/2 + 4/4)/(1 + 1/2 + 1/4)
    assert smooth(np.array([4.0, 3.0, 2.0]), 0.5) == pytest.approx([4, 10 / 3, 18 / 7])
    assert smooth(np.array([2.0, math.nan, 2.0]), 0.5).tolist() == pytest.approx(
        [2.0, math.nan, 2.0], nan_ok=True
    )
    # Every token weighs the same: sums 40, then 24 + 20, then 12 + 12 + 10; counts alike.
    curve = build_loss_curve(THREE, Axis.ITERATIONS, LossScale.TOKEN, smoothing=0.5)
    assert curve.y == pytest.approx([40 / 10, 44 / 13, (12 + 12 + 10) / (6 + 4 + 2.5)])
    assert curve.raw == pytest.approx([4.0, 3.0, 2.0])


@given(
    arrays(np.float64, some.integers(1, 60), elements=some.floats(-1e3, 1e3)),
    some.floats(0.0, 0.99),
)
def test_smoothing_stays_between_the_extremes(values: Any, weight: float) -> None:
    smoothed = smooth(values, weight)
    assert smoothed[0] == pytest.approx(values[0])
    assert (smoothed >= values.min() - 1e-6).all()
    assert (smoothed <= values.max() + 1e-6).all()


@given(some.integers(1, 400), some.integers(1, 50))
def test_a_thinned_curve_keeps_its_mean_and_its_end(length: int, points: int) -> None:
    rows = [(i, float(i % 7), 1, 1, 1, 2, 1.0, True) for i in range(1, length + 1)]
    curve = build_loss_curve(steps(*rows), Axis.ITERATIONS, LossScale.TOKEN, 0.0, points)
    assert len(curve.x) == len(curve.y) == len(curve.raw) <= max(points, 1)
    assert curve.x[-1] == length
    sizes = np.diff(np.append(0, curve.x))
    assert (curve.raw * sizes).sum() == pytest.approx(sum(i % 7 for i in range(1, length + 1)))


def test_throughput_is_taken_over_stretches_of_timed_steps() -> None:
    curve = build_throughput_curve(THREE, Axis.ITERATIONS)
    assert curve.x.tolist() == [2, 3]
    assert curve.y.tolist() == [4.0, pytest.approx(4 / 3)]
    whole = build_throughput_curve(THREE, Axis.ITERATIONS, points=1)
    assert (whole.x.tolist(), whole.y.tolist()) == ([3], [2.0])
    assert len(build_throughput_curve(NONE, Axis.SAMPLES).x) == 0
