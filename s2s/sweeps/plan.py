"""A sweep's plan: which parts it has, and in which order they are done."""

import itertools
from collections.abc import Iterable

import numpy as np

from s2s.config import Engine, SweepConfig
from s2s.records import Run, RunState, SweepPart

Key = tuple[Engine, int, int]
"""Engine, batch size and seed: what tells a sweep's runs apart."""


def plan(config: SweepConfig, runs: Iterable[Run]) -> tuple[SweepPart, ...]:
    """The parts in the order of their turn, each with the run of `runs` that it became.

    A block design: each repeat visits every combination once in an order of its own, so that a
    slow stretch of the machine hits all sizes alike. The order follows from the base's seed. Until
    memory ends the first repeat goes on with larger sizes, engine by engine, to the first that
    does not fit; the later repeats visit those that did.
    """
    known = {(run.config.engine, run.config.batch_size, run.config.seed): run for run in runs}
    combinations = list(itertools.product(config.engines, config.batch_sizes))
    parts: list[SweepPart] = []
    for repeat in range(config.repeats):
        block = [
            _part(config, known, engine, size, repeat)
            for engine, size in _shuffled(combinations, [config.base.seed, repeat])
        ]
        if repeat == 0:
            grown = list(_grown(config, known))
            combinations += [(part.engine, part.batch_size) for part in grown if _fits(part)]
            block += grown
        parts += block
    return tuple(parts)


def _grown(config: SweepConfig, known: dict[Key, Run]) -> Iterable[SweepPart]:
    """Each larger size once the one before was found to fit."""
    for engine in config.engines:
        last = _part(config, known, engine, config.batch_sizes[-1], 0)
        for size in config.larger_sizes():
            if not _fits(last):
                break
            last = _part(config, known, engine, size, 0)
            yield last


def _fits(part: SweepPart) -> bool:
    """A size that failed for another reason is not taken for one that fits."""
    return part.run is not None and part.run.state in (RunState.FINISHED, RunState.DIVERGED)


def _part(
    config: SweepConfig, known: dict[Key, Run], engine: Engine, batch_size: int, repeat: int
) -> SweepPart:
    run = known.get((engine, batch_size, config.base.seed + repeat))
    return SweepPart(engine, batch_size, repeat, run)


def _shuffled(combinations: list[tuple[Engine, int]], seed: list[int]) -> list[tuple[Engine, int]]:
    order = np.random.default_rng(seed).permutation(len(combinations))
    return [combinations[index] for index in order.tolist()]
