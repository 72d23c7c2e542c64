"""One sentence through all sizes: whose it is, how far, and never between two evaluations."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.translations import (
    Followed,
    Said,
    followed,
    reached,
    sentences,
    stand_ins,
    translations_at,
)
from s2s.config import Engine
from s2s.records import Evaluation, RunState, SampleTranslation
from tests import studies

OWN, HELD_OUT = ("je vois", ""), ("tu vois", "you see")


def evaluation(iteration: int, seconds: float, output: str = "") -> Evaluation:
    said = tuple(
        SampleTranslation(*pair, output or f"after {iteration}") for pair in (HELD_OUT, OWN)
    )
    return Evaluation(iteration, seconds, None, said)


SMALL = Followed(studies.run(2, 0), (evaluation(0, 0.0), evaluation(50, 1.0), evaluation(99, 2.0)))
LARGE = Followed(studies.run(8, 0), (evaluation(0, 0.0), evaluation(20, 3.0)))


def test_the_first_finished_repeat_stands_for_its_size() -> None:
    study = studies.sweep({(8, 0): RunState.DIVERGED})
    found = stand_ins(study, Engine.FUSED)
    assert [(run.config.batch_size, run.config.seed) for run in found] == [
        (2, 0), (8, 1), (32, 0), (128, 0), (512, 0),
    ]  # fmt: skip
    assert stand_ins(study, Engine.ARTICLE) == []


def test_who_translated_nothing_is_left_out() -> None:
    runs = [studies.run(2, 0), studies.run(8, 0)]
    silent = Evaluation(0, 0.0, 3.0, ())
    told = {runs[0].id: [silent], runs[1].id: [silent, evaluation(20, 3.0)]}
    assert followed(runs, told) == [Followed(runs[1], (evaluation(20, 3.0),))]


def test_own_sentences_come_first() -> None:
    assert sentences([SMALL, LARGE]) == [OWN, HELD_OUT]
    assert sentences([]) == []


def test_as_far_as_all_came() -> None:
    assert reached([SMALL, LARGE], Axis.SAMPLES) == 160.0  # 20 times 8, below 99 times 2
    assert reached([SMALL, LARGE], Axis.SECONDS) == 2.0
    assert reached([], Axis.SAMPLES) == 0.0


def test_each_at_its_last_evaluation_up_to_there() -> None:
    assert translations_at([SMALL, LARGE], OWN, Axis.SAMPLES, 152.0) == [
        Said(2, "after 50", 50, 100, 1.0),
        Said(8, "after 0", 0, 0, 0.0),
    ]
    assert translations_at([SMALL, LARGE], OWN, Axis.SAMPLES, 153.0)[1] == Said(
        8, "after 20", 20, 160, 3.0
    )  # the 20th step passes it
    assert [each.iteration for each in translations_at([SMALL, LARGE], OWN, Axis.SECONDS, 2.0)] == [
        99, 0,
    ]  # fmt: skip


def test_a_sentence_that_was_not_followed_is_a_gap() -> None:
    assert translations_at([LARGE], ("autre", ""), Axis.SAMPLES, 0.0) == [Said(8, None, 0, 0, 0.0)]


@given(
    some.lists(some.integers(1, 500), min_size=1, max_size=8, unique=True),
    some.integers(0, 1000),
    some.sampled_from([Axis.SAMPLES, Axis.SECONDS]),
)
def test_nothing_of_later_is_shown(places: list[int], amount: int, axis: Axis) -> None:
    told = tuple(evaluation(each, float(each)) for each in [0, *sorted(places)])
    [said] = translations_at([Followed(studies.run(2, 0), told)], OWN, axis, amount)
    later = [each for each in places if each > said.iteration]
    if axis is Axis.SECONDS:
        assert said.seconds <= amount
        assert all(each > amount for each in later)
    else:
        assert said.samples < amount + 2 or not said.iteration
        assert all(2 * each >= amount + 2 for each in later)
    assert said.output == f"after {said.iteration}"
    assert said.samples == pytest.approx(2 * said.iteration)
