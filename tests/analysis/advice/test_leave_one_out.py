"""Leave-one-out error of times whose steps and step times are known."""

import pytest

from s2s.analysis.advice.leave_one_out import cross_validate_sweep, cross_validate_times
from s2s.analysis.advice.target import StepsToTarget
from s2s.config import Engine
from tests.studies import all_evaluations, sweep

SIZES = (2, 8, 32, 128, 512)
STEP_SECONDS = {size: 0.01 + 0.0005 * size for size in SIZES}
STEPS = {size: 100 * (1 + 32 / size) for size in SIZES}
SPEEDS = {size: [size / STEP_SECONDS[size]] for size in SIZES}
SECONDS = {size: [STEPS[size] * STEP_SECONDS[size]] for size in SIZES}


def points(steps: dict[int, float] = STEPS) -> list[StepsToTarget]:
    return [StepsToTarget(size, 0, steps[size], reached=True) for size in steps]


def test_exact_times_are_predicted() -> None:
    checks = cross_validate_times(points(), SPEEDS, SECONDS)
    assert [each.batch_size for each in checks] == [8, 32, 128]
    assert [each.relative_error for each in checks] == pytest.approx([0, 0, 0], abs=1e-6)


def test_the_size_left_out_does_not_count() -> None:
    """At 32 it took 3 times the steps and each step twice the seconds: 6 times the time."""
    [_, check, _] = cross_validate_times(
        points(STEPS | {32: 3 * STEPS[32]}),
        SPEEDS | {32: [SPEEDS[32][0] / 2]},
        SECONDS | {32: [6 * SECONDS[32][0]]},
    )
    assert check.predicted_seconds == pytest.approx(SECONDS[32][0])
    assert check.relative_error == pytest.approx(1 / 6 - 1)


def test_the_measured_time_is_the_geometric_mean_and_a_miss_leaves_a_gap() -> None:
    [check, _, _] = cross_validate_times(points(), SPEEDS, SECONDS | {8: [1.0, 4.0]})
    assert check.measured_seconds == pytest.approx(2.0)
    [check, _, _] = cross_validate_times(points(), SPEEDS, SECONDS | {8: [1.0, None]})
    assert (check.measured_seconds, check.relative_error) == (None, None)


def test_without_speeds_or_crossings_nothing_is_predicted() -> None:
    [check, _, _] = cross_validate_times(points(), {2: SPEEDS[2]}, SECONDS)
    assert check.predicted_seconds is None
    missed = [StepsToTarget(size, 0, 9.0, reached=False) for size in SIZES if size != 32]
    [_, check, _] = cross_validate_times([*missed, points()[2]], SPEEDS, SECONDS)
    assert check.predicted_seconds is None


def test_a_sweep_whose_times_are_known() -> None:
    study = sweep()
    checks = cross_validate_sweep(study, Engine.FUSED, all_evaluations(study), 3.0)
    assert [each.batch_size for each in checks] == [8, 32, 128]
    assert [each.relative_error for each in checks] == pytest.approx([0, 0, 0], abs=0.02)
