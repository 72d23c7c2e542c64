import dataclasses

from s2s.analysis.speed_curve import Unit
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


def test_tokens_a_second_are_counted_for_themselves() -> None:
    """Each of the three repeats has 10 target tokens a second for each sample of its batch."""
    study = sweep()
    parts = []
    for part in study.parts:
        assert part.run
        assert part.run.summary
        tokens = 10.0 * part.batch_size if part.batch_size != 8 else None
        summary = dataclasses.replace(part.run.summary, target_tokens_per_second=tokens)
        parts.append(dataclasses.replace(part, run=dataclasses.replace(part.run, summary=summary)))
    [curve] = speed_curves(dataclasses.replace(study, parts=tuple(parts)), Unit.TOKENS)
    assert [(point.batch_size, point.per_second, point.blocks) for point in curve.points] == [
        (2, 20.0, 3), (32, 320.0, 3), (128, 1280.0, 3), (512, 5120.0, 3)
    ]  # fmt: skip
    assert curve.unit is Unit.TOKENS


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
