"""The article's comparison as a sweep: its configuration, and its results from the store."""

import dataclasses
from contextlib import suppress

from s2s.analysis.advice.advise import advise
from s2s.analysis.sweep.replay import (
    LARGE,
    SMALL,
    TRANSLATED_EVERY,
    RelatedAdvice,
    Replay,
    analyze_replay,
)
from s2s.analysis.sweep.runs import list_finished_runs
from s2s.config import Budget, Engine, LearningRateRule, SweepConfig, TrainConfig
from s2s.data.catalog import open_corpus
from s2s.data.stats import compute_unigram_loss
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.records import Run, Sweep
from s2s.store import Store
from s2s.store.sweeps import read_sweeps

ITERATIONS, LONG_ITERATIONS = 1_000, 10_000
"""Iterations of the compared runs, and of the run whose translations the article prints."""
_REPEATS = 3
"""Confidence intervals are computed across repeats, not across the steps of one run: the machine
may be slower during one run than during the run that it is compared with."""
_MIN_SIZES = 3
"""A sweep needs at least this many batch sizes for its advice to be shown beside a replay."""


def build_replay_config(
    corpus: str,
    iterations: int = ITERATIONS,
    repeats: int | None = None,
    threads: int = 0,
    device: str = "auto",
) -> SweepConfig:
    """Return the article's comparison with the default model, optimizer and learning rate.

    Args:
        iterations: Iterations per run. Above ITERATIONS the replay is long: it translates samples
            every TRANSLATED_EVERY iterations.
        repeats: Number of repeats. By default three, or one if the replay is long.

    Raises:
        UserError: The configuration is invalid.
    """
    is_long = iterations > ITERATIONS
    evaluate_every = TRANSLATED_EVERY if is_long else 0
    if repeats is None:
        repeats = 1 if is_long else _REPEATS
    return SweepConfig(
        base=TrainConfig(
            corpus=corpus, threads=threads, device=device, evaluate_every=evaluate_every
        ),
        batch_sizes=(SMALL, LARGE),
        engines=(Engine.ARTICLE, Engine.FUSED),
        repeats=repeats,
        learning_rate_rule=LearningRateRule.CONSTANT,
        budget=Budget.ITERATIONS,
        amount=iterations,
    )


def is_replay(config: SweepConfig) -> bool:
    """Return whether the sweep is the article's comparison, no matter how it was started."""
    if config.budget is not Budget.ITERATIONS:
        return False
    base = config.base
    return config == build_replay_config(
        base.corpus, int(config.amount), config.repeats, base.threads, base.device
    )


def read_replay(
    store: Store, sweep: Sweep, unigram_loss: float | None, related: RelatedAdvice | None
) -> Replay:
    """Return the results that a replay has so far.

    Args:
        unigram_loss: Result of `measure_unigram_loss`. It does not change during the replay.
        related: Result of `find_related_advice`. It does not change either.

    Raises:
        UserError: The sweep is not the article's comparison.
    """
    if not is_replay(sweep.config):
        raise UserError(
            f"Sweep {sweep.id} is not the article's comparison. Start one with "
            "`python -m s2s replay`."
        )
    evaluations = {part.run.id: store.evaluations(part.run.id) for part in sweep.parts if part.run}
    return analyze_replay(sweep, evaluations, unigram_loss, related)


def measure_unigram_loss(sweep: Sweep) -> float | None:
    """Return the loss per token of a model that knows only word frequencies.

    Returns:
        `None` if the corpus was removed.
    """
    try:
        return compute_unigram_loss(open_corpus(corpora_folder(), sweep.config.base.corpus))
    except UserError:
        return None


def find_related_advice(store: Store, sweep: Sweep) -> RelatedAdvice | None:
    """Return the newest advice from a sweep with the same corpus, model and device, if any."""
    key = _build_comparison_key(sweep)
    for other in read_sweeps(store):
        has_too_few_sizes = len(other.config.batch_sizes) < _MIN_SIZES
        if has_too_few_sizes or _build_comparison_key(other) != key:
            continue
        # Prefer advice for the fused engine, because users train with it.
        for engine in sorted(other.config.engines, key=lambda each: each is not Engine.FUSED):
            with suppress(UserError):  # it may have too few finished runs for advice
                runs = list_finished_runs(other, engine)
                evaluations = {run.id: store.evaluations(run.id) for run in runs}
                recommended_range = advise(other, engine, evaluations).recommendation.range
                if recommended_range:
                    return RelatedAdvice(other.id, engine.value, recommended_range)
    return None


def list_first_repeat_runs(sweep: Sweep) -> list[Run]:
    """Return the started runs of the first repeat, sorted by engine and batch size."""
    parts = sorted(sweep.parts, key=lambda part: (part.engine, part.batch_size))
    return [part.run for part in parts if part.repeat == 0 and part.run]


def _build_comparison_key(sweep: Sweep) -> tuple[object, ...]:
    """Return a key that is equal for sweeps with comparable advice.

    It holds everything that affects the time of a step, except engine and batch size.
    """
    devices = {part.run.device for part in sweep.parts if part.run and part.run.device}
    base = dataclasses.replace(sweep.config.base, engine=Engine.FUSED)
    return (*base.timing_key(), frozenset(devices))
