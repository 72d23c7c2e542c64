"""Results of a replay. A replay repeats the article's comparison on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, geometric_mean

from s2s.analysis.compare.speed import measure_speed_ratio
from s2s.analysis.estimate import Estimate, estimate_mean
from s2s.analysis.run.interference import has_interference
from s2s.analysis.run.timing import Variation, classify_variation
from s2s.analysis.sweep.runs import list_finished_runs
from s2s.analysis.sweep.throughput import collect_speeds
from s2s.config import Engine
from s2s.records import Evaluation, RunState, Sweep

SMALL, LARGE = 2, 32
"""The article's two batch sizes."""
ARTICLE_SPEEDS = (21.27, 226.95)
"""Samples per second at both batch sizes, as printed in the article ("Translation using batched
sequence to sequence", 2018-11-18): 1,000 iterations took 94 s and 141 s on a Tesla K80."""
ARTICLE_RATIO = ARTICLE_SPEEDS[1] / ARTICLE_SPEEDS[0]
ARTICLE_RANGE = (4, 64)
"""Smallest and largest batch size that the article recommends."""
LOWER_LOSS = 0.05
"""A loss counts as lower if it is lower by at least this share. That is five times the standard
error of an evaluation, which has few sentence pairs."""
TRANSLATED_EVERY = 1000
"""The article prints translations of its long run at intervals of this many iterations."""


class Learning(StrEnum):
    """How much a run learned, by its last validation loss per token, with LOWER_LOSS."""

    LEARNED = "learned"
    """The loss is lower than the unigram baseline, so the model uses more than word frequencies."""
    FREQUENCIES = "only word frequencies"
    """The loss is lower than before training, but not lower than the unigram baseline."""
    NOTHING = "nothing"
    """The loss is not lower than before training, or it is NaN or infinite."""


@dataclass(frozen=True)
class SizeReplay:
    """Results of one engine at one batch size, over the repeats so far."""

    engine: str
    batch_size: int
    samples_per_second: float | None
    """Geometric mean over the repeats, so that the ratio of two means is the mean of the ratios."""
    untrained_loss: float | None
    """Mean validation loss per token before the first step."""
    validation_loss: float | None
    """Mean validation loss per token after the last step."""
    learning: tuple[Learning, ...]
    """How much each repeat learned, where known. A repeat that diverged learned nothing."""
    timing_variations: tuple[Variation, ...]
    """Timing variation of the repeats: NOISY, VERY_NOISY, both, or empty if all were steady."""
    interference: bool
    """Whether there was interference during any repeat."""


@dataclass(frozen=True)
class EngineReplay:
    """Results of one engine at both batch sizes."""

    small: SizeReplay
    large: SizeReplay
    ratio: Estimate | None
    """Samples per second at batch size 32 divided by those at batch size 2."""


@dataclass(frozen=True)
class RelatedAdvice:
    """The recommended range of another sweep with the same corpus, model and device."""

    sweep_id: int
    engine: str
    recommended_range: tuple[int, ...]


@dataclass(frozen=True)
class Replay:
    """Results of a replay so far."""

    sweep_id: int
    corpus: str
    iterations: int
    repeats: int
    device: str
    """The device of the runs; empty before the first run starts."""
    done: int
    """Number of runs with a result."""
    total: int
    article: EngineReplay
    fused: EngineReplay
    overhead: Estimate | None
    """The share that `measure_overhead` returns."""
    unigram_loss: float | None
    """Loss per token of the unigram baseline, in nats; `None` if the corpus was removed."""
    related: RelatedAdvice | None


def analyze_replay(
    sweep: Sweep,
    evaluations: Mapping[int, Sequence[Evaluation]],
    unigram_loss: float | None,
    related: RelatedAdvice | None,
) -> Replay:
    """Return the results of a replay so far, from its runs' evaluations by run id."""

    def measure(engine: Engine) -> EngineReplay:
        small, large = (
            _measure_size(sweep, engine, size, evaluations, unigram_loss) for size in (SMALL, LARGE)
        )
        speeds = collect_speeds(list_finished_runs(sweep, engine))
        ratio = measure_speed_ratio(speeds[LARGE], speeds[SMALL]) if len(speeds) == 2 else None
        return EngineReplay(small, large, ratio)

    repeats: dict[int, dict[tuple[Engine, int], float]] = {}
    for part in sweep.parts:
        summary = part.run.summary if part.run and part.run.state is RunState.FINISHED else None
        if summary and summary.samples_per_second:
            speeds = repeats.setdefault(part.repeat, {})
            speeds[part.engine, part.batch_size] = summary.samples_per_second
    devices = [part.run.device for part in sweep.parts if part.run and part.run.device]
    return Replay(
        sweep_id=sweep.id,
        corpus=sweep.config.base.corpus,
        iterations=int(sweep.config.amount),
        repeats=sweep.config.repeats,
        device=devices[0] if devices else "",
        done=sweep.count_done_parts(),
        total=len(sweep.parts),
        article=measure(Engine.ARTICLE),
        fused=measure(Engine.FUSED),
        overhead=measure_overhead(list(repeats.values())),
        unigram_loss=unigram_loss,
        related=related,
    )


def measure_overhead(repeats: Sequence[Mapping[tuple[Engine, int], float]]) -> Estimate | None:
    """Return the share of batching's time saving that `fused` achieves without larger batches.

    With t_e(B) the seconds per sample of engine e at batch size B (derived for this project), it is
        (t_article(2) - t_fused(2)) / (t_article(2) - t_article(32)),
    averaged over the complete repeats.

    Args:
        repeats: Samples per second by engine and batch size, for each repeat.

    Returns:
        `None` if no repeat is complete, or if batch size 32 saves no time in one of them.
    """
    needed = ((Engine.ARTICLE, SMALL), (Engine.ARTICLE, LARGE), (Engine.FUSED, SMALL))
    times = [
        [1 / speeds[key] for key in needed] for speeds in repeats if all(map(speeds.get, needed))
    ]
    if not times or any(large >= small for small, large, _ in times):
        return None
    return estimate_mean([(small - fused) / (small - large) for small, large, fused in times])


def classify_learning(
    validation_loss: float, untrained_loss: float, unigram_loss: float | None
) -> Learning | None:
    """Return how much a run learned; `None` if that depends on an unknown `unigram_loss`."""
    if not validation_loss <= (1 - LOWER_LOSS) * untrained_loss:  # true for NaN, too
        return Learning.NOTHING
    if unigram_loss is None:
        return None
    lower = validation_loss <= (1 - LOWER_LOSS) * unigram_loss
    return Learning.LEARNED if lower else Learning.FREQUENCIES


def select_article_evaluations(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the evaluations at every 1,000th iteration, as in the article, and the last one."""
    selected = [each for each in evaluations if each.iteration % TRANSLATED_EVERY == 0]
    return [*selected, *(each for each in evaluations[-1:] if each not in selected)]


def _measure_size(
    sweep: Sweep,
    engine: Engine,
    batch_size: int,
    evaluations: Mapping[int, Sequence[Evaluation]],
    unigram_loss: float | None,
) -> SizeReplay:
    runs = [
        part.run
        for part in sweep.parts
        if (part.engine, part.batch_size) == (engine, batch_size) and part.run
    ]
    finished = [run for run in runs if run.state is RunState.FINISHED]
    summaries = [run.summary for run in finished if run.summary]
    first_and_last: list[tuple[float, float]] = []
    for run in finished:
        losses = [each.validation_loss_per_token for each in evaluations[run.id]]
        if len(losses) > 1 and losses[0] is not None and losses[-1] is not None:
            first_and_last.append((losses[0], losses[-1]))
    learning = [classify_learning(last, first, unigram_loss) for first, last in first_and_last]
    learning += [Learning.NOTHING for run in runs if run.state is RunState.DIVERGED]
    speeds = [each.samples_per_second for each in summaries if each.samples_per_second]
    variations = [classify_variation(each.step_relative_iqr) for each in summaries]
    return SizeReplay(
        engine.value,
        batch_size,
        geometric_mean(speeds) if speeds else None,
        fmean(first for first, _ in first_and_last) if first_and_last else None,
        fmean(last for _, last in first_and_last) if first_and_last else None,
        tuple(each for each in learning if each),
        tuple(dict.fromkeys(each for each in variations if each)),
        any(has_interference(each.interference) for each in summaries),
    )
