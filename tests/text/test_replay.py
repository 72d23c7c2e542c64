"""Every sentence of a replay, in the golden file."""

import dataclasses
import re

from s2s.analysis.estimate import Estimate
from s2s.analysis.run.timing import Variation
from s2s.analysis.sweep.replay import RelatedAdvice, Replay, analyze_replay
from s2s.cli.main import build_parser
from s2s.config import Engine
from s2s.records import Evaluation, RunState, SampleTranslation, Sweep
from s2s.text import replay as text
from tests.golden_text import check_golden
from tests.replays import UNIGRAM, losses, replay_sweep


def replay(sweep: Sweep | None = None, related: RelatedAdvice | None = None) -> Replay:
    sweep = sweep or replay_sweep()
    return analyze_replay(sweep, losses(sweep), UNIGRAM, related)


def changed_sentences(changed: Replay) -> str:
    """The sentences that differ from the whole replay's."""
    usual = text.describe_replay(replay()).split(". ")
    return ". ".join(
        each for each in text.describe_replay(changed).split(". ") if each not in usual
    )


def disturb_article(replay: Replay) -> Replay:
    small = dataclasses.replace(
        replay.article.small, interference=True, timing_variations=(Variation.NOISY,)
    )
    return dataclasses.replace(replay, article=dataclasses.replace(replay.article, small=small))


def at(iteration: int, output: str) -> Evaluation:
    held_out = SampleTranslation("je vois .", "i see .", output)
    return Evaluation(iteration, 0.0, None, (held_out, SampleTranslation("tu dors .", "", output)))


def test_golden_text() -> None:
    whole, single = replay(), replay(replay_sweep((1.0,)))
    waiting = replay(
        replay_sweep((1.0,), {(engine, 32, 0): None for engine in (Engine.ARTICLE, Engine.FUSED)})
    )
    diverged = replay(replay_sweep(states={(Engine.ARTICLE, 32, 1): RunState.DIVERGED}))
    check_golden(
        "replay",
        {
            "speed ratios": text.describe_speed_ratios(whole),
            "whole": text.format_replay(whole),
            "one repeat": changed_sentences(single),
            "in progress": f"{text.describe_speed_ratios(waiting)}\n{text.format_replay(waiting)}",
            "one repeat diverged": changed_sentences(diverged),
            "fused is no faster": changed_sentences(
                dataclasses.replace(whole, overhead=Estimate(-0.1, -0.2, 0.1))
            ),
            "one uncertain speed": changed_sentences(disturb_article(whole)),
            **{
                f"another sweep recommends {sizes}": changed_sentences(
                    replay(related=RelatedAdvice(4, "fused", sizes))
                )
                for sizes in ((8, 16, 32), (128,))
            },
            "translations": text.format_translations(
                "7 · name", [at(0, "the the"), at(500, "no"), at(1000, "i see .")]
            ),
        },
    )


def test_the_suggested_command_can_be_parsed() -> None:
    [command] = re.findall("`python -m s2s (.*?)`", text.describe_replay(replay()))
    options = build_parser().parse_args(command.split())
    assert (options.corpus, options.learning_rate_rule) == ("starter", "sqrt")
