from s2s.analysis.sweep_figures import finished_runs, speed_curves, steps_to_targets
from s2s.config import Engine
from s2s.records import RunState
from tests.studies import SIZES, all_evaluations, sweep


def test_only_finished_runs_have_speeds() -> None:
    [curve] = speed_curves(sweep({(8, 1): RunState.DIVERGED}))
    assert [(point.batch_size, point.blocks) for point in curve.points] == [
        (2, 3), (8, 2), (32, 3), (128, 3), (512, 3)
    ]  # fmt: skip
    assert curve.points[0].per_second == 2 / 0.011


def test_runs_by_size_and_repeat() -> None:
    found = finished_runs(sweep(), Engine.FUSED)
    assert [run.config.batch_size for run in found] == [size for size in SIZES for _ in range(3)]
    assert finished_runs(sweep(), Engine.ARTICLE) == []


def test_a_run_without_an_evaluation_is_no_point() -> None:
    study = sweep()
    evaluations = all_evaluations(study)
    runs = finished_runs(study, Engine.FUSED)
    evaluations[runs[0].id] = []
    points = steps_to_targets(runs, evaluations, 3.0)
    assert len(points) == len(runs) - 1
    assert points[0].steps == 1700  # 100 * (1 + 32 / 2), by the second seed
