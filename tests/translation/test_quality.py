"""BLEU and chrF on outputs whose quality is known beforehand."""

import pytest

from s2s.translation.quality import Quality, quality


def test_a_perfect_output_has_a_hundred() -> None:
    said = "the cat sleeps on the red mat ."
    assert quality([said], [[said]]) == Quality(pytest.approx(100.0), pytest.approx(100.0), 1)


def test_nothing_in_common_has_next_to_nothing() -> None:
    found = quality(["aaa bbb ccc ddd"], [["xxx yyy zzz www"]])
    assert found.bleu < 1
    assert found.chrf == 0


def test_any_of_several_references_counts_and_sentences_may_have_different_numbers() -> None:
    outputs = ["the cat sleeps on the mat .", "a dog barks at the old moon ."]
    references = [["it is raining in the town .", outputs[0]], [outputs[1]]]
    assert quality(outputs, references).bleu == pytest.approx(100.0)
    assert quality(outputs, [references[0][:1], references[1]]).bleu < 90
