import dataclasses

import pytest

from s2s.analysis.sweep_figures import finished_runs, speed_curves, speeds, steps_to_targets
from s2s.config import Engine
from s2s.records import RunState
from tests.studies import SIZES, all_evaluations, sweep


def test_only_finished_runs_have_speeds() -> None:
    [curve] = speed_curves(sweep({(8, 1): RunState.DIVERGED}))
    assert [(point.batch_size, point.blocks) for point in curve.points] == [
        (2, 3), (8, 2), (32, 3), (128, 3), (512, 3)
    ]  # fmt: skip
    assert curve.points[0].samples_per_second == 2 / 0.011


def test_runs_by_size_and_repeat() -> None:
    found = finished_runs(sweep(), Engine.FUSED)
    assert [run.config.batch_size for run in found] == [size for size in SIZES for _ in range(3)]
    assert finished_runs(sweep(), Engine.ARTICLE) == []
    shuffled = sweep()
    shuffled = dataclasses.replace(shuffled, parts=shuffled.parts[::-1])
    assert finished_runs(shuffled, Engine.FUSED) == found
    assert [run.config.seed for run in found[:4]] == [0, 1, 2, 0]


def test_a_curve_for_each_engine_in_the_order_chosen() -> None:
    fused, article = speed_curves(sweep(engines=("fused", "article")))
    assert (fused.label, article.label, article.points) == ("fused", "article", ())


def test_a_run_too_short_to_be_timed_has_no_speed() -> None:
    runs = finished_runs(sweep(), Engine.FUSED)[:3]
    assert runs[0].summary
    untimed = dataclasses.replace(runs[0].summary, samples_per_second=None)
    runs[0] = dataclasses.replace(runs[0], summary=untimed)
    runs[1] = dataclasses.replace(runs[1], summary=None)
    assert speeds(runs) == {2: [pytest.approx(2 / (0.011 * 1.02))]}


def test_a_run_without_an_evaluation_is_no_point() -> None:
    study = sweep()
    evaluations = all_evaluations(study)
    runs = finished_runs(study, Engine.FUSED)
    evaluations[runs[0].id] = []
    points = steps_to_targets(runs, evaluations, 3.0)
    assert len(points) == len(runs) - 1
    # 100 * (1 + 32 / 2), by the second seed
    assert (points[0].batch_size, points[0].seed, points[0].steps) == (2, 1, 1700)
