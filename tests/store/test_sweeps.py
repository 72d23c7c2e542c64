"""Sweeps in the store: their parts, their state, their owner, deleting and restoring."""

import pytest

from s2s.config import Engine, SweepConfig
from s2s.errors import UserError
from s2s.records import RunState, StepMemory, SweepPart, SweepState
from s2s.runs.files import purge_deleted
from s2s.store import Store
from s2s.store import sweeps as stored
from s2s.store.sweeps import claim_sweep, delete_sweep, insert_sweep, read_sweep, read_sweeps
from tests import plausible
from tests.tiny import tiny_config

CONFIG = SweepConfig(base=tiny_config(), batch_sizes=(2, 4), repeats=1)
FUSED, ARTICLE = Engine.FUSED, Engine.ARTICLE


def create(store: Store) -> int:
    return insert_sweep(store, CONFIG, [SweepPart(FUSED, size, 0, None) for size in (4, 2)])


def part_of(store: Store, sweep_id: int, size: int) -> SweepPart:
    return next(each for each in read_sweep(store, sweep_id).parts if each.batch_size == size)


def queue(store: Store, sweep_id: int, size: int, engine: Engine = FUSED) -> int:
    part = SweepPart(engine, size, 0, None)
    return stored.queue_part(store, read_sweep(store, sweep_id), part)


def end(store: Store, run_id: int, state: RunState = RunState.FINISHED) -> None:
    store.start_run(run_id, "cpu", {})
    store.finish_run(run_id, plausible.summary(run_id, state, store.run(run_id).config, 1))


def finished(store: Store) -> tuple[int, int, int]:
    """Insert a sweep with two finished runs; return its id and theirs."""
    sweep_id = create(store)
    runs = [queue(store, sweep_id, size) for size in (2, 4)]
    for run_id in runs:
        end(store, run_id)
    return (sweep_id, *runs)


def test_new_sweeps_and_their_runs(store: Store) -> None:
    first, second = create(store), create(store)
    single = store.create_run(CONFIG.build_run_config(FUSED, 2, 0))
    run_id = queue(store, first, 4)
    sweep = read_sweep(store, first)
    assert (sweep.id, sweep.config, sweep.state) == (first, CONFIG, SweepState.STOPPED)
    run = store.run(run_id)
    assert [(part.batch_size, part.run) for part in sweep.parts] == [(4, run), (2, None)]
    assert sweep.count_done_parts() == 0
    assert run.config == CONFIG.build_run_config(FUSED, 4, 0)
    assert (store.parent_sweep(run_id), store.parent_sweep(single)) == (first, None)
    assert [sweep.id for sweep in read_sweeps(store)] == [second, first]
    assert [part.run for part in read_sweep(store, second).parts] == [None, None]
    stored.annotate_sweep(store, first, " quiet night ", "fan off\n")
    sweep = read_sweep(store, first)
    assert (sweep.name, sweep.notes) == ("quiet night", "fan off")


@pytest.mark.parametrize("state", [each for each in RunState if each.has_ended()])
def test_states_of_a_run_that_are_a_result(store: Store, state: RunState) -> None:
    sweep_id = create(store)
    end(store, queue(store, sweep_id, 4), state)
    is_result = state not in (RunState.STOPPED, RunState.INTERRUPTED)
    assert part_of(store, sweep_id, 4).is_done() is is_result
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED
    end(store, queue(store, sweep_id, 2))
    assert (read_sweep(store, sweep_id).state is SweepState.FINISHED) is is_result


def test_a_part_whose_run_is_deleted_waits_until_the_run_is_restored(store: Store) -> None:
    sweep_id, run_id, _ = finished(store)
    store.delete_run(run_id)
    assert part_of(store, sweep_id, 2).run is None
    store.restore_run(run_id)
    assert part_of(store, sweep_id, 2).run == store.run(run_id)
    store.delete_run(run_id)
    store.purge_run(run_id)
    again = queue(store, sweep_id, 2)
    assert part_of(store, sweep_id, 2).run == store.run(again)
    assert len(read_sweep(store, sweep_id).parts) == 2


def test_larger_sizes_appear_once_the_size_before_fits(store: Store) -> None:
    config = SweepConfig(
        base=tiny_config(), batch_sizes=(2,), repeats=2, engines=(FUSED, ARTICLE),
        grow_until_oom=True,
    )  # fmt: skip
    planned = [
        SweepPart(engine, size, repeat, None)
        for repeat in range(2)
        for size in (2, 4, 8)
        for engine in (FUSED, ARTICLE)
    ]
    sweep_id = insert_sweep(store, config, planned)

    def keys() -> set[tuple[str, int, int]]:
        parts = read_sweep(store, sweep_id).parts
        return {(part.engine.value, part.batch_size, part.repeat) for part in parts}

    expected = {(engine, 2, repeat) for engine in ("article", "fused") for repeat in range(2)}
    for size, state, new in [
        (2, RunState.STOPPED, set()),
        (2, RunState.FAILED, set()),
        (2, RunState.OUT_OF_MEMORY, set()),
        (2, RunState.DIVERGED, {("fused", 4, 0)}),
        (4, RunState.FINISHED, {("fused", 4, 1), ("fused", 8, 0)}),
        (8, RunState.OUT_OF_MEMORY, set()),
    ]:
        end(store, queue(store, sweep_id, size), state)
        expected |= new
        assert keys() == expected


def test_memory_is_saved_once_per_engine_and_size(store: Store) -> None:
    sweep_id = create(store)
    small, large = StepMemory(FUSED, 2, 1000, 40), StepMemory(FUSED, 4, 2000, 80)
    for memory in (StepMemory(FUSED, 4, None, None), small, large):
        stored.save_step_memory(store, sweep_id, memory)
    assert read_sweep(store, sweep_id).memory == (small, large)


def test_one_owner_at_a_time(store: Store) -> None:
    sweep_id, *_ = finished(store)
    claim_sweep(store, sweep_id)
    assert read_sweep(store, sweep_id).state is SweepState.RUNNING
    for action in (claim_sweep, delete_sweep):
        with pytest.raises(UserError, match=f"Sweep {sweep_id} is"):
            action(store, sweep_id)
    assert not stored.is_sweep_stop_requested(store, sweep_id)
    stored.request_sweep_stop(store, sweep_id)
    assert stored.is_sweep_stop_requested(store, sweep_id)
    stored.release_sweep(store, sweep_id)
    claim_sweep(store, sweep_id)
    assert not stored.is_sweep_stop_requested(store, sweep_id)


def test_a_deleted_sweep_is_restored_with_its_runs(store: Store) -> None:
    sweep_id, first, second = finished(store)
    other_id, *others = finished(store)
    before = read_sweep(store, sweep_id)
    delete_sweep(store, sweep_id)
    assert [sweep.id for sweep in read_sweeps(store)] == [other_id]
    assert sorted(run.id for run in store.runs(archived=True)) == others
    for action in (read_sweep, claim_sweep):
        with pytest.raises(UserError, match=f"Sweep {sweep_id} not found"):
            action(store, sweep_id)
    [deleted] = stored.read_deleted_sweeps(store)
    assert deleted.id == sweep_id
    assert deleted.deleted_at is not None
    assert sorted(part.run.id for part in deleted.parts if part.run) == [first, second]
    assert store.deleted_runs() == []  # they are not restored one by one
    stored.restore_sweep(store, sweep_id)
    assert read_sweep(store, sweep_id) == before
    assert stored.read_deleted_sweeps(store) == []


def test_a_run_deleted_before_its_sweep_stays_deleted_and_a_purge_removes_both(
    store: Store,
) -> None:
    sweep_id, first, second = finished(store)
    other, *others = finished(store)
    store.delete_run(first)
    delete_sweep(store, sweep_id)
    stored.restore_sweep(store, sweep_id)
    assert sorted(run.id for run in store.runs()) == [second, *others]
    delete_sweep(store, sweep_id)
    assert store.deleted_run_ids() == [first, second]
    purge_deleted(store)
    assert stored.read_deleted_sweeps(store) == []
    assert [sweep.id for sweep in read_sweeps(store)] == [other]
    with pytest.raises(UserError, match=f"Sweep {sweep_id} not found"):
        stored.restore_sweep(store, sweep_id)
