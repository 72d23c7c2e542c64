"""Sample translations side by side, and one sentence by all sizes."""

from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis import translations
from s2s.analysis.run.steps import Axis
from s2s.analysis.translations import SizeTranslation, TranslatingRun, TranslationTable
from s2s.config import Engine
from s2s.records import Evaluation, RunState, SampleTranslation
from tests import studies

OWN, HELD_OUT = ("je vois", ""), ("tu vois", "you see")


def evaluation(iteration: int, seconds: float) -> Evaluation:
    outputs = tuple(SampleTranslation(*pair, f"after {iteration}") for pair in (HELD_OUT, OWN))
    return Evaluation(iteration, seconds, None, outputs)


def translated(iteration: int, **outputs: str) -> Evaluation:
    samples = tuple(SampleTranslation(each, "", outputs[each]) for each in outputs)
    return Evaluation(iteration, 0.0, None, samples)


SMALL = TranslatingRun(
    studies.run(2, 0), (evaluation(0, 0.0), evaluation(50, 1.0), evaluation(99, 2.0))
)
LARGE = TranslatingRun(studies.run(8, 0), (evaluation(0, 0.0), evaluation(20, 3.0)))


def test_the_first_finished_repeat_represents_its_size() -> None:
    study = studies.sweep({(8, 0): RunState.DIVERGED})
    runs = translations.select_first_repeats(study, Engine.FUSED)
    repeats = {run.config.batch_size: run.config.seed for run in runs}
    assert list(repeats.items()) == [(2, 0), (8, 1), (32, 0), (128, 0), (512, 0)]
    assert translations.select_first_repeats(study, Engine.ARTICLE) == []


def test_runs_without_translations_are_left_out() -> None:
    runs = [studies.run(2, 0), studies.run(8, 0)]
    silent = Evaluation(0, 0.0, 3.0, ())
    evaluations = {runs[0].id: [silent], runs[1].id: [silent, evaluation(20, 3.0)]}
    assert translations.select_translating_runs(runs, evaluations) == [
        TranslatingRun(runs[1], (evaluation(20, 3.0),))
    ]
    assert translations.list_sentences([SMALL, LARGE]) == [OWN, HELD_OUT]
    assert (
        translations.find_common_extent([SMALL, LARGE], Axis.SAMPLES) == 160.0
    )  # 20 times 8, below 99 times 2
    assert translations.find_common_extent([SMALL, LARGE], Axis.SECONDS) == 2.0
    assert translations.find_common_extent([], Axis.SAMPLES) == 0.0


def test_each_run_at_its_last_evaluation_up_to_the_position() -> None:
    assert translations.select_translations([SMALL, LARGE], OWN, Axis.SAMPLES, 152.0) == [
        SizeTranslation(2, SMALL.evaluations[1], "after 50"),
        SizeTranslation(8, LARGE.evaluations[0], "after 0"),
    ]
    later = translations.select_translations([SMALL, LARGE], OWN, Axis.SAMPLES, 153.0)
    assert later[1].evaluation.iteration == 20  # the 20th step passes the position
    by_time = translations.select_translations([SMALL, LARGE], OWN, Axis.SECONDS, 2.0)
    assert [each.evaluation.iteration for each in by_time] == [99, 0]
    assert translations.select_translations([LARGE], ("autre", ""), Axis.SAMPLES, 0.0) == [
        SizeTranslation(8, LARGE.evaluations[0], None)
    ]


def test_one_row_per_sentence_and_one_output_per_evaluation() -> None:
    table = translations.build_translation_table(
        [translated(0, un="the"), translated(5, un="one", deux="two")]
    )
    assert table == TranslationTable(
        (0, 5), (("un", "", ("the", "one")), ("deux", "", ("", "two")))
    )
    assert translations.build_translation_table([]) == TranslationTable((), ())


@given(some.integers(1, 60), some.integers(2, 8))
def test_the_first_and_last_evaluation_are_always_in_the_table(count: int, columns: int) -> None:
    table = translations.build_translation_table(
        [translated(i, a=str(i)) for i in range(count)], columns
    )
    assert table.iterations[0] == 0
    assert table.iterations[-1] == count - 1
    assert len(table.iterations) == min(count, columns)
    assert table.rows[0][2] == tuple(str(each) for each in table.iterations)
