"""A replay's figures, worked out by hand on speeds and losses that were chosen for it."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.analysis.sweep import replay as analysis
from s2s.analysis.sweep.replay import (
    ARTICLE_RATIO,
    Learning,
    Replay,
    learning,
    overhead,
    printed,
    replay,
)
from s2s.config import Engine
from s2s.records import Evaluation, RunState, Sweep
from tests.replays import (
    ARTICLE_2,
    ARTICLE_32,
    FUSED_2,
    UNIGRAM,
    losses,
    replay_sweep,
)

speeds = st.floats(0.1, 10_000)


def found(sweep: Sweep, unigram: float | None = UNIGRAM) -> Replay:
    return replay(sweep, losses(sweep), unigram, None)


def test_the_articles_figures() -> None:
    """2,000 samples in 94 s and 32,000 in 141 s."""
    small, large = analysis.ARTICLE_SPEEDS
    assert small == pytest.approx(2000 / 94, abs=0.01)
    assert large == pytest.approx(32_000 / 141, abs=0.01)
    assert round(ARTICLE_RATIO, 1) == 10.7


def test_speeds_and_ratios() -> None:
    """Factors 1/2, 1 and 2 leave the geometric means, and so the ratios, as they are."""
    got = found(replay_sweep((0.5, 1.0, 2.0)))
    assert got.article.small.samples_per_second == pytest.approx(10)
    assert got.article.large.samples_per_second == pytest.approx(100)
    assert got.article.ratio.value == pytest.approx(10)
    # Welch with equal variances: logs -ln 2, 0, ln 2; standard error ln 2 * sqrt(2 / 3), four
    # degrees of freedom, t 2.1318.
    half = 2.1318 * math.log(2) * math.sqrt(2 / 3)
    assert got.article.ratio.low == pytest.approx(10 * math.exp(-half), rel=1e-4)
    assert got.article.ratio.high == pytest.approx(10 * math.exp(half), rel=1e-4)
    assert got.fused.ratio.value == pytest.approx(4)
    # 0.1 s a sample, 0.01 at batch 32, 0.02 in fused; each factor leaves the share as it is.
    assert got.overhead.value == pytest.approx(0.08 / 0.09)
    assert (got.done, got.total, got.device, got.iterations) == (12, 12, "cpu", 1000)


def test_one_repeat_has_no_interval() -> None:
    got = found(replay_sweep((1.0,)))
    assert (got.article.ratio.low, got.article.ratio.high) == (None, None)
    assert (got.overhead.low, got.overhead.high) == (None, None)


def test_what_is_not_there_yet_is_none() -> None:
    waiting = {(Engine.ARTICLE, 32, 0): None, (Engine.FUSED, 2, 0): RunState.RUNNING}
    got = found(replay_sweep((1.0,), waiting))
    assert (got.done, got.total) == (2, 4)
    assert got.article.small.samples_per_second == pytest.approx(10)
    assert got.article.large.samples_per_second is None
    assert (got.article.ratio, got.fused.ratio, got.overhead) == (None, None, None)
    assert got.article.large.learning == ()
    assert got.article.large.validation_loss is None
    assert got.fused.small.samples_per_second is None


def test_it_can_be_written_as_json() -> None:
    json.dumps(dataclasses.asdict(found(replay_sweep())), allow_nan=False)


# Overhead


def test_overhead_and_its_interval_by_hand() -> None:
    """Shares 0.8 and 0.9: mean 0.85, standard error 0.05, t of one degree of freedom 6.3138."""
    repeats = [
        {ARTICLE_2: 10.0, ARTICLE_32: 50.0, FUSED_2: 1 / (0.1 - share * 0.08)}
        for share in (0.8, 0.9)
    ]
    incomplete = {ARTICLE_2: 1.0, ARTICLE_32: 2.0}
    got = overhead([*repeats, incomplete])
    assert got.value == pytest.approx(0.85)
    assert got.low == pytest.approx(0.85 - 6.3138 * 0.05, abs=1e-5)
    assert got.high == pytest.approx(0.85 + 6.3138 * 0.05, abs=1e-5)


@given(speeds, st.floats(1.01, 100), speeds, st.floats(0.01, 100))
def test_overhead_does_not_depend_on_the_machines_speed(
    slow: float, gain: float, fused: float, factor: float
) -> None:
    speed = {ARTICLE_2: slow, ARTICLE_32: gain * slow, FUSED_2: fused}
    faster = {key: factor * value for key, value in speed.items()}
    got = overhead([faster]).value
    assert got == pytest.approx(overhead([speed]).value, rel=1e-6, abs=1e-6)


@given(speeds, st.floats(1.01, 100))
def test_overhead_is_0_of_no_gain_and_1_of_all_of_it(slow: float, gain: float) -> None:
    speed = {ARTICLE_2: slow, ARTICLE_32: gain * slow}
    assert overhead([{**speed, FUSED_2: slow}]).value == 0
    assert overhead([{**speed, FUSED_2: gain * slow}]).value == pytest.approx(1)


def test_without_a_gain_there_is_no_share() -> None:
    even = {ARTICLE_2: 10.0, ARTICLE_32: 10.0, FUSED_2: 20.0}
    good = {ARTICLE_2: 10.0, ARTICLE_32: 50.0, FUSED_2: 20.0}
    assert overhead([good, even]) is None
    assert overhead([]) is None


# Learning


@pytest.mark.parametrize(
    ("loss", "unigram", "learnt"),
    [
        (4.75, 5.0, Learning.LEARNT),
        (4.76, 5.0, Learning.FREQUENCIES),
        (7.6, 5.0, Learning.FREQUENCIES),
        (7.61, 5.0, Learning.NOTHING),
        (7.61, 9.0, Learning.NOTHING),  # such a corpus would be strange
        (math.nan, 5.0, Learning.NOTHING),
        (math.inf, None, Learning.NOTHING),
        (4.0, None, None),
        (7.61, None, Learning.NOTHING),
    ],
)
def test_what_counts_as_learnt(loss: float, unigram: float | None, learnt: Learning | None) -> None:
    """Untrained it is 8, of which 95 % are 7.6; 95 % of 5 are 4.75."""
    assert learning(loss, 8.0, unigram) is learnt


def test_learning_of_the_repeats() -> None:
    got = found(replay_sweep(states={(Engine.ARTICLE, 32, 1): RunState.DIVERGED}))
    assert got.article.small.learning == (Learning.FREQUENCIES,) * 3
    assert got.article.large.learning == (Learning.LEARNT, Learning.LEARNT, Learning.NOTHING)
    assert got.article.large.validation_loss == pytest.approx(4.0)
    assert got.article.large.untrained_loss == 8.0
    assert found(replay_sweep(), unigram=None).article.small.learning == ()


def test_a_run_without_an_evaluation_is_not_judged() -> None:
    sweep = replay_sweep((1.0,))
    evaluations = losses(sweep)
    evaluations[1] = []
    evaluations[2] = [Evaluation(0, 0.0, None, ()), Evaluation(1000, 9.0, None, ())]
    got = replay(sweep, evaluations, UNIGRAM, None)
    for size in (got.article.small, got.article.large):
        assert (size.learning, size.validation_loss, size.untrained_loss) == ((), None, None)


# Translations


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ([0, 512, 1000], [0, 1000]),
        ([0, 500, 1000, 1500, 2000, 2500], [0, 1000, 2000, 2500]),
        ([0, 3, 6], [0, 6]),
        ([], []),
    ],
)
def test_evaluations_as_the_article_prints_them(at: list[int], shown: list[int]) -> None:
    evaluations = [Evaluation(iteration, 0.0, None, ()) for iteration in at]
    assert [each.iteration for each in printed(evaluations)] == shown
