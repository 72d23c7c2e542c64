"""Sample translations side by side."""

from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.run.translations import TranslationTable, build_translation_table
from s2s.records import Evaluation, SampleTranslation


def evaluation(iteration: int, *pairs: tuple[str, str]) -> Evaluation:
    translations = tuple(SampleTranslation(source, "", output) for source, output in pairs)
    return Evaluation(iteration, 0.0, None, translations)


def test_one_row_per_sentence_and_one_output_per_evaluation() -> None:
    table = build_translation_table(
        [evaluation(0, ("un", "the")), evaluation(5, ("un", "one"), ("deux", "two"))]
    )
    assert table == TranslationTable(
        (0, 5), (("un", "", ("the", "one")), ("deux", "", ("", "two")))
    )
    assert build_translation_table([]) == TranslationTable((), ())


@given(some.integers(1, 60), some.integers(2, 8))
def test_the_first_and_the_last_evaluation_are_always_in_the_table(
    count: int, columns: int
) -> None:
    table = build_translation_table([evaluation(i, ("a", str(i))) for i in range(count)], columns)
    assert table.iterations[0] == 0
    assert table.iterations[-1] == count - 1
    assert len(table.iterations) == min(count, columns)
    assert table.rows[0][2] == tuple(str(each) for each in table.iterations)
