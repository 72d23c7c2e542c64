import itertools
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from s2s.config import Engine, SweepConfig, TrainConfig
from s2s.records import RunState, SweepPart
from s2s.sweeps.plan import plan

ENGINES = (Engine.FUSED, Engine.ARTICLE)
FINISHED, OUT = RunState.FINISHED, RunState.OUT_OF_MEMORY
configs = st.builds(
    SweepConfig,
    base=st.builds(TrainConfig, seed=st.integers(0, 2**20)),
    batch_sizes=st.sets(st.integers(1, 64), min_size=1, max_size=8).map(tuple),
    engines=st.sampled_from([ENGINES, ENGINES[:1], ENGINES[1:]]),
    repeats=st.integers(1, 6),
)


def run(config: SweepConfig, part: SweepPart, state: RunState) -> SimpleNamespace:
    made = config.run_config(part.engine, part.batch_size, part.repeat)
    return SimpleNamespace(config=made, state=state)


def combination(part: SweepPart) -> tuple[Engine, int]:
    return part.engine, part.batch_size


@given(configs)
def test_each_repeat_visits_every_combination_once_before_the_next_begins(
    config: SweepConfig,
) -> None:
    parts = plan(config, [])
    assert [part.repeat for part in parts] == sorted(part.repeat for part in parts)
    everything = sorted(itertools.product(config.engines, config.batch_sizes))
    for repeat in range(config.repeats):
        block = [combination(part) for part in parts if part.repeat == repeat]
        assert sorted(block) == everything


@given(configs)
def test_the_order_is_the_seeds(config: SweepConfig) -> None:
    assert plan(config, []) == plan(config, [])


def test_blocks_and_seeds_have_orders_of_their_own() -> None:
    orders = {
        tuple(part.batch_size for part in plan(config, []) if part.repeat == repeat)
        for config in (SweepConfig(base=TrainConfig(seed=seed)) for seed in (0, 10))
        for repeat in range(3)
    }
    assert len(orders) == 6
    assert tuple(SweepConfig().batch_sizes) not in orders


@given(configs, st.randoms())
def test_runs_find_their_parts_whatever_their_order(config: SweepConfig, random: object) -> None:
    parts = plan(config, [])
    runs = [run(config, part, FINISHED) for part in parts[::2]]
    expected = list(runs)
    random.shuffle(runs)
    found = plan(config, runs)
    assert [combination(part) for part in found] == [combination(part) for part in parts]
    assert [part.run for part in found[::2]] == expected
    assert all(part.run is None for part in found[1::2])


# Until memory ends


def grow(limits: dict[Engine, int], repeats: int = 2, ends: RunState = OUT) -> list[SweepPart]:
    """Does all parts in turn; those above an engine's limit end so."""
    config = SweepConfig(
        batch_sizes=(2, 4), engines=tuple(limits), repeats=repeats, grow_until_oom=True
    )
    runs: list[SimpleNamespace] = []
    while left := [part for part in plan(config, runs) if part.run is None]:
        part = left[0]
        runs.append(run(config, part, FINISHED if part.batch_size <= limits[part.engine] else ends))
    return list(plan(config, runs))


def test_sizes_grow_until_one_does_not_fit_and_repeats_visit_those_that_do() -> None:
    parts = grow({Engine.FUSED: 16})
    assert sorted(part.batch_size for part in parts[:2]) == [2, 4]
    assert [part.batch_size for part in parts[2:5]] == [8, 16, 32]
    assert [part.run.state for part in parts[2:5]] == [FINISHED, FINISHED, OUT]
    assert sorted(part.batch_size for part in parts[5:]) == [2, 4, 8, 16]
    assert {part.repeat for part in parts[:5]} == {0}
    assert {part.repeat for part in parts[5:]} == {1}


def test_each_engine_has_a_memory_end_of_its_own() -> None:
    parts = grow({Engine.FUSED: 16, Engine.ARTICLE: 4}, repeats=1)
    largest = {engine: max(p.batch_size for p in parts if p.engine is engine) for engine in ENGINES}
    assert largest == {Engine.FUSED: 32, Engine.ARTICLE: 8}


def test_nothing_grows_where_the_largest_given_size_does_not_fit() -> None:
    assert {part.batch_size for part in grow({Engine.FUSED: 2})} == {2, 4}


def test_a_failure_is_no_size_that_fits() -> None:
    sizes = [part.batch_size for part in grow({Engine.FUSED: 8}, 1, RunState.FAILED)]
    assert sorted(sizes) == [2, 4, 8, 16]


def test_divergence_says_nothing_of_memory() -> None:
    config = SweepConfig(batch_sizes=(2,), repeats=1, grow_until_oom=True)
    [first, *_] = plan(config, [])
    found = plan(config, [run(config, first, RunState.DIVERGED)])
    assert [part.batch_size for part in found] == [2, 4]


def test_what_is_not_done_yet_does_not_grow() -> None:
    config = SweepConfig(batch_sizes=(2,), repeats=1, grow_until_oom=True)
    [first] = plan(config, [])
    for state in (RunState.RUNNING, RunState.STOPPED, RunState.INTERRUPTED):
        assert len(plan(config, [run(config, first, state)])) == 1
