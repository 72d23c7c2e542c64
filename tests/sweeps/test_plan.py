"""The order in which a sweep trains its parts."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.records import SweepPart
from s2s.store import Store
from s2s.store.sweeps import read_sweep
from s2s.sweeps.plan import _plan_all_parts, create_sweep, plan

ENGINES = (Engine.FUSED, Engine.ARTICLE)
configs = st.builds(
    SweepConfig,
    base=st.builds(TrainConfig, seed=st.integers(0, 2**20)),
    batch_sizes=st.sets(st.integers(1, 64), min_size=1, max_size=8).map(tuple),
    engines=st.sampled_from([ENGINES, ENGINES[:1], ENGINES[1:]]),
    repeats=st.integers(1, 6),
)


def combinations(parts: list[SweepPart], repeat: int) -> list[tuple[Engine, int]]:
    return [(part.engine, part.batch_size) for part in parts if part.repeat == repeat]


@given(configs)
def test_each_repeat_trains_every_combination_before_the_next_begins(
    config: SweepConfig,
) -> None:
    parts = plan(config)
    assert [part.repeat for part in parts] == sorted(part.repeat for part in parts)
    everything = sorted(itertools.product(config.engines, config.batch_sizes))
    for repeat in range(config.repeats):
        assert sorted(combinations(parts, repeat)) == everything
    assert plan(config) == parts


def test_repeats_and_seeds_have_orders_of_their_own() -> None:
    plans = [plan(SweepConfig(base=TrainConfig(seed=seed))) for seed in (0, 10)]
    orders = {tuple(combinations(parts, repeat)) for parts in plans for repeat in range(3)}
    assert len(orders) == 6


def test_a_growing_sweep_tries_larger_sizes_after_the_first_repeat(store: Store) -> None:
    config = SweepConfig(batch_sizes=(2, 4), engines=ENGINES, repeats=2, grow_until_oom=True)
    first, second = (combinations(_plan_all_parts(config), repeat) for repeat in range(2))
    assert first[4:] == list(itertools.product(ENGINES, config.larger_sizes()))
    assert sorted(second) == sorted(first)
    assert {part.batch_size for part in plan(config)} == {2, 4}  # before any size has been trained
    assert read_sweep(store, create_sweep(store, config)).parts == plan(config)
