"""The article's comparison repeated here: what a replay's records say, beside its own figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, geometric_mean, stdev

from scipy.stats import t

from s2s.analysis.compare.speed import speed_ratio
from s2s.analysis.estimate import CONFIDENCE, Estimate
from s2s.analysis.sweep.figures import finished_runs, speeds
from s2s.analysis.sweep.table import run_messages
from s2s.config import Engine
from s2s.formatting import format_timing_warnings
from s2s.records import Evaluation, Run, RunState, Sweep

SMALL, LARGE = 2, 32
"""The article's two batch sizes."""
ARTICLE_SPEEDS = (21.27, 226.95)
"""Samples a second at either, as the article prints them: 1,000 iterations in 94 s and in 141 s on
a Tesla K80 ("Translation using batched sequence to sequence", 2018-11-18)."""
ARTICLE_RATIO = ARTICLE_SPEEDS[1] / ARTICLE_SPEEDS[0]
"""10.7; the article rounds it to 10X."""
RULE_OF_THUMB = (4, 64)
"""Batch sizes that the article recommends."""
CLEARLY = 0.05
"""A loss is clearly lower by this share of the other: five times the standard error that the few
pairs of an evaluation leave."""
TRANSLATED_EVERY = 1000
"""Iterations between two translations that the article prints of its long run."""


class Learning(StrEnum):
    """What a run has learnt, by its last validation loss per token."""

    LEARNT = "learnt"
    """Clearly lower than a guess by word frequencies alone, so something of sentences."""
    FREQUENCIES = "word frequencies at most"
    """Clearly lower than untrained, and not than that guess."""
    NOTHING = "nothing"
    """Not clearly lower than untrained, or no number."""


@dataclass(frozen=True)
class SizeReplay:
    """One engine at one batch size; figures are of the repeats so far, None of none."""

    engine: str
    batch_size: int
    samples_per_second: float | None
    """Geometric mean, so that two of them give the ratio."""
    untrained_loss: float | None
    """Mean validation loss per token before the first step."""
    validation_loss: float | None
    """The same after the last step."""
    learning: tuple[Learning, ...]
    """Of each repeat that can be judged; one that diverged has learnt nothing."""
    format_timing_warnings: str
    """What speaks against the speed, such as `busy machine`; mostly empty."""


@dataclass(frozen=True)
class EngineReplay:
    small: SizeReplay
    large: SizeReplay
    ratio: Estimate | None
    """How many times the samples a second of batch 2 batch 32 trains on."""

    @property
    def engine(self) -> str:
        return self.small.engine


@dataclass(frozen=True)
class Elsewhere:
    """What another sweep says of the size to use, on the same corpus and for the same model."""

    sweep_id: int
    engine: str
    good_sizes: tuple[int, ...]


@dataclass(frozen=True)
class Replay:
    sweep_id: int
    corpus: str
    iterations: int
    repeats: int
    device: str
    """Empty before the first run starts."""
    done: int
    """Runs that have a result."""
    total: int
    article: EngineReplay
    fused: EngineReplay
    overhead: Estimate | None
    """See `overhead`."""
    unigram_loss: float | None
    """Of a guess by word frequencies alone, nats per token; None where the corpus is gone."""
    elsewhere: Elsewhere | None
    messages: tuple[str, ...]
    """Why runs failed, and the like."""


def replay(
    sweep: Sweep,
    evaluations: Mapping[int, Sequence[Evaluation]],
    unigram_loss: float | None,
    elsewhere: Elsewhere | None,
) -> Replay:
    """As far as the sweep is. `evaluations`: by run id, of every run that has ended."""
    article, fused = (
        _engine(sweep, engine, evaluations, unigram_loss)
        for engine in (Engine.ARTICLE, Engine.FUSED)
    )
    started = [part.run.device for part in sweep.parts if part.run and part.run.device]
    return Replay(
        sweep_id=sweep.id,
        corpus=sweep.config.base.corpus,
        iterations=int(sweep.config.amount),
        repeats=sweep.config.repeats,
        device=started[0] if started else "",
        done=sweep.parts_done(),
        total=len(sweep.parts),
        article=article,
        fused=fused,
        overhead=overhead(_speeds_by_repeat(sweep)),
        unigram_loss=unigram_loss,
        elsewhere=elsewhere,
        messages=tuple(run_messages(sweep)),
    )


def overhead(repeats: Sequence[Mapping[tuple[Engine, int], float]]) -> Estimate | None:
    """Share of what batch 32 saves in `article` that `fused` saves at batch 2 already.

    With t_e(B) = 1 / (samples a second of engine e at batch size B), seconds a sample:

        (t_article(2) - t_fused(2)) / (t_article(2) - t_article(32))

    Above 1 where batch 2 in `fused` is faster than batch 32 in `article`, below 0 where it is
    slower than batch 2 there. `repeats`: the speeds of each repeat; those that lack one of the
    three are left out. The mean over the others, with Student's t interval where there are two or
    more. None where there is none, or where in one of them batch 32 saved nothing. (Derived for
    this project.)
    """
    shares = []
    for speed in repeats:
        slow = speed.get((Engine.ARTICLE, SMALL))
        batched = speed.get((Engine.ARTICLE, LARGE))
        fused = speed.get((Engine.FUSED, SMALL))
        if slow is None or batched is None or fused is None:
            continue
        if batched <= slow:
            return None
        shares.append((1 / slow - 1 / fused) / (1 / slow - 1 / batched))
    return _mean(shares) if shares else None


def learning(
    validation_loss: float, untrained_loss: float, unigram_loss: float | None
) -> Learning | None:
    """None where only the missing `unigram_loss` could tell. All in nats per token."""
    if not validation_loss <= (1 - CLEARLY) * untrained_loss:  # no number is not lower
        return Learning.NOTHING
    if unigram_loss is None:
        return None
    lower = validation_loss <= (1 - CLEARLY) * unigram_loss
    return Learning.LEARNT if lower else Learning.FREQUENCIES


def printed(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations at every 1,000 iterations, as the article shows them, and the last."""
    chosen = [each for each in evaluations if each.iteration % TRANSLATED_EVERY == 0]
    return [*chosen, *(each for each in evaluations[-1:] if each not in chosen)]


def _engine(
    sweep: Sweep,
    engine: Engine,
    evaluations: Mapping[int, Sequence[Evaluation]],
    unigram_loss: float | None,
) -> EngineReplay:
    small, large = (
        _size(sweep, engine, size, evaluations, unigram_loss) for size in (SMALL, LARGE)
    )
    found = speeds(finished_runs(sweep, engine))
    known = SMALL in found and LARGE in found
    ratio = speed_ratio(found[LARGE], found[SMALL]).ratio if known else None
    return EngineReplay(small, large, ratio)


def _size(
    sweep: Sweep,
    engine: Engine,
    batch_size: int,
    evaluations: Mapping[int, Sequence[Evaluation]],
    unigram_loss: float | None,
) -> SizeReplay:
    runs = [run for run in finished_runs(sweep, engine) if run.config.batch_size == batch_size]
    diverged = sum(
        part.run is not None and part.run.state is RunState.DIVERGED
        for part in sweep.parts
        if (part.engine, part.batch_size) == (engine, batch_size)
    )
    ends = [ends for run in runs if (ends := _first_and_last(evaluations[run.id]))]
    judged = [learning(last, first, unigram_loss) for first, last in ends]
    found = speeds(runs).get(batch_size)
    return SizeReplay(
        engine.value,
        batch_size,
        geometric_mean(found) if found else None,
        fmean(first for first, _ in ends) if ends else None,
        fmean(last for _, last in ends) if ends else None,
        (*(each for each in judged if each), *[Learning.NOTHING] * diverged),
        ", ".join(dict.fromkeys(filter(None, map(_doubts, runs)))),
    )


def _first_and_last(evaluations: Sequence[Evaluation]) -> tuple[float, float] | None:
    """Validation losses before the first step and after the last; None where one is missing."""
    if len(evaluations) < 2 or evaluations[0].iteration:
        return None
    first, last = (evaluations[index].validation_loss_per_token for index in (0, -1))
    return None if first is None or last is None else (first, last)


def _doubts(run: Run) -> str:
    return (
        format_timing_warnings(run.summary.timing_variation, run.summary.interference)
        if run.summary
        else ""
    )


def _speeds_by_repeat(sweep: Sweep) -> list[dict[tuple[Engine, int], float]]:
    found: dict[int, dict[tuple[Engine, int], float]] = {}
    for part in sweep.parts:
        finished = part.run is not None and part.run.state is RunState.FINISHED
        if finished and part.run and part.run.summary and part.run.summary.samples_per_second:
            speed = part.run.summary.samples_per_second
            found.setdefault(part.repeat, {})[part.engine, part.batch_size] = speed
    return list(found.values())


def _mean(values: Sequence[float]) -> Estimate:
    """With Student's t interval; none of a single value."""
    mean = fmean(values)
    if len(values) == 1:
        return Estimate(mean)
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    half = quantile * stdev(values) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)
