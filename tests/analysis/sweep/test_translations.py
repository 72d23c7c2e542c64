"""One sentence by all sizes, never between two evaluations."""

from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.translations import (
    SizeTranslation,
    TranslatingRun,
    common_extent,
    first_finished_runs,
    sample_sentences,
    select_translating_runs,
    translations_at,
)
from s2s.config import Engine
from s2s.records import Evaluation, RunState, SampleTranslation
from tests import studies

OWN, HELD_OUT = ("je vois", ""), ("tu vois", "you see")


def evaluation(iteration: int, seconds: float) -> Evaluation:
    outputs = tuple(SampleTranslation(*pair, f"after {iteration}") for pair in (HELD_OUT, OWN))
    return Evaluation(iteration, seconds, None, outputs)


SMALL = TranslatingRun(
    studies.run(2, 0), (evaluation(0, 0.0), evaluation(50, 1.0), evaluation(99, 2.0))
)
LARGE = TranslatingRun(studies.run(8, 0), (evaluation(0, 0.0), evaluation(20, 3.0)))


def test_the_first_finished_repeat_represents_its_size() -> None:
    study = studies.sweep({(8, 0): RunState.DIVERGED})
    runs = first_finished_runs(study, Engine.FUSED)
    assert [(run.config.batch_size, run.config.seed) for run in runs] == [
        (2, 0), (8, 1), (32, 0), (128, 0), (512, 0),
    ]  # fmt: skip
    assert first_finished_runs(study, Engine.ARTICLE) == []


def test_runs_without_translations_are_left_out() -> None:
    runs = [studies.run(2, 0), studies.run(8, 0)]
    silent = Evaluation(0, 0.0, 3.0, ())
    evaluations = {runs[0].id: [silent], runs[1].id: [silent, evaluation(20, 3.0)]}
    assert select_translating_runs(runs, evaluations) == [
        TranslatingRun(runs[1], (evaluation(20, 3.0),))
    ]
    assert sample_sentences([SMALL, LARGE]) == [OWN, HELD_OUT]
    assert common_extent([SMALL, LARGE], Axis.SAMPLES) == 160.0  # 20 times 8, below 99 times 2
    assert common_extent([SMALL, LARGE], Axis.SECONDS) == 2.0
    assert common_extent([], Axis.SAMPLES) == 0.0


def test_each_run_at_its_last_evaluation_up_to_the_position() -> None:
    assert translations_at([SMALL, LARGE], OWN, Axis.SAMPLES, 152.0) == [
        SizeTranslation(2, "after 50", 50, 100, 1.0),
        SizeTranslation(8, "after 0", 0, 0, 0.0),
    ]
    later = translations_at([SMALL, LARGE], OWN, Axis.SAMPLES, 153.0)
    assert later[1] == SizeTranslation(8, "after 20", 20, 160, 3.0)  # the 20th step passes it
    by_time = translations_at([SMALL, LARGE], OWN, Axis.SECONDS, 2.0)
    assert [each.iteration for each in by_time] == [99, 0]
    assert translations_at([LARGE], ("autre", ""), Axis.SAMPLES, 0.0) == [
        SizeTranslation(8, None, 0, 0, 0.0)
    ]
