"""Plan a sweep: its parts in the order of training, stored when the sweep is created."""

import itertools

import numpy as np

from s2s.config import SweepConfig
from s2s.records import SweepPart
from s2s.store import Store
from s2s.store.sweeps import insert_sweep, select_reachable_parts


def create_sweep(store: Store, config: SweepConfig) -> int:
    """Store a sweep with its parts. Return the sweep's id."""
    return insert_sweep(store, config, _plan_all_parts(config))


def plan(config: SweepConfig) -> tuple[SweepPart, ...]:
    """Return a new sweep's parts in the order of training, without sizes that it may grow to."""
    return select_reachable_parts(config, _plan_all_parts(config))


def _plan_all_parts(config: SweepConfig) -> list[SweepPart]:
    """Return every part that the sweep may reach, in a randomized block design.

    Each repeat trains every combination once, in an order drawn with the seed, so that a period in
    which the machine is slow affects all sizes alike. A growing sweep tries larger sizes at the end
    of the first repeat, engine by engine.
    """
    combinations = list(itertools.product(config.engines, config.batch_sizes))
    larger = list(itertools.product(config.engines, config.larger_sizes()))
    parts: list[SweepPart] = []
    for repeat in range(config.repeats):
        is_first = repeat == 0
        pool = combinations if is_first else combinations + larger
        rng = np.random.default_rng([config.base.seed, repeat])
        block = [pool[index] for index in rng.permutation(len(pool)).tolist()]
        if is_first:
            block += larger
        parts += [SweepPart(engine, size, repeat, None) for engine, size in block]
    return parts
