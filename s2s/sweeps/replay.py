"""The article's comparison as a sweep of this project: its configuration, and its records read."""

import dataclasses

from s2s.analysis.advice.sweep_advice import sweep_advice
from s2s.analysis.sweep.figures import finished_runs
from s2s.analysis.sweep.replay import LARGE, SMALL, TRANSLATED_EVERY, Elsewhere, Replay, replay
from s2s.config import Budget, Engine, LearningRateRule, SweepConfig, TrainConfig
from s2s.data import catalog
from s2s.data.unigram import unigram_loss_per_token
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.records import Run, Sweep
from s2s.store import Store
from s2s.store.sweeps import read_sweeps

ITERATIONS, LONG_ITERATIONS = 1_000, 10_000
"""Of the article's comparison, and of the run that it prints translations of."""
REPEATS = 3
"""What intervals come from. Blocks of one run's steps would give none that is honest: all of them
lie in one stretch of the machine's time, and a run at the other batch size in another one."""
_FEWEST_SIZES = 3


def replay_config(
    corpus: str,
    iterations: int = ITERATIONS,
    repeats: int | None = None,
    threads: int = 0,
    device: str = "auto",
) -> SweepConfig:
    """The article's model, optimizer and rate, which are TrainConfig's defaults.

    Without `repeats` three, and one of a long replay, which is there for its translations.
    Raises UserError where the choices make no sweep.
    """
    long = iterations > ITERATIONS
    base = TrainConfig(
        corpus=corpus,
        threads=threads,
        device=device,
        evaluate_every=TRANSLATED_EVERY if long else 0,
    )
    return SweepConfig(
        base=base,
        batch_sizes=(SMALL, LARGE),
        engines=(Engine.ARTICLE, Engine.FUSED),
        repeats=(1 if long else REPEATS) if repeats is None else repeats,
        learning_rate_rule=LearningRateRule.CONSTANT,
        budget=Budget.ITERATIONS,
        amount=iterations,
    )


def is_replay(config: SweepConfig) -> bool:
    """Whether the sweep is the article's comparison, however it was started."""
    if config.budget is not Budget.ITERATIONS:
        return False
    base = config.base
    return config == replay_config(
        base.corpus, int(config.amount), config.repeats, base.threads, base.device
    )


def read_replay(
    store: Store, sweep: Sweep, unigram_loss: float | None, elsewhere: Elsewhere | None
) -> Replay:
    """As far as the sweep is. Raises UserError where it is not the article's comparison.

    `unigram_loss` and `elsewhere` stay the same while it goes on; the two functions below.
    """
    if not is_replay(sweep.config):
        raise UserError(
            f"Sweep {sweep.id} is not the article's comparison; `python -m s2s replay` makes one."
        )
    evaluations = {part.run.id: store.evaluations(part.run.id) for part in sweep.parts if part.run}
    return replay(sweep, evaluations, unigram_loss, elsewhere)


def guess_loss(sweep: Sweep) -> float | None:
    """Of word frequencies alone on the sweep's corpus; None where that was removed."""
    try:
        corpus = catalog.open_corpus(corpora_folder(), sweep.config.base.corpus)
    except UserError:
        return None
    return unigram_loss_per_token(corpus)


def answer_elsewhere(store: Store, sweep: Sweep) -> Elsewhere | None:
    """The newest sweep over three sizes or more that has an answer for the same steps and device.

    `fused` is asked for first: it is what a user trains with.
    """
    for other in read_sweeps(store):
        if len(other.config.batch_sizes) < _FEWEST_SIZES or _question(other) != _question(sweep):
            continue
        for engine in sorted(other.config.engines, key=lambda each: each is not Engine.FUSED):
            runs = finished_runs(other, engine)
            try:
                found = sweep_advice(
                    other, engine, {run.id: store.evaluations(run.id) for run in runs}
                ).advice
            except UserError:  # no answer there
                continue
            if found.good_sizes:
                return Elsewhere(other.id, engine.value, found.good_sizes)
    return None


def first_repeat(sweep: Sweep) -> list[Run]:
    """Its runs so far, by engine and batch size: those whose translations are shown."""
    parts = sorted(sweep.parts, key=lambda part: (part.engine, part.batch_size))
    return [part.run for part in parts if part.repeat == 0 and part.run]


def _question(sweep: Sweep) -> tuple[object, ...]:
    """Two sweeps with the same one can answer each other's, whatever engines they compare."""
    devices = {part.run.device for part in sweep.parts if part.run and part.run.device}
    base = dataclasses.replace(sweep.config.base, engine=Engine.FUSED)
    return (*base.timing_key(), frozenset(devices))
