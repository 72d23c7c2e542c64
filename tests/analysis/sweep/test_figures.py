import dataclasses

import pytest

from s2s.analysis.sweep.figures import (
    finished_runs,
    memory_points,
    speed_curves,
    speeds,
    steps_to_targets,
)
from s2s.analysis.sweep.memory import MemoryPoint
from s2s.analysis.sweep.speed_curve import Unit
from s2s.config import Engine
from s2s.records import RunState, StepMemory, Sweep
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


def test_memory_of_a_processor_is_what_its_own_processes_told() -> None:
    """The runs' own peaks are of a whole process, and are not asked."""
    measured = (
        StepMemory(Engine.ARTICLE, 2, 9, 9), StepMemory(Engine.FUSED, 2, 1000, 40),
        StepMemory(Engine.FUSED, 8, None, None), StepMemory(Engine.FUSED, 32, 1600, 640),
    )  # fmt: skip
    study = dataclasses.replace(with_summaries("cpu"), memory=measured)
    assert memory_points(study, Engine.FUSED) == [
        MemoryPoint(2, 40, 1000), MemoryPoint(32, 640, 1600)
    ]  # fmt: skip


def test_memory_of_a_gpu_is_what_torch_counted_in_each_run() -> None:
    points = memory_points(with_summaries("cuda:0"), Engine.FUSED)
    # Three repeats of each size; the first of the smallest is of a version that kept no cells.
    assert points[:3] == [MemoryPoint(2, 40, 1200)] * 2 + [MemoryPoint(8, 160, 1800)]
    assert len(points) == 3 * len(SIZES) - 1


def with_summaries(device: str) -> Sweep:
    study = sweep()
    parts = []
    for part in study.parts:
        size, known = part.batch_size, (part.batch_size, part.repeat) != (2, 0)
        summary = dataclasses.replace(
            part.run.summary,
            peak_memory_bytes=1000 + 100 * size,
            max_padded_tokens=20 * size if known else None,
        )
        run = dataclasses.replace(part.run, device=device, summary=summary)
        parts.append(dataclasses.replace(part, run=run))
    return dataclasses.replace(study, parts=tuple(parts))
