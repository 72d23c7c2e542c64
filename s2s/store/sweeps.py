"""Sweeps in the store: kept, read, and held by one process at a time."""

import json
import sqlite3
import time

from s2s.config import Engine, SweepConfig, TrainConfig, UserError
from s2s.records import Run, StepMemory, Sweep, SweepState
from s2s.runs.files import purge
from s2s.store.json_columns import readable
from s2s.store.ownership import owner_values
from s2s.store.rows import run_of, sweep_config_of
from s2s.store.runs import Store
from s2s.sweeps.plan import plan

_ITS_RUNS = "id IN (SELECT run_id FROM sweep_parts WHERE sweep_id = ?)"


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
    rows = store.read("SELECT * FROM sweeps WHERE id = ? AND deleted_at IS NULL", (sweep_id,))
    if not rows:
        raise _no_sweep(sweep_id)
    return _sweep(store, rows[0])


def read_sweeps(store: Store) -> list[Sweep]:
    """All sweeps but the deleted, the newest first."""
    rows = store.read("SELECT * FROM sweeps WHERE deleted_at IS NULL ORDER BY id DESC")
    found, store.unreadable["sweeps"] = readable(rows, lambda row: _sweep(store, row))
    return found


def take(store: Store, sweep_id: int) -> None:
    """Makes this process the one that does the sweep. UserError where a living one does.

    What a dead one left unfinished is marked as interrupted.
    """
    store.mark_interrupted()
    with store.transaction() as database:
        if _taken(store, database, sweep_id):
            raise UserError(f"Sweep {sweep_id} is going on already; stop it there first.")
        database.execute(
            "UPDATE sweeps SET owner_pid = ?, owner_start = ?,"
            " owner_machine = ?, stopping = 0 WHERE id = ?",
            (*owner_values(), sweep_id),
        )
    store.be_heard()


def request_stop(store: Store, sweep_id: int) -> None:
    """Asks whichever process does the sweep to stop after the step it is in."""
    with store.transaction() as database:
        database.execute("UPDATE sweeps SET stopping = 1 WHERE id = ?", (sweep_id,))
    for part in read_sweep(store, sweep_id).parts:
        if part.run and not part.run.state.is_finished():
            store.request_stop(part.run.id)


def describe_sweep(store: Store, sweep_id: int, name: str, notes: str) -> None:
    """The user's own words; an empty name is none."""
    with store.transaction() as database:
        database.execute(
            "UPDATE sweeps SET name = ?, notes = ? WHERE id = ?",
            (name.strip(), notes.strip(), sweep_id),
        )


def delete_sweep(store: Store, sweep_id: int) -> None:
    """Hides the sweep and its runs until it is restored or purged; UserError while it goes on."""
    store.mark_interrupted()
    now = time.time()
    with store.transaction() as database:
        if _taken(store, database, sweep_id):
            raise UserError(f"Sweep {sweep_id} is going on; stop it before deleting it.")
        database.execute("UPDATE sweeps SET deleted_at = ? WHERE id = ?", (now, sweep_id))
        database.execute(
            f"UPDATE runs SET deleted_at = ? WHERE deleted_at IS NULL AND {_ITS_RUNS}",  # noqa: S608
            (now, sweep_id),
        )


def restore_sweep(store: Store, sweep_id: int) -> None:
    """Takes the deletion back; a run that was deleted before, by itself, stays deleted.

    UserError where the sweep was purged meanwhile.
    """
    with store.transaction() as database:
        found = "SELECT deleted_at FROM sweeps WHERE id = ?"
        row = database.execute(found, (sweep_id,)).fetchone()
        if row is None:
            raise _no_sweep(sweep_id)
        database.execute(
            f"UPDATE runs SET deleted_at = NULL WHERE deleted_at = ? AND {_ITS_RUNS}",  # noqa: S608
            (row["deleted_at"], sweep_id),
        )
        database.execute("UPDATE sweeps SET deleted_at = NULL WHERE id = ?", (sweep_id,))


def deleted_sweeps(store: Store) -> list[Sweep]:
    """Those that can be brought back, the last deleted first."""
    rows = store.read(
        "SELECT * FROM sweeps WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC"
    )
    return readable(rows, lambda row: _sweep(store, row))[0]


def stop_requested(store: Store, sweep_id: int) -> bool:
    """True for a sweep that is deleted too."""
    rows = store.read("SELECT stopping FROM sweeps WHERE id = ?", (sweep_id,))
    return not rows or bool(rows[0]["stopping"])


def leave(store: Store, sweep_id: int) -> None:
    """No process does the sweep from now on."""
    with store.transaction() as database:
        database.execute("UPDATE sweeps SET owner_pid = NULL WHERE id = ?", (sweep_id,))


def begin_part(store: Store, sweep_id: int, config: TrainConfig, broken_off: Run | None) -> int:
    """A queued run that is this part; returns its id.

    A run that was broken off is deleted: with the same seed the new one begins as it did.
    """
    if broken_off:
        store.delete_run(broken_off.id)
        purge(store, broken_off.id)
    return store.create_run(config, sweep_id=sweep_id)


def _taken(store: Store, database: sqlite3.Connection, sweep_id: int) -> bool:
    """A living process does it. Raises UserError where there is no such sweep."""
    row = database.execute(
        "SELECT * FROM sweeps WHERE id = ? AND deleted_at IS NULL", (sweep_id,)
    ).fetchone()
    if row is None:
        raise _no_sweep(sweep_id)
    return store.is_owned(row, "sweep")


def _no_sweep(sweep_id: int) -> UserError:
    return UserError(f"There is no sweep {sweep_id}; `python -m s2s sweeps` lists them.")


def _sweep(store: Store, row: sqlite3.Row) -> Sweep:
    config = sweep_config_of(row)
    # A part's run that was deleted by itself is done again; one deleted with its sweep is not.
    runs = store.read(
        "SELECT runs.* FROM runs JOIN sweep_parts ON run_id = id"
        " WHERE sweep_id = ? AND deleted_at IS ?",
        (row["id"], row["deleted_at"]),
    )
    parts = plan(config, [run_of(each) for each in runs])
    if store.is_owned(row, "sweep"):
        state = SweepState.RUNNING
    else:
        finished = all(part.is_done() for part in parts)
        state = SweepState.FINISHED if finished else SweepState.STOPPED
    return Sweep(
        row["id"], config, row["created_at"], state, parts, _memory(store, row["id"]),
        row["name"], row["notes"], row["deleted_at"],
    )  # fmt: skip


def _memory(store: Store, sweep_id: int) -> tuple[StepMemory, ...]:
    """By batch size."""
    rows = store.read(
        "SELECT engine, batch_size, peak_bytes, padded_tokens FROM sweep_memory WHERE sweep_id = ?"
        " ORDER BY batch_size, engine",
        (sweep_id,),
    )
    return tuple(
        StepMemory(
            Engine(row["engine"]), row["batch_size"], row["peak_bytes"], row["padded_tokens"]
        )
        for row in rows
    )
