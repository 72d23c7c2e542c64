"""Sweeps as the store keeps them."""

import subprocess
import sys
from typing import Any

import pytest

from s2s.config import Engine, SweepConfig
from s2s.errors import UserError
from s2s.records import RunState, Summary, SweepState
from s2s.runs.files import purge_deleted
from s2s.store import Store
from s2s.store.sweeps import (
    claim_sweep,
    delete_sweep,
    deleted_sweeps,
    describe_sweep,
    queue_part,
    read_sweep,
    read_sweeps,
    release_sweep,
    restore_sweep,
)
from s2s.sweeps.plan import create_sweep
from tests.tiny import tiny_config

CONFIG = SweepConfig(base=tiny_config(), batch_sizes=(2, 4), repeats=1)


def end(store: Store, run_id: int, state: RunState) -> None:
    figures: dict[str, Any] = dict.fromkeys(
        (
            "samples_per_second", "target_tokens_per_second", "padding_ratio", "loss_per_sentence",
            "loss_per_token", "validation_loss_per_token", "peak_memory_bytes",
        )
    )  # fmt: skip
    store.start_run(run_id, "cpu", {})
    store.finish_run(
        run_id,
        state,
        Summary(
            run_id=run_id, state=state, engine="fused", batch_size=2, iterations=1, seconds=1.0,
            user_seconds=1.0, system_seconds=0.0, **figures,
        ),
    )  # fmt: skip


def begun(store: Store, sweep_id: int, size: int) -> int:
    return queue_part(store, sweep_id, CONFIG.run_config(Engine.FUSED, size, 0), None)


def part_of(store: Store, sweep_id: int, size: int) -> Any:
    return next(p for p in read_sweep(store, sweep_id).parts if p.batch_size == size)


def test_a_new_sweep_waits(store: Store) -> None:
    sweep_id = create_sweep(store, CONFIG)
    found = read_sweep(store, sweep_id)
    assert (found.id, found.config, found.state) == (sweep_id, CONFIG, SweepState.STOPPED)
    assert sorted(part.batch_size for part in found.parts) == [2, 4]
    assert [part.run for part in found.parts] == [None, None]
    assert found.parts_done() == 0


@pytest.mark.parametrize("state", [each for each in RunState if each.is_finished()])
def test_which_results_are_results(store: Store, state: RunState) -> None:
    sweep_id = create_sweep(store, CONFIG)
    run_id = begun(store, sweep_id, 4)
    assert not part_of(store, sweep_id, 4).is_done()
    end(store, run_id, state)
    part = part_of(store, sweep_id, 4)
    assert part.run.id == run_id
    assert part.is_done() is (state not in (RunState.STOPPED, RunState.INTERRUPTED))
    assert read_sweep(store, sweep_id).parts_done() == int(part.is_done())


def test_the_sweep_is_finished_with_its_last_part(store: Store) -> None:
    sweep_id = create_sweep(store, CONFIG)
    for size, state in ((2, RunState.OUT_OF_MEMORY), (4, RunState.FAILED)):
        assert read_sweep(store, sweep_id).state is SweepState.STOPPED
        end(store, begun(store, sweep_id, size), state)
    assert read_sweep(store, sweep_id).state is SweepState.FINISHED


def test_a_part_begun_again_takes_the_place_of_what_was_broken_off(store: Store) -> None:
    sweep_id = create_sweep(store, CONFIG)
    end(store, begun(store, sweep_id, 2), RunState.STOPPED)
    broken_off = part_of(store, sweep_id, 2).run
    config = CONFIG.run_config(Engine.FUSED, 2, 0)
    again = queue_part(store, sweep_id, config, broken_off)
    assert [run.id for run in store.runs()] == [again]
    assert part_of(store, sweep_id, 2).run.id == again


def test_a_part_whose_run_was_deleted_waits_again(store: Store) -> None:
    sweep_id = create_sweep(store, CONFIG)
    run_id = begun(store, sweep_id, 2)
    end(store, run_id, RunState.FAILED)
    store.delete_run(run_id)
    assert part_of(store, sweep_id, 2).run is None


def test_runs_of_other_sweeps_and_of_none_are_no_parts(store: Store) -> None:
    first, second = create_sweep(store, CONFIG), create_sweep(store, CONFIG)
    store.create_run(CONFIG.run_config(Engine.FUSED, 2, 0))
    run_id = begun(store, first, 4)
    assert [part.run for part in read_sweep(store, second).parts] == [None, None]
    assert [found.id for found in read_sweeps(store)] == [second, first]
    assert part_of(store, first, 2).run is None
    assert part_of(store, first, 4).run.id == run_id


def test_no_such_sweep(store: Store) -> None:
    for ask in (read_sweep, take):
        with pytest.raises(UserError, match="There is no sweep 7; `python -m s2s sweeps` lists"):
            ask(store, 7)


def test_one_process_at_a_time(store: Store) -> None:
    sweep_id = create_sweep(store, CONFIG)
    claim_sweep(store, sweep_id)
    assert read_sweep(store, sweep_id).state is SweepState.RUNNING
    with pytest.raises(UserError, match="Sweep 1 is going on already"):
        claim_sweep(store, sweep_id)
    release_sweep(store, sweep_id)
    claim_sweep(store, sweep_id)


def test_a_dead_process_holds_nothing(store: Store) -> None:
    sweep_id = create_sweep(store, CONFIG)
    code = "from s2s.paths import home; from s2s.store import Store;"
    code += (
        "from s2s.store.sweeps import queue_part, read_sweep, claim_sweep; store = Store(home());"
    )
    code += f"claim_sweep(store, {sweep_id}); config = read_sweep(store, {sweep_id}).config;"
    code += f"queue_part(store, {sweep_id}, config.run_config(config.engines[0], 2, 0), None)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert read_sweep(store, sweep_id).state is SweepState.STOPPED
    claim_sweep(store, sweep_id)
    assert part_of(store, sweep_id, 2).run.state is RunState.INTERRUPTED
    assert not part_of(store, sweep_id, 2).is_done()


def ended(store: Store) -> tuple[int, int, int]:
    """A sweep of two ended runs: its id and theirs."""
    sweep_id = create_sweep(store, CONFIG)
    ids = [begun(store, sweep_id, size) for size in (2, 4)]
    for run_id in ids:
        end(store, run_id, RunState.FINISHED)
    return (sweep_id, *ids)


def test_name_and_notes(store: Store) -> None:
    sweep_id, *_ = ended(store)
    assert (read_sweep(store, sweep_id).name, read_sweep(store, sweep_id).notes) == ("", "")
    describe_sweep(store, sweep_id, " quiet night ", "fan off\n")
    found = read_sweep(store, sweep_id)
    assert (found.name, found.notes) == ("quiet night", "fan off")


def test_a_deleted_sweep_takes_its_runs_and_brings_them_back(store: Store) -> None:
    sweep_id, first, second = ended(store)
    other_id, *others = ended(store)
    before = read_sweep(store, sweep_id)
    delete_sweep(store, sweep_id)
    assert [sweep.id for sweep in read_sweeps(store)] == [other_id]
    assert sorted(run.id for run in store.runs(archived=True)) == others
    for ask in (read_sweep, take):
        with pytest.raises(UserError, match=f"There is no sweep {sweep_id}"):
            ask(store, sweep_id)
    [deleted] = deleted_sweeps(store)
    assert deleted.id == sweep_id
    assert deleted.deleted_at is not None
    assert [part.run.id for part in deleted.parts if part.run] == [first, second]
    assert store.deleted_runs() == []  # they do not come back one by one
    restore_sweep(store, sweep_id)
    assert read_sweep(store, sweep_id) == before
    assert deleted_sweeps(store) == []


def test_a_run_deleted_before_its_sweep_stays_deleted(store: Store) -> None:
    sweep_id, first, second = ended(store)
    store.delete_run(first)
    delete_sweep(store, sweep_id)
    restore_sweep(store, sweep_id)
    assert [run.id for run in store.runs()] == [second]
    assert [run.id for run in store.deleted_runs()] == [first]


def test_a_sweep_that_goes_on_is_not_deleted(store: Store) -> None:
    sweep_id, *_ = ended(store)
    claim_sweep(store, sweep_id)
    with pytest.raises(UserError, match="Sweep 1 is going on; stop it before deleting it"):
        delete_sweep(store, sweep_id)
    assert len(store.runs()) == 2


def test_a_purge_takes_the_sweep_with_its_runs(store: Store) -> None:
    sweep_id, first, second = ended(store)
    kept, *_ = ended(store)
    store.delete_run(first)
    delete_sweep(store, sweep_id)
    assert sorted(purge_deleted(store)) == [first, second]
    assert deleted_sweeps(store) == []
    assert [sweep.id for sweep in read_sweeps(store)] == [kept]
    with pytest.raises(UserError, match=f"There is no sweep {sweep_id}"):
        restore_sweep(store, sweep_id)
