"""Create, read, change and delete sweeps. Claim a sweep for the process that trains it."""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple

from s2s.config import Engine, SweepConfig
from s2s.errors import UserError
from s2s.records import RunState, StepMemory, Sweep, SweepPart, SweepState
from s2s.store.ownership import this_process
from s2s.store.rows import parse_rows, parse_run, parse_sweep_config
from s2s.store.runs import Store, insert_run

_SWEEP = "SELECT * FROM sweeps WHERE id = ? AND deleted_at IS NULL"
_IS_RUN_OF_SWEEP = "id IN (SELECT run_id FROM sweep_parts WHERE sweep_id = ?)"
_FITTING_STATES = (RunState.FINISHED, RunState.DIVERGED)
"""A run in one of these states shows that its batch size fits into memory."""


def insert_sweep(store: Store, config: SweepConfig, parts: Iterable[SweepPart]) -> int:
    """Insert a sweep without an owner. Return the sweep's id.

    Args:
        parts: All parts in the order of training, including the sizes that the sweep may grow to.
    """
    with store.transaction() as database:
        cursor = database.execute(
            "INSERT INTO sweeps (config, created_at) VALUES (?, ?)",
            (json.dumps(config.to_json()), time.time()),
        )
        database.executemany(
            "INSERT INTO sweep_parts VALUES (?, ?, ?, ?, ?, NULL)",
            [
                (cursor.lastrowid, part.engine, part.batch_size, part.repeat, position)
                for position, part in enumerate(parts)
            ],
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def read_sweep(store: Store, sweep_id: int) -> Sweep:
    """Return the sweep; raise UserError if it is missing or this version cannot read it."""
    return _parse_sweep(store, _only_row(store.read(_SWEEP, (sweep_id,)), sweep_id))


def read_sweeps(store: Store) -> list[Sweep]:
    """Return all sweeps that are not deleted, newest first."""
    rows = store.read("SELECT * FROM sweeps WHERE deleted_at IS NULL ORDER BY id DESC")
    sweeps, store.unreadable["sweeps"] = parse_rows(rows, lambda row: _parse_sweep(store, row))
    return sweeps


def read_deleted_sweeps(store: Store) -> list[Sweep]:
    """Return the sweeps that can be restored, most recently deleted first."""
    rows = store.read("SELECT * FROM sweeps WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC")
    return parse_rows(rows, lambda row: _parse_sweep(store, row))[0]


def select_reachable_parts(
    config: SweepConfig, parts: Sequence[SweepPart]
) -> tuple[SweepPart, ...]:
    """Return the parts, except those whose batch size a growing sweep has not yet reached.

    If a size fits into memory, the first repeat continues with twice that size. Later repeats train
    all sizes that fit.
    """
    fitting = {
        (part.engine, part.batch_size)
        for part in parts
        if part.repeat == 0 and part.run and part.run.state in _FITTING_STATES
    }

    def is_reachable(part: SweepPart) -> bool:
        if part.batch_size <= config.batch_sizes[-1]:
            return True
        required = part.batch_size if part.repeat else part.batch_size // 2
        return (part.engine, required) in fitting

    return tuple(filter(is_reachable, parts))


def claim_sweep(store: Store, sweep_id: int) -> None:
    """Make this process the sweep's owner; raise UserError if its current owner is alive."""
    store.mark_interrupted()
    with store.transaction() as database:
        if _is_running(store, database, sweep_id):
            raise UserError(f"Sweep {sweep_id} is already running. Stop it first.")
        database.execute(
            "UPDATE sweeps SET owner_pid = ?, owner_start = ?, owner_machine = ?, stopping = 0"
            " WHERE id = ?",
            (*this_process(), sweep_id),
        )
    store.heartbeat.start()


def release_sweep(store: Store, sweep_id: int) -> None:
    """Leave the sweep without an owner."""
    store.write("UPDATE sweeps SET owner_pid = NULL WHERE id = ?", (sweep_id,))


def request_sweep_stop(store: Store, sweep_id: int) -> None:
    """Ask the sweep's owner to stop the sweep after the current step."""
    store.write("UPDATE sweeps SET stopping = 1 WHERE id = ?", (sweep_id,))
    for part in read_sweep(store, sweep_id).parts:
        if part.run and not part.run.state.has_ended():
            store.request_stop(part.run.id)


def is_sweep_stop_requested(store: Store, sweep_id: int) -> bool:
    """Return whether the sweep must stop; True if it was purged."""
    rows = store.read("SELECT stopping FROM sweeps WHERE id = ?", (sweep_id,))
    return not rows or bool(rows[0]["stopping"])


def queue_part(store: Store, sweep: Sweep, part: SweepPart) -> int:
    """Queue a new run for the part. Return the run's id."""
    with store.transaction() as database:
        run_id = insert_run(database, sweep.build_run_config(part))
        database.execute(
            "UPDATE sweep_parts SET run_id = ?"
            " WHERE sweep_id = ? AND engine = ? AND batch_size = ? AND repeat = ?",
            (run_id, sweep.id, part.engine, part.batch_size, part.repeat),
        )
    store.heartbeat.start()
    return run_id


def save_step_memory(store: Store, sweep_id: int, memory: StepMemory) -> None:
    query = "INSERT OR REPLACE INTO sweep_memory VALUES (?, ?, ?, ?, ?)"
    store.write(query, (sweep_id, *astuple(memory)))


def annotate_sweep(store: Store, sweep_id: int, name: str, notes: str) -> None:
    """Set the sweep's name and notes, each of which may be empty."""
    query = "UPDATE sweeps SET name = ?, notes = ? WHERE id = ?"
    store.write(query, (name.strip(), notes.strip(), sweep_id))


def delete_sweep(store: Store, sweep_id: int) -> None:
    """Hide a sweep, which must not run, and its runs until they are restored or purged."""
    store.mark_interrupted()
    now = time.time()
    with store.transaction() as database:
        if _is_running(store, database, sweep_id):
            raise UserError(f"Sweep {sweep_id} is running. Stop it before deleting it.")
        database.execute("UPDATE sweeps SET deleted_at = ? WHERE id = ?", (now, sweep_id))
        database.execute(
            f"UPDATE runs SET deleted_at = ? WHERE deleted_at IS NULL AND {_IS_RUN_OF_SWEEP}",  # noqa: S608
            (now, sweep_id),
        )


def restore_sweep(store: Store, sweep_id: int) -> None:
    """Undo the deletion. Runs that were deleted before their sweep stay deleted."""
    with store.transaction() as database:
        rows = database.execute("SELECT deleted_at FROM sweeps WHERE id = ?", (sweep_id,))
        row = _only_row(rows.fetchall(), sweep_id)
        database.execute(
            f"UPDATE runs SET deleted_at = NULL WHERE deleted_at = ? AND {_IS_RUN_OF_SWEEP}",  # noqa: S608
            (row["deleted_at"], sweep_id),
        )
        database.execute("UPDATE sweeps SET deleted_at = NULL WHERE id = ?", (sweep_id,))


def purge_deleted_sweeps(store: Store) -> None:
    """Remove the deleted sweeps for good."""
    store.write("DELETE FROM sweeps WHERE deleted_at IS NOT NULL")


def _is_running(store: Store, database: sqlite3.Connection, sweep_id: int) -> bool:
    rows = database.execute(_SWEEP, (sweep_id,)).fetchall()
    return store.is_owned(_only_row(rows, sweep_id), "sweep")


def _only_row(rows: list[sqlite3.Row], sweep_id: int) -> sqlite3.Row:
    if not rows:
        raise UserError(f"Sweep {sweep_id} not found. List sweeps with `python -m s2s sweeps`.")
    return rows[0]


def _parse_sweep(store: Store, row: sqlite3.Row) -> Sweep:
    config = parse_sweep_config(row)
    parts = select_reachable_parts(config, list(_read_parts(store, row)))
    if store.is_owned(row, "sweep"):
        state = SweepState.RUNNING
    elif all(part.is_done() for part in parts):
        state = SweepState.FINISHED
    else:
        state = SweepState.STOPPED
    memory = store.read(
        "SELECT engine, batch_size, peak_bytes, padded_tokens FROM sweep_memory WHERE sweep_id = ?"
        " ORDER BY batch_size, engine",
        (row["id"],),
    )
    return Sweep(
        config=config,
        state=state,
        parts=parts,
        memory=tuple(StepMemory(Engine(engine), *values) for engine, *values in memory),
        **{name: row[name] for name in ("id", "created_at", "name", "notes", "deleted_at")},
    )


def _read_parts(store: Store, row: sqlite3.Row) -> Iterator[SweepPart]:
    # A run that was deleted on its own counts as missing, so its part is trained again. A run
    # that was deleted together with its sweep still counts.
    rows = store.read(
        "SELECT engine, batch_size, repeat, runs.* FROM sweep_parts"
        " LEFT JOIN runs ON runs.id = run_id AND deleted_at IS ?"
        " WHERE sweep_id = ? ORDER BY position",
        (row["deleted_at"], row["id"]),
    )
    for each in rows:
        run = None if each["id"] is None else parse_run(each)
        yield SweepPart(Engine(each["engine"]), each["batch_size"], each["repeat"], run)
