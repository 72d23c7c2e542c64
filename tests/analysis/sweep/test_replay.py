"""A replay's numbers by hand, on speeds and losses that are known."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.analysis.run.timing import Variation
from s2s.analysis.sweep import replay as replays
from s2s.analysis.sweep.replay import Learning, Replay, analyze_replay, measure_overhead
from s2s.config import Engine
from s2s.records import Evaluation, Interference, RunState, Sweep
from tests.replays import ARTICLE_2, ARTICLE_32, FUSED_2, UNIGRAM, losses, replay_sweep

speeds = st.floats(0.1, 10_000)


def analysed(sweep: Sweep, unigram: float | None = UNIGRAM) -> Replay:
    return analyze_replay(sweep, losses(sweep), unigram, None)


def test_the_articles_speeds() -> None:
    """2,000 samples in 94 s and 32,000 in 141 s."""
    assert pytest.approx((2000 / 94, 32_000 / 141), abs=0.01) == replays.ARTICLE_SPEEDS
    assert round(replays.ARTICLE_RATIO, 1) == 10.7


def test_speeds_and_ratios() -> None:
    """Factors 1/2, 1 and 2 leave the geometric means, and so the ratios, as they are."""
    replay = analysed(replay_sweep((0.5, 1.0, 2.0)))
    assert replay.article.small.samples_per_second == pytest.approx(10)
    assert replay.article.large.samples_per_second == pytest.approx(100)
    # Welch with equal variances: logs -ln 2, 0, ln 2; standard error ln 2 * sqrt(2 / 3), four
    # degrees of freedom, t 2.1318.
    factor = math.exp(2.1318 * math.log(2) * math.sqrt(2 / 3))
    assert replay.article.ratio.value == pytest.approx(10)
    assert replay.article.ratio.ends == pytest.approx((10 / factor, 10 * factor), rel=1e-4)
    assert replay.fused.ratio.value == pytest.approx(4)
    # 0.1 s per sample, 0.01 at batch 32, 0.02 in fused; each factor leaves the share as it is.
    assert replay.overhead.value == pytest.approx(0.08 / 0.09)
    assert (replay.done, replay.total, replay.device, replay.iterations) == (12, 12, "cpu", 1000)
    json.dumps(dataclasses.asdict(replay), allow_nan=False)


def test_one_repeat_has_no_interval_and_missing_runs_are_gaps() -> None:
    waiting = {(Engine.ARTICLE, 32, 0): None, (Engine.FUSED, 2, 0): RunState.RUNNING}
    replay = analysed(replay_sweep((1.0,)))
    assert not replay.article.ratio.has_interval
    assert not replay.overhead.has_interval
    replay = analysed(replay_sweep((1.0,), waiting))
    assert (replay.done, replay.total) == (2, 4)
    assert replay.article.small.samples_per_second == pytest.approx(10)
    assert replay.article.large.samples_per_second is None
    assert (replay.article.ratio, replay.fused.ratio, replay.overhead) == (None, None, None)
    assert (replay.article.large.learning, replay.article.large.validation_loss) == ((), None)


def test_uncertain_timing_is_flagged() -> None:
    """One repeat of article at batch 2 is noisy, and shared the CPU."""
    sweep = replay_sweep()
    [first, *others] = sweep.parts
    disturbed = dataclasses.replace(
        first.run.summary, step_relative_iqr=0.2, interference=Interference(1.5, 2, (), None)
    )
    first = dataclasses.replace(first, run=dataclasses.replace(first.run, summary=disturbed))
    replay = analysed(dataclasses.replace(sweep, parts=(first, *others)))
    small, large = replay.article.small, replay.article.large
    assert (small.timing_variations, small.interference) == ((Variation.NOISY,), True)
    assert (large.timing_variations, large.interference) == ((), False)


def test_overhead_and_its_interval_by_hand() -> None:
    """Shares 0.8 and 0.9: mean 0.85, standard error 0.05, t of one degree of freedom 6.3138."""
    repeats = [
        {ARTICLE_2: 10.0, ARTICLE_32: 50.0, FUSED_2: 1 / (0.1 - share * 0.08)}
        for share in (0.8, 0.9)
    ]
    incomplete = {ARTICLE_2: 1.0, ARTICLE_32: 2.0}
    overhead, half = measure_overhead([*repeats, incomplete]), 6.3138 * 0.05
    assert overhead.value == pytest.approx(0.85)
    assert overhead.ends == pytest.approx((0.85 - half, 0.85 + half), abs=1e-5)


@given(speeds, st.floats(1.01, 100), st.floats(0.01, 100))
def test_overhead_does_not_depend_on_the_machine(small: float, gain: float, factor: float) -> None:
    speed = {ARTICLE_2: small, ARTICLE_32: gain * small}
    for fused, share in ((small, 0), (gain * small, 1)):
        scaled = {key: factor * value for key, value in (speed | {FUSED_2: fused}).items()}
        assert measure_overhead([scaled]).value == pytest.approx(share, abs=1e-6)
    even = {ARTICLE_2: small, ARTICLE_32: small, FUSED_2: small}
    assert measure_overhead([scaled, even]) is measure_overhead([]) is None


def test_learning_by_the_final_loss() -> None:
    """Untrained it is 8, of which 95% are 7.6; 95% of 5 are 4.75."""
    expected = {
        (4.75, 5.0): Learning.LEARNED, (4.76, 5.0): Learning.FREQUENCIES,
        (7.6, 5.0): Learning.FREQUENCIES, (7.61, 5.0): Learning.NOTHING,
        (math.nan, 5.0): Learning.NOTHING, (math.inf, None): Learning.NOTHING,
        (4.0, None): None, (7.61, None): Learning.NOTHING,
    }  # fmt: skip
    for (loss, unigram), learned in expected.items():
        assert replays.classify_learning(loss, 8.0, unigram) is learned


def test_learning_of_the_repeats() -> None:
    replay = analysed(replay_sweep(states={(Engine.ARTICLE, 32, 1): RunState.DIVERGED}))
    assert replay.article.small.learning == (Learning.FREQUENCIES,) * 3
    assert replay.article.large.learning == (Learning.LEARNED, Learning.LEARNED, Learning.NOTHING)
    assert replay.article.large.validation_loss == pytest.approx(4.0)
    assert replay.article.large.untrained_loss == 8.0
    assert analysed(replay_sweep(), unigram=None).article.small.learning == ()
    # Runs without evaluations are not judged.
    sweep = replay_sweep((1.0,))
    evaluations = losses(sweep)
    evaluations[1] = []
    evaluations[2] = [Evaluation(0, 0.0, None, ()), Evaluation(1000, 9.0, None, ())]
    replay = analyze_replay(sweep, evaluations, UNIGRAM, None)
    for size in (replay.article.small, replay.article.large):
        assert (size.learning, size.validation_loss, size.untrained_loss) == ((), None, None)


def test_evaluations_as_the_article_prints_them() -> None:
    def selected(*iterations: int) -> list[int]:
        evaluations = [Evaluation(each, 0.0, None, ()) for each in iterations]
        return [each.iteration for each in replays.select_article_evaluations(evaluations)]

    assert selected(0, 500, 1000, 1500, 2000, 2500) == [0, 1000, 2000, 2500]
    assert selected(0, 512, 1000) == [0, 1000]
    assert selected() == []
