"""Create, list, change and delete runs. Keep track of the processes that own them."""

import dataclasses
import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from s2s.config import TrainConfig
from s2s.errors import UserError, escape_unprintable
from s2s.records import MachineState, Remark, RemarkKind, Run, RunState, Summary
from s2s.store.database import WAIT_SECONDS
from s2s.store.errors import StoreError
from s2s.store.ownership import Heartbeat, HeartbeatMonitor, owner_is_alive, this_process
from s2s.store.rows import parse_ended_run, parse_rows, parse_run
from s2s.store.run_records import RunRecords, drop_records_after

_UNFINISHED = (RunState.QUEUED, RunState.RUNNING, RunState.STOPPING)
_IS_OWNER = "(owner_pid, owner_start, owner_machine) IS (?, ?, ?)"


class Store(RunRecords):
    """Runs and their records in one SQLite file. `Database` tells how threads share it."""

    def __init__(self, folder: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        super().__init__(folder, wait_seconds)
        self.unreadable: dict[str, list[str]] = {"runs": [], "sweeps": []}
        """Per table, error messages of the rows that the last listing could not read."""
        self.write_error = ""
        """Why a run of this process cannot write its records now; empty if all runs can."""
        self.heartbeat = Heartbeat(self._beat)
        """The heartbeat of this process's runs and sweeps. It starts with the first of them."""
        self._monitor = HeartbeatMonitor()

    def create_run(self, config: TrainConfig, name: str = "") -> int:
        """Queue a run that this process owns. Return the run's id."""
        with self.transaction() as database:
            run_id = insert_run(database, config, name)
        self.heartbeat.start()
        return run_id

    def run(self, run_id: int) -> Run:
        """Return the run, even a deleted one; raise UserError if it is missing or unreadable."""
        return parse_run(self._row(run_id))

    def runs(self, *, archived: bool = False) -> list[Run]:
        """Return the runs that are not deleted, newest first; archived runs only if requested."""
        hidden = "deleted_at IS NOT NULL" + ("" if archived else " OR archived_at IS NOT NULL")
        rows = self.read(f"SELECT * FROM runs WHERE NOT ({hidden}) ORDER BY id DESC")  # noqa: S608
        runs, self.unreadable["runs"] = parse_rows(rows, _parse_listed_run)
        return runs

    def unfinished_runs(self) -> list[Run]:
        """Return the running and queued runs, oldest first."""
        rows = self.read(
            "SELECT * FROM runs WHERE state IN (?, ?, ?) AND archived_at IS NULL"
            " AND deleted_at IS NULL ORDER BY id",
            _UNFINISHED,
        )
        return parse_rows(rows, parse_run)[0]

    def deleted_runs(self) -> list[Run]:
        """Return the runs that were deleted without their sweep, last deleted first."""
        rows = self.read(
            "SELECT * FROM runs WHERE deleted_at IS NOT NULL AND id NOT IN"
            " (SELECT run_id FROM sweep_parts JOIN sweeps ON sweep_id = id"
            "  WHERE deleted_at IS NOT NULL AND run_id IS NOT NULL)"
            " ORDER BY deleted_at DESC, id DESC"
        )
        return parse_rows(rows, parse_run)[0]

    def deleted_run_ids(self) -> list[int]:
        """Return the ids of all deleted runs, with or without their sweep."""
        return [row["id"] for row in self.read("SELECT id FROM runs WHERE deleted_at IS NOT NULL")]

    def parent_sweep(self, run_id: int) -> int | None:
        """Return the id of the run's sweep, or `None` if it belongs to none."""
        rows = self.read("SELECT sweep_id FROM sweep_parts WHERE run_id = ?", (run_id,))
        return rows[0]["sweep_id"] if rows else None

    # From queued to finished

    def start_run(self, run_id: int, device: str, environment: dict[str, Any]) -> bool:
        """Mark a queued run as running; return False if it is no longer queued."""
        columns = {"device": device, "environment": _to_json(environment)}
        now, running = time.time(), RunState.RUNNING
        return self._update(run_id, (RunState.QUEUED,), state=running, started_at=now, **columns)

    def save_machine_state(
        self, run_id: int, before: MachineState, after: MachineState | None = None
    ) -> None:
        """Save the state of the machine before the run and, if the run has ended, after it."""
        after_json = _to_json(after) if after else None
        self._update(run_id, machine_before=_to_json(before), machine_after=after_json)

    def finish_run(
        self,
        run_id: int,
        summary: Summary,
        remarks: Sequence[Remark] = (),
        error: str = "",
        traceback: str = "",
    ) -> None:
        """Save the run's result. The run's state becomes that of the summary."""
        self._update(
            run_id,
            state=summary.state,
            finished_at=time.time(),
            summary=_to_json(summary),
            remarks=_to_json(remarks),
            error=error,
            traceback=traceback,
        )

    def fail_run(self, run_id: int, error: str, traceback: str = "") -> None:
        """Mark a run that has no summary as failed."""
        now, failed = time.time(), RunState.FAILED
        self._update(run_id, state=failed, finished_at=now, error=error, traceback=traceback)

    def request_stop(self, run_id: int) -> None:
        """Stop a queued run. Ask the process that trains a running run to stop it."""
        now, stopped = time.time(), RunState.STOPPED
        if not self._update(run_id, (RunState.QUEUED,), state=stopped, finished_at=now):
            self._update(run_id, (RunState.RUNNING,), state=RunState.STOPPING)

    def is_stop_requested(self, run_id: int) -> bool:
        """Return whether training must stop; True for a run that has ended or is missing.

        Return False while the store is unavailable, so that training continues.
        """
        try:
            rows = self.read("SELECT state FROM runs WHERE id = ?", (run_id,))
        except StoreError:
            return False
        return not rows or RunState(rows[0]["state"]) not in (RunState.QUEUED, RunState.RUNNING)

    def requeue_run(self, run_id: int, iteration: int, resumed_at: Sequence[int]) -> None:
        """Queue an interrupted run again, owned by this process. Delete its later records.

        Args:
            iteration: The iteration of the run's checkpoint, or 0 to start over.
            resumed_at: All iterations at which the run was resumed, including this one.

        Raises:
            UserError: The run is no longer interrupted.
        """
        columns = {
            "state": RunState.QUEUED,
            "iterations_done": iteration,
            "resumed_at": _to_json(resumed_at),
            "dismissed": 0,
            **{"finished_at": None, "summary": None, "remarks": "[]", "error": "", "traceback": ""},
            **{f"owner_{name}": value for name, value in this_process()._asdict().items()},
        }
        with self.transaction() as database:
            if not _update_run(database, run_id, (RunState.INTERRUPTED,), **columns):
                raise UserError(f"Run {run_id} is already being resumed.")
            drop_records_after(database, run_id, iteration)
        self.heartbeat.start()

    # Changes by the user

    def rename_run(self, run_id: int, name: str) -> None:
        """Rename the run; raise UserError if the name is blank."""
        if not name.strip():
            raise UserError("A run's name must not be empty.")
        self._update(run_id, name=escape_unprintable(name.strip()))

    def annotate_run(self, run_id: int, notes: str, tags: Sequence[str]) -> None:
        """Set the user's notes and tags. Drop blank and repeated tags."""
        unique = list(dict.fromkeys(escape_unprintable(tag.strip()) for tag in tags if tag.strip()))
        self._update(run_id, notes=notes.strip(), tags=json.dumps(unique))

    def dismiss_run(self, run_id: int) -> None:
        """Stop offering to resume the run. The user can still resume it."""
        self._update(run_id, dismissed=1)

    def archive_run(self, run_id: int, archived: bool = True) -> None:
        """Hide the run from lists, or show it again; raise UserError if it has not ended."""
        self._check_ended(run_id, "archiving")
        self._update(run_id, archived_at=time.time() if archived else None)

    def delete_run(self, run_id: int) -> None:
        """Hide the run until it is restored or purged; raise UserError if it has not ended."""
        self._check_ended(run_id, "deleting")
        self._update(run_id, deleted_at=time.time())

    def restore_run(self, run_id: int) -> None:
        """Undo the deletion; raise UserError if the run was purged meanwhile."""
        self._row(run_id)
        self._update(run_id, deleted_at=None)

    def purge_run(self, run_id: int) -> None:
        """Remove a deleted run and all its records for good."""
        self.write("DELETE FROM runs WHERE id = ? AND deleted_at IS NOT NULL", (run_id,))

    # Owners

    def mark_interrupted(self) -> list[int]:
        """Mark the unfinished runs of dead processes as interrupted; return their ids.

        A process on another machine counts as dead after SILENT_SECONDS without a heartbeat. To
        notice that, call this method repeatedly.
        """
        if self.read_only:
            return []
        rows = self.read("SELECT * FROM runs WHERE state IN (?, ?, ?)", _UNFINISHED)
        orphans = [row for row in rows if not self.is_owned(row, "run")]
        remarks = (Remark(RemarkKind.OWNER_DIED),)
        return [row["id"] for row in orphans if self.interrupt_run(row["id"], remarks, row)]

    def interrupt_run(
        self, run_id: int, remarks: Sequence[Remark], row: sqlite3.Row | None = None
    ) -> bool:
        """Mark an unfinished run as interrupted; return False if it has ended meanwhile.

        Args:
            remarks: The reason for the interruption.
            row: The run's row as the caller read it. If it has changed, return False.
        """
        with self.transaction() as database:
            current = database.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row and row != current:
                return False
            columns = {"state": RunState.INTERRUPTED, "remarks": _to_json(remarks)}
            return _update_run(database, run_id, _UNFINISHED, finished_at=time.time(), **columns)

    def is_owned(self, row: sqlite3.Row, kind: Literal["run", "sweep"]) -> bool:
        """Return whether the owner of the run or sweep in this row is alive, as far as known."""
        alive = owner_is_alive(row)
        if alive is None:
            return not self._monitor.is_silent(kind, row["id"], row["heartbeat"])
        return alive

    def can_see_owner(self, run_id: int) -> bool:
        """Return whether this process can tell if the run's owner is alive."""
        return owner_is_alive(self._row(run_id)) is not None

    def close(self) -> None:
        self.heartbeat.stop()
        super().close()

    def _beat(self) -> None:
        advance = "SET heartbeat = heartbeat + 1 WHERE"
        with self.transaction() as database:
            database.execute(
                f"UPDATE runs {advance} state IN (?, ?, ?) AND {_IS_OWNER}",
                (*_UNFINISHED, *this_process()),
            )
            database.execute(f"UPDATE sweeps {advance} {_IS_OWNER}", this_process())

    def _row(self, run_id: int) -> sqlite3.Row:
        rows = self.read("SELECT * FROM runs WHERE id = ?", (run_id,))
        if not rows:
            raise UserError(f"Run {run_id} not found. List runs with `python -m s2s runs`.")
        return rows[0]

    def _update(self, run_id: int, states: Sequence[RunState] = (), **columns: object) -> bool:
        with self.transaction() as database:
            return _update_run(database, run_id, states, **columns)

    def _check_ended(self, run_id: int, action: str) -> None:
        if not self.run(run_id).state.has_ended():
            raise UserError(f"Run {run_id} is not finished. Stop it before {action} it.")


def insert_run(database: sqlite3.Connection, config: TrainConfig, name: str = "") -> int:
    """Insert a queued run of this process, within the caller's transaction. Return the run's id."""
    name = escape_unprintable(name) or f"{config.corpus} · batch {config.batch_size}"
    cursor = database.execute(
        "INSERT INTO runs (name, state, config, created_at, owner_pid, owner_start, owner_machine)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (name, RunState.QUEUED, json.dumps(config.to_json()), time.time(), *this_process()),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _update_run(
    database: sqlite3.Connection, run_id: int, states: Sequence[RunState], **columns: object
) -> bool:
    """Set columns of a run; return False if it is missing or not in one of the given states."""
    names = ", ".join(f"{name} = ?" for name in columns)
    condition = f" AND state IN ({', '.join('?' * len(states))})" if states else ""
    query = f"UPDATE runs SET {names} WHERE id = ?{condition}"  # noqa: S608
    return database.execute(query, (*columns.values(), run_id, *states)).rowcount == 1


def _to_json(value: object) -> str:
    return json.dumps(value, default=dataclasses.asdict)


def _parse_listed_run(row: sqlite3.Row) -> Run:
    return parse_run(row) if row["state"] in _UNFINISHED else parse_ended_run(row)
