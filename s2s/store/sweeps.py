"""Sweeps in the store: created with their parts, read, and owned by one process at a time."""

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence

from s2s.config import Engine, SweepConfig
from s2s.errors import UserError
from s2s.records import RunState, StepMemory, Sweep, SweepPart, SweepState
from s2s.store.ownership import this_process
from s2s.store.rows import parse_rows, parse_run, parse_sweep_config
from s2s.store.runs import Store, insert_run

_ITS_RUNS = "id IN (SELECT run_id FROM sweep_parts WHERE sweep_id = ?)"


def insert_sweep(store: Store, config: SweepConfig, parts: Iterable[SweepPart]) -> int:
    """Insert a sweep that no process trains yet; return its id.

    Args:
        store: Where to insert it.
        config: Its configuration.
        parts: All parts in the order of training, with every size that it may grow to.
    """
    with store.transaction() as database:
        cursor = database.execute(
            "INSERT INTO sweeps (config, created_at) VALUES (?, ?)",
            (json.dumps(config.to_json()), time.time()),
        )
        database.executemany(
            "INSERT INTO sweep_parts (sweep_id, engine, batch_size, repeat, position)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (cursor.lastrowid, part.engine, part.batch_size, part.repeat, position)
                for position, part in enumerate(parts)
            ],
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def read_sweep(store: Store, sweep_id: int) -> Sweep:
    """Return the sweep.

    Raises:
        UserError: There is no such sweep, or this version cannot read it.
    """
    rows = store.read("SELECT * FROM sweeps WHERE id = ? AND deleted_at IS NULL", (sweep_id,))
    if not rows:
        raise _not_found(sweep_id)
    return _parse_sweep(store, rows[0])


def read_sweeps(store: Store) -> list[Sweep]:
    """Return all sweeps that are not deleted, newest first."""
    rows = store.read("SELECT * FROM sweeps WHERE deleted_at IS NULL ORDER BY id DESC")
    sweeps, store.unreadable["sweeps"] = parse_rows(rows, lambda row: _parse_sweep(store, row))
    return sweeps


def deleted_sweeps(store: Store) -> list[Sweep]:
    """Return the sweeps that can be restored, last deleted first."""
    rows = store.read(
        "SELECT * FROM sweeps WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC"
    )
    return parse_rows(rows, lambda row: _parse_sweep(store, row))[0]


def reachable_parts(config: SweepConfig, parts: Sequence[SweepPart]) -> tuple[SweepPart, ...]:
    """Return the parts without larger sizes that a growing sweep has not come to.

    The first repeat goes on to twice a size once that size fits into memory; later repeats train
    the sizes that fit.
    """
    fitting = {(part.engine, part.batch_size) for part in parts if _fits(part)}

    def is_reachable(part: SweepPart) -> bool:
        if part.batch_size <= config.batch_sizes[-1]:
            return True
        required = part.batch_size if part.repeat else part.batch_size // 2
        return (part.engine, required) in fitting

    return tuple(filter(is_reachable, parts))


def claim_sweep(store: Store, sweep_id: int) -> None:
    """Make this process the owner of the sweep, and mark runs of dead owners as interrupted.

    Raises:
        UserError: A living process owns it, or there is no such sweep.
    """
    store.mark_interrupted()
    with store.transaction() as database:
        if _is_running(store, database, sweep_id):
            raise UserError(f"Sweep {sweep_id} is already running. Stop it first.")
        database.execute(
            "UPDATE sweeps SET owner_pid = ?, owner_start = ?,"
            " owner_machine = ?, stopping = 0 WHERE id = ?",
            (*this_process().values(), sweep_id),
        )
    store.start_heartbeat()


def release_sweep(store: Store, sweep_id: int) -> None:
    """Leave the sweep without an owner."""
    with store.transaction() as database:
        database.execute("UPDATE sweeps SET owner_pid = NULL WHERE id = ?", (sweep_id,))


def request_sweep_stop(store: Store, sweep_id: int) -> None:
    """Ask the sweep's owner to stop after the current step."""
    with store.transaction() as database:
        database.execute("UPDATE sweeps SET stopping = 1 WHERE id = ?", (sweep_id,))
    for part in read_sweep(store, sweep_id).parts:
        if part.run and not part.run.state.is_finished():
            store.request_stop(part.run.id)


def is_sweep_stop_requested(store: Store, sweep_id: int) -> bool:
    """Return whether to stop the sweep; also true for a deleted one."""
    rows = store.read("SELECT stopping FROM sweeps WHERE id = ?", (sweep_id,))
    return not rows or bool(rows[0]["stopping"])


def queue_part(store: Store, sweep: Sweep, part: SweepPart) -> int:
    """Queue a run for the part, in place of an earlier one; return the run's id."""
    with store.transaction() as database:
        run_id = insert_run(database, sweep.run_config(part))
        database.execute(
            "UPDATE sweep_parts SET run_id = ?"
            " WHERE sweep_id = ? AND engine = ? AND batch_size = ? AND repeat = ?",
            (run_id, sweep.id, part.engine, part.batch_size, part.repeat),
        )
    store.start_heartbeat()
    return run_id


def save_step_memory(store: Store, sweep_id: int, memory: StepMemory) -> None:
    with store.transaction() as database:
        database.execute(
            "INSERT OR REPLACE INTO sweep_memory VALUES (?, ?, ?, ?, ?)",
            (sweep_id, memory.engine, memory.batch_size, memory.peak_bytes, memory.padded_tokens),
        )


def describe_sweep(store: Store, sweep_id: int, name: str, notes: str) -> None:
    """Set the user's name and notes; either may be empty."""
    with store.transaction() as database:
        database.execute(
            "UPDATE sweeps SET name = ?, notes = ? WHERE id = ?",
            (name.strip(), notes.strip(), sweep_id),
        )


def delete_sweep(store: Store, sweep_id: int) -> None:
    """Hide the sweep and its runs until it is restored or purged.

    Raises:
        UserError: It is running, or there is no such sweep.
    """
    store.mark_interrupted()
    now = time.time()
    with store.transaction() as database:
        if _is_running(store, database, sweep_id):
            raise UserError(f"Sweep {sweep_id} is running. Stop it before deleting it.")
        database.execute("UPDATE sweeps SET deleted_at = ? WHERE id = ?", (now, sweep_id))
        database.execute(
            f"UPDATE runs SET deleted_at = ? WHERE deleted_at IS NULL AND {_ITS_RUNS}",  # noqa: S608
            (now, sweep_id),
        )


def restore_sweep(store: Store, sweep_id: int) -> None:
    """Undo the deletion; a run that was deleted earlier, by itself, stays deleted.

    Raises:
        UserError: The sweep was purged meanwhile.
    """
    with store.transaction() as database:
        query = "SELECT deleted_at FROM sweeps WHERE id = ?"
        row = database.execute(query, (sweep_id,)).fetchone()
        if row is None:
            raise _not_found(sweep_id)
        database.execute(
            f"UPDATE runs SET deleted_at = NULL WHERE deleted_at = ? AND {_ITS_RUNS}",  # noqa: S608
            (row["deleted_at"], sweep_id),
        )
        database.execute("UPDATE sweeps SET deleted_at = NULL WHERE id = ?", (sweep_id,))


def purge_deleted_sweeps(store: Store) -> None:
    """Remove the deleted sweeps for good."""
    with store.transaction() as database:
        database.execute("DELETE FROM sweeps WHERE deleted_at IS NOT NULL")


def _is_running(store: Store, database: sqlite3.Connection, sweep_id: int) -> bool:
    row = database.execute(
        "SELECT * FROM sweeps WHERE id = ? AND deleted_at IS NULL", (sweep_id,)
    ).fetchone()
    if row is None:
        raise _not_found(sweep_id)
    return store.is_owned(row, "sweep")


def _not_found(sweep_id: int) -> UserError:
    return UserError(f"Sweep {sweep_id} not found. List sweeps with `python -m s2s sweeps`.")


def _parse_sweep(store: Store, row: sqlite3.Row) -> Sweep:
    config = parse_sweep_config(row)
    parts = reachable_parts(config, _read_parts(store, row))
    if store.is_owned(row, "sweep"):
        state = SweepState.RUNNING
    elif all(part.is_done() for part in parts):
        state = SweepState.FINISHED
    else:
        state = SweepState.STOPPED
    return Sweep(
        id=row["id"],
        config=config,
        created_at=row["created_at"],
        state=state,
        parts=parts,
        memory=_read_step_memory(store, row["id"]),
        name=row["name"],
        notes=row["notes"],
        deleted_at=row["deleted_at"],
    )


def _read_parts(store: Store, row: sqlite3.Row) -> list[SweepPart]:
    # A run that was deleted by itself is trained again; one deleted with its sweep is not.
    rows = store.read(
        "SELECT engine, batch_size, repeat, runs.* FROM sweep_parts"
        " LEFT JOIN runs ON runs.id = run_id AND deleted_at IS ?"
        " WHERE sweep_id = ? ORDER BY position",
        (row["deleted_at"], row["id"]),
    )
    return [
        SweepPart(
            engine=Engine(each["engine"]),
            batch_size=each["batch_size"],
            repeat=each["repeat"],
            run=None if each["id"] is None else parse_run(each),
        )
        for each in rows
    ]


def _read_step_memory(store: Store, sweep_id: int) -> tuple[StepMemory, ...]:
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


def _fits(part: SweepPart) -> bool:
    """Return whether the first repeat has shown that the size fits into memory."""
    done = (RunState.FINISHED, RunState.DIVERGED)  # not one that failed for another reason
    return part.repeat == 0 and part.run is not None and part.run.state in done
