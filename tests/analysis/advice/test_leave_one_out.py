from s2s.analysis.advice.leave_one_out import LeftOut, check_sweep, check_text, leave_each_out
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


def test_what_follows_the_laws_is_foretold() -> None:
    found = leave_each_out(points(), SPEEDS, SECONDS)
    assert [each.batch_size for each in found] == [8, 32, 128]
    for each in found:
        assert each.relative_error is not None
        assert abs(each.relative_error) < 1e-6


def test_the_size_left_out_is_not_looked_at() -> None:
    """At 32 it took 3 times the steps and each step twice the seconds: 6 times the time."""
    [_, found, _] = leave_each_out(
        points(STEPS | {32: 3 * STEPS[32]}),
        SPEEDS | {32: [SPEEDS[32][0] / 2]},
        SECONDS | {32: [6 * SECONDS[32][0]]},
    )
    assert found.predicted_seconds is not None
    assert abs(found.predicted_seconds / SECONDS[32][0] - 1) < 1e-6
    assert found.relative_error is not None
    assert abs(found.relative_error - (1 / 6 - 1)) < 1e-6


def test_measured_is_the_geometric_mean_of_the_runs() -> None:
    [found, _, _] = leave_each_out(points(), SPEEDS, SECONDS | {8: [1.0, 4.0]})
    assert found.measured_seconds == 2.0


def test_a_run_that_missed_the_target_leaves_a_gap() -> None:
    [found, _, _] = leave_each_out(points(), SPEEDS, SECONDS | {8: [1.0, None]})
    assert found.measured_seconds is None
    assert found.relative_error is None


def test_without_speeds_nothing_is_foretold() -> None:
    [found, _, _] = leave_each_out(points(), {2: SPEEDS[2]}, SECONDS)
    assert found.predicted_seconds is None


def test_sizes_that_all_missed_foretell_nothing() -> None:
    missed = [StepsToTarget(size, 0, 9.0, reached=False) for size in SIZES if size != 32]
    [_, found, _] = leave_each_out([*missed, points()[2]], SPEEDS, SECONDS)
    assert found.predicted_seconds is None


def test_a_sweep_whose_laws_are_known_is_foretold() -> None:
    study = sweep()
    found = check_sweep(study, Engine.FUSED, all_evaluations(study), 3.0)
    assert [each.batch_size for each in found] == [8, 32, 128]
    for each in found:
        assert each.relative_error is not None
        assert abs(each.relative_error) < 0.02


def test_every_size_is_shown() -> None:
    assert check_text(
        [
            LeftOut(4, 11.0, 10.0),
            LeftOut(8, 8.0, 10.0),
            LeftOut(16, 9.5, 10.0),
            LeftOut(32, 1.0, None),
        ]
    ).splitlines()[1:] == [
        "       4  predicted    11.0 s  measured    10.0 s  +10%",
        "       8  predicted     8.0 s  measured    10.0 s  -20%",
        "      16  predicted     9.5 s  measured    10.0 s  -5%",
        "      32  predicted     1.0 s  measured         ?  ?",
        "Off by 10% at the median, 20% at worst.",
    ]
