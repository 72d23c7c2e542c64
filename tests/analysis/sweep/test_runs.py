"""Selection of a sweep's runs."""

import dataclasses
import itertools

from s2s.analysis.sweep.runs import collect_values, find_sizes_without_result, list_finished_runs
from s2s.config import Engine
from s2s.records import RunState
from tests.studies import SIZES, sweep


def test_finished_runs_come_by_size_and_repeat() -> None:
    study = sweep({(8, 1): RunState.DIVERGED})
    shuffled = dataclasses.replace(study, parts=study.parts[::-1])
    runs = list_finished_runs(shuffled, Engine.FUSED)
    expected = [each for each in itertools.product(SIZES, range(3)) if each != (8, 1)]
    assert [(run.config.batch_size, run.config.seed) for run in runs] == expected
    assert list_finished_runs(study, Engine.ARTICLE) == []
    assert collect_values(runs[:4], lambda each: each.batch_size) == {2: [2, 2, 2], 8: [8]}
    assert collect_values(runs[:1], lambda each: each.bleu) == {}


def test_sizes_without_a_result_are_of_the_engine() -> None:
    study = sweep(
        {(512, 1): RunState.FAILED, (2, 0): RunState.FAILED, (128, 2): RunState.DIVERGED,
         (8, 0): RunState.OUT_OF_MEMORY, (8, 1): RunState.OUT_OF_MEMORY,
         (32, 0): RunState.STOPPED}
    )  # fmt: skip
    parts = tuple(
        dataclasses.replace(part, engine=Engine.ARTICLE) if part.batch_size == 128 else part
        for part in study.parts
    )
    study = dataclasses.replace(study, parts=parts)
    expected = {RunState.OUT_OF_MEMORY: [8], RunState.FAILED: [2, 512]}
    assert find_sizes_without_result(study, Engine.FUSED) == expected
    assert find_sizes_without_result(study, Engine.ARTICLE) == {RunState.DIVERGED: [128]}
