"""Sweeps in the store: kept, read, and held by one process at a time."""

import json
import sqlite3
import time

from s2s.config import Engine, SweepConfig, TrainConfig, UserError
from s2s.records import Run, StepMemory, Sweep, SweepState
from s2s.runs.artifacts import purge
from s2s.runs.plan import plan
from s2s.runs.store import Store, alive, this_process


def create_sweep(store: Store, config: SweepConfig) -> int:
    """A sweep that no process does yet; returns its id."""
    with store.transaction() as database:
        cursor = database.execute(
            "INSERT INTO sweeps (config, created_at) VALUES (?, ?)",
            (json.dumps(config.to_json()), time.time()),
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def read_sweep(store: Store, sweep_id: int) -> Sweep:
    """Raises UserError where there is no such sweep."""
    rows = store.read("SELECT * FROM sweeps WHERE id = ?", (sweep_id,))
    if not rows:
        raise UserError(f"There is no sweep {sweep_id}; `python -m s2s sweeps` lists them.")
    return _sweep(store, rows[0], {run.id: run for run in store.runs(archived=True)})


def read_sweeps(store: Store) -> list[Sweep]:
    """All sweeps, the newest first."""
    runs = {run.id: run for run in store.runs(archived=True)}
    rows = store.read("SELECT * FROM sweeps ORDER BY id DESC")
    return [_sweep(store, row, runs) for row in rows]


def take(store: Store, sweep_id: int) -> None:
    """Makes this process the one that does the sweep. UserError where a living one does.

    What a dead one left unfinished is marked as interrupted.
    """
    store.mark_interrupted()
    with store.transaction() as database:
        row = database.execute("SELECT * FROM sweeps WHERE id = ?", (sweep_id,)).fetchone()
        if row is None:
            raise UserError(f"There is no sweep {sweep_id}; `python -m s2s sweeps` lists them.")
        if alive(row["owner_pid"], row["owner_started_at"]):
            raise UserError(f"Sweep {sweep_id} is going on already; stop it there first.")
        database.execute(
            "UPDATE sweeps SET owner_pid = ?, owner_started_at = ?, stopping = 0 WHERE id = ?",
            (*this_process(), sweep_id),
        )


def request_stop(store: Store, sweep_id: int) -> None:
    """Asks whichever process does the sweep to stop after the step it is in."""
    with store.transaction() as database:
        database.execute("UPDATE sweeps SET stopping = 1 WHERE id = ?", (sweep_id,))
    for part in read_sweep(store, sweep_id).parts:
        if part.run and not part.run.state.is_finished():
            store.request_stop(part.run.id)


def stop_requested(store: Store, sweep_id: int) -> bool:
    """True for a sweep that is deleted too."""
    rows = store.read("SELECT stopping FROM sweeps WHERE id = ?", (sweep_id,))
    return not rows or bool(rows[0]["stopping"])


def leave(store: Store, sweep_id: int) -> None:
    """No process does the sweep from now on."""
    with store.transaction() as database:
        database.execute(
            "UPDATE sweeps SET owner_pid = NULL, owner_started_at = NULL WHERE id = ?", (sweep_id,)
        )


def begin_part(store: Store, sweep_id: int, config: TrainConfig, broken_off: Run | None) -> int:
    """A queued run that is this part; returns its id.

    A run that was broken off is deleted: with the same seed the new one begins as it did.
    """
    if broken_off:
        store.delete_run(broken_off.id)
        purge(store, broken_off.id)
    return store.create_run(config, sweep_id=sweep_id)


def _sweep(store: Store, row: sqlite3.Row, runs: dict[int, Run]) -> Sweep:
    config = SweepConfig.from_json(json.loads(row["config"]))
    ids = store.read("SELECT run_id FROM sweep_parts WHERE sweep_id = ?", (row["id"],))
    parts = plan(config, [runs[each["run_id"]] for each in ids if each["run_id"] in runs])
    if alive(row["owner_pid"], row["owner_started_at"]):
        state = SweepState.RUNNING
    else:
        finished = all(part.is_done() for part in parts)
        state = SweepState.FINISHED if finished else SweepState.STOPPED
    return Sweep(row["id"], config, row["created_at"], state, parts, _memory(store, row["id"]))


def _memory(store: Store, sweep_id: int) -> tuple[StepMemory, ...]:
    """By batch size."""
    rows = store.read(
        "SELECT engine, batch_size, peak_bytes, cells FROM sweep_memory WHERE sweep_id = ?"
        " ORDER BY batch_size, engine",
        (sweep_id,),
    )
    return tuple(
        StepMemory(Engine(row["engine"]), row["batch_size"], row["peak_bytes"], row["cells"])
        for row in rows
    )
