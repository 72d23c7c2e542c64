"""A replay in words: what each sentence says, and when it is not said."""

import dataclasses

import pytest

from s2s.analysis.estimate import Estimate
from s2s.analysis.sweep.replay import Elsewhere, Replay, replay
from s2s.config import Engine
from s2s.records import Evaluation, RunState, SampleTranslation, Sweep
from s2s.text.replay import (
    headline,
    learning_rows,
    learnt_text,
    ratio_text,
    replay_text,
    speed_rows,
    translations_text,
    verdict,
)
from tests.replays import UNIGRAM, losses, replay_sweep


def found(sweep: Sweep | None = None, elsewhere: Elsewhere | None = None) -> Replay:
    sweep = sweep or replay_sweep()
    return replay(sweep, losses(sweep), UNIGRAM, elsewhere)


def test_the_paragraph() -> None:
    """Repeats at 0.98, 1 and 1.02: standard deviation of the logs 0.0200, so 3.5 % either way."""
    assert verdict(found()) == (
        "Computed as the article computes, batch 32 trains on 10x (9.66x to 10.4x) as many "
        "samples a second as batch 2 here: 10 to 100. The article had 21.27 to 226.95, 10.7x, on "
        "a Tesla K80: less is gained here. With the same model computed in `fused` it is 4x "
        "(3.86x to 4.14x): 50 to 200. Computing the same batch 2 in `fused` is 5x as fast, which "
        "saves 89 % (89 % to 89 %) of the time a sample that batch 32 saves in `article`: that "
        "much of the article's gain is overhead, which `fused` removes without a larger batch. "
        "In brackets are 90 % intervals from repeats, each of which ran all combinations once. "
        "After 1,000 iterations on starter the validation loss per token is 5.00 (word "
        "frequencies at most) at batch 2 and 4.00 (learnt) at batch 32, which saw 16 times the "
        "sentences. A guess by word frequencies alone is at 5.00; at least 5 % below it counts as "
        "learnt. In the article batch 2 did not learn and batch 32 did. For the size to use "
        "the article has a rule of thumb, 4 to 64; which one is right here cannot be told from two "
        "sizes, since a curve through two points has nothing that checks it. A sweep over "
        "more sizes can: `python -m s2s sweep --corpus starter --batch-sizes "
        "2,4,8,16,32,64,128,256 --rule sqrt`."
    )


def with_article(ratio: Estimate) -> Replay:
    got = found()
    return dataclasses.replace(got, article=dataclasses.replace(got.article, ratio=ratio))


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Estimate(10.0, 9.0, 11.0), "K80, which lies within that interval."),
        (Estimate(13.0, 12.0, 14.0), "K80: more is gained here."),
        (Estimate(9.0, 8.0, 10.0), "K80: less is gained here."),
        (Estimate(10.0), "K80. With"),
    ],
)
def test_beside_the_articles_ratio(ratio: Estimate, said: str) -> None:
    assert said in verdict(with_article(ratio))


def test_one_repeat_says_that_it_has_no_interval() -> None:
    said = verdict(found(replay_sweep((1.0,))))
    assert "One repeat alone gives no interval" in said
    assert "In brackets" not in said


def test_fused_that_is_no_faster_removes_nothing() -> None:
    slow = dataclasses.replace(found(), overhead=Estimate(-0.1, -0.2, 0.1))
    assert "None of the gain of batch 32 is overhead that `fused` removes" in verdict(slow)


def test_a_replay_that_goes_on_says_so_and_nothing_that_it_does_not_know() -> None:
    waiting = {(engine, 32, 0): None for engine in (Engine.ARTICLE, Engine.FUSED)}
    got = found(replay_sweep((1.0,), waiting))
    said = verdict(got)
    assert said.startswith("2 of 4 runs are done, so this is not the last word. For the size")
    assert headline(got) == "Here not known yet, 10.7x in the article"
    assert [row.ratio for row in speed_rows(got)] == ["–", "–", "10.7x"]
    assert [row.trained for row in learning_rows(got)] == ["5.00", "–", "4.96", "–"]


def test_busy_machines_are_named() -> None:
    got = found()
    busy = dataclasses.replace(got.article.small, doubts="busy machine")
    one = dataclasses.replace(got, article=dataclasses.replace(got.article, small=busy))
    assert "In doubt are the speeds of article at batch 2: busy machine." in verdict(one)
    engines = [
        dataclasses.replace(each, small=busy, large=busy) for each in (got.article, got.fused)
    ]
    every = dataclasses.replace(got, article=engines[0], fused=engines[1])
    assert "All these speeds are in doubt: busy machine." in verdict(every)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((8, 16, 32), "8 to 32 in `fused`, within that rule."),
        ((64,), "64 in `fused`, within that rule."),
        ((64, 128), "64 to 128 in `fused`, partly within that rule."),
        ((128, 256), "128 to 256 in `fused`, outside that rule."),
    ],
)
def test_another_sweep_answers(sizes: tuple[int, ...], said: str) -> None:
    text = verdict(found(elsewhere=Elsewhere(4, "fused", sizes)))
    assert text.endswith(f"Sweep 4, of the same corpus and model, can: {said}")
    assert "python -m" not in text


def test_repeats_that_learnt_differently_are_counted() -> None:
    got = found(replay_sweep(states={(Engine.ARTICLE, 32, 1): RunState.DIVERGED}))
    assert learnt_text(got.article.large) == "learnt (2 of 3), nothing (1 of 3)"


def test_rows() -> None:
    got = found(replay_sweep((1.0,)))
    assert [(row.engine, row.small, row.large, row.ratio) for row in speed_rows(got)] == [
        ("article, here", "10", "100", "10x"),
        ("fused, here", "50", "200", "4x"),
        ("the article, Tesla K80", "21.27", "226.95", "10.7x"),
    ]
    assert [(row.batch_size, row.samples, row.learnt) for row in learning_rows(got)] == [
        (2, 2000, "word frequencies at most"),
        (32, 32_000, "learnt"),
        (2, 2000, "word frequencies at most"),
        (32, 32_000, "learnt"),
    ]
    assert ratio_text(None) == "–"


def test_for_a_terminal() -> None:
    failed = replay_sweep(states={(Engine.FUSED, 32, 2): RunState.FAILED})
    runs = [part.run for part in failed.parts if part.run]
    [broken] = [run for run in runs if run.state is RunState.FAILED]
    parts = tuple(
        dataclasses.replace(part, run=dataclasses.replace(part.run, message="It broke."))
        if part.run is broken
        else part
        for part in failed.parts
    )
    lines = replay_text(found(dataclasses.replace(failed, parts=parts))).splitlines()
    assert lines[1:3] == ["", "Samples a second:"]
    assert lines[3].split() == ["engine", "batch", "2", "batch", "32", "ratio"]
    assert lines[-1] == "Batch size 32, fused: It broke."


def test_translations_for_a_terminal() -> None:
    def at(iteration: int, output: str) -> Evaluation:
        followed = (SampleTranslation("je vois .", "i see .", output),)
        given = (SampleTranslation("tu dors .", "", output),)
        return Evaluation(iteration, 0.0, None, followed + given)

    text = translations_text("7 · name", [at(0, "the the"), at(500, "no"), at(1000, "i see .")])
    assert text.splitlines() == [
        "Translations of run 7 · name:",
        "  je vois . (i see .)",
        "    after      0: the the",
        "    after  1,000: i see .",
        "  tu dors .",
        "    after      0: the the",
        "    after  1,000: i see .",
    ]
