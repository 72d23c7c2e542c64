"""The SQLite store: where the dashboard, the command line and every tab meet."""

import dataclasses
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from s2s.config import TrainConfig, UserError
from s2s.records import (
    STEP_DTYPE,
    DeviceSample,
    Evaluation,
    MachineState,
    Run,
    RunState,
    Summary,
)
from s2s.store.connection import FILE_NAME, WAIT_SECONDS, atomically, open_store
from s2s.store.errors import told_in_a_sentence
from s2s.store.json_columns import readable
from s2s.store.ownership import Listener, lives, owner_values, this_process
from s2s.store.pulse import Pulse
from s2s.store.rows import (
    device_sample_of,
    finished_run_of,
    machine_json,
    run_of,
    translations_of,
)
from s2s.validation import printable

_UNFINISHED = (RunState.QUEUED, RunState.RUNNING, RunState.STOPPING)
_KILLED = "The program that trained this run ended before the run did."
RECORD_WAIT_SECONDS = 1.0
"""A training run waits no longer: its recorder keeps what was not written, and tries again."""


class Store:
    """Runs and their records in one SQLite file, `store.sqlite` in `folder`.

    Safe to use from any number of threads and processes: one connection writes and one reads,
    each behind a lock; every write is one transaction, and readers never wait for the writer
    (WAL). On a network folder WAL is not safe, so the slower rollback journal is used, and
    `notice` says so. In a folder that cannot be written the store is `read_only`: it can be read.
    """

    def __init__(self, folder: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        """`wait_seconds`: for another process that writes, once the store is open.

        Raises UserError where there is no store that could be used, as `open_store`.
        """
        self._path = folder / FILE_NAME
        self.unreadable: dict[str, list[str]] = {"runs": [], "sweeps": []}
        """A sentence for each that the last listing had to leave out."""
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        self._listener, self._pulse = Listener(), Pulse(self._beat)
        opened = open_store(folder)
        self._writer, self._reader = opened.writer, opened.reader
        self.notice, self.read_only = opened.notice, opened.read_only
        self.trouble = ""
        """Why a run of this process cannot write its records just now; empty where it can."""
        self._wait_seconds = wait_seconds
        self._reader.execute(f"PRAGMA busy_timeout = {round(1000 * wait_seconds)}")

    # Runs

    def create_run(self, config: TrainConfig, name: str = "", sweep_id: int | None = None) -> int:
        """A queued run, owned by this process, a part of that sweep; returns its id."""
        with self.transaction() as database:
            cursor = database.execute(
                "INSERT INTO runs (name, state, config, created_at,"
                " owner_pid, owner_start, owner_machine)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    printable(name) or f"{config.corpus} · batch {config.batch_size}",
                    RunState.QUEUED,
                    json.dumps(config.to_json()),
                    time.time(),
                    *owner_values(),
                ),
            )
            if sweep_id is not None:
                database.execute(
                    "INSERT INTO sweep_parts VALUES (?, ?)", (cursor.lastrowid, sweep_id)
                )
        assert cursor.lastrowid is not None
        self.be_heard()
        return cursor.lastrowid

    def run(self, run_id: int) -> Run:
        """Raises UserError where there is no such run; a deleted one is there until its purge."""
        rows = self.read("SELECT * FROM runs WHERE id = ?", (run_id,))
        if not rows:
            raise UserError(f"There is no run {run_id}; `python -m s2s runs` lists them.")
        return run_of(rows[0])

    def runs(self, *, archived: bool = False) -> list[Run]:
        """The newest first; without the deleted, and without the archived unless asked for."""
        hidden = "deleted_at IS NOT NULL" + ("" if archived else " OR archived_at IS NOT NULL")
        rows = self.read(f"SELECT * FROM runs WHERE NOT ({hidden}) ORDER BY id DESC")  # noqa: S608
        found, self.unreadable["runs"] = readable(rows, _listed)
        return found

    def unfinished_runs(self) -> list[Run]:
        """The oldest first: what trains and what waits, in the order of their turn."""
        rows = self.read(
            "SELECT * FROM runs WHERE state IN (?, ?, ?) AND archived_at IS NULL"
            " AND deleted_at IS NULL ORDER BY id",
            _UNFINISHED,
        )
        return readable(rows, run_of)[0]

    def states(self, run_ids: Sequence[int]) -> tuple[tuple[int, RunState], ...]:
        """Of these runs, in the order of their ids; without those that are gone for good."""
        rows = self.read(
            "SELECT id, state FROM runs WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(list(run_ids)),),
        )
        return tuple((row["id"], RunState(row["state"])) for row in rows)

    def deleted_runs(self, *, of_deleted_sweeps: bool = False) -> list[Run]:
        """The last deleted first. Those that went with their sweep come back with it only."""
        gone = (
            "SELECT run_id FROM sweep_parts JOIN sweeps ON sweep_id = id"
            " WHERE deleted_at IS NOT NULL"
        )
        here = "" if of_deleted_sweeps else f" AND id NOT IN ({gone})"
        rows = self.read(
            f"SELECT * FROM runs WHERE deleted_at IS NOT NULL{here}"  # noqa: S608
            " ORDER BY deleted_at DESC, id DESC"
        )
        return readable(rows, run_of)[0]

    def start_run(self, run_id: int, device: str, environment: dict[str, Any]) -> bool:
        """Queued -> running. False where the run was stopped or deleted meanwhile."""
        with self.transaction() as database:
            cursor = database.execute(
                "UPDATE runs SET state = ?, started_at = ?, device = ?, environment = ?"
                " WHERE id = ? AND state = ?",
                (
                    RunState.RUNNING,
                    time.time(),
                    device,
                    json.dumps(environment),
                    run_id,
                    RunState.QUEUED,
                ),
            )
        return cursor.rowcount == 1

    def note_machine(
        self, run_id: int, before: MachineState, after: MachineState | None = None
    ) -> None:
        """What the machine did before the run and, once that is over, after it."""
        with self.transaction() as database:
            database.execute(
                "UPDATE runs SET machine_before = ?, machine_after = ? WHERE id = ?",
                (*map(machine_json, (before, after)), run_id),
            )

    def finish_run(
        self, run_id: int, state: RunState, summary: Summary, message: str = "", details: str = ""
    ) -> None:
        with self.transaction() as database:
            database.execute(
                "UPDATE runs SET state = ?, finished_at = ?, summary = ?, message = ?,"
                " details = ? WHERE id = ?",
                (
                    state,
                    time.time(),
                    json.dumps(dataclasses.asdict(summary)),
                    message,
                    details,
                    run_id,
                ),
            )

    def fail_run(self, run_id: int, message: str, details: str) -> None:
        """A run that failed before its first step: it has no summary."""
        with self.transaction() as database:
            database.execute(
                "UPDATE runs SET state = ?, finished_at = ?, message = ?, details = ? WHERE id = ?",
                (RunState.FAILED, time.time(), message, details, run_id),
            )

    def request_stop(self, run_id: int) -> None:
        """A queued run is stopped at once; a running one is asked to, whoever trains it."""
        with self.transaction() as database:
            database.execute(
                "UPDATE runs SET state = ?, finished_at = ? WHERE id = ? AND state = ?",
                (RunState.STOPPED, time.time(), run_id, RunState.QUEUED),
            )
            database.execute(
                "UPDATE runs SET state = ? WHERE id = ? AND state = ?",
                (RunState.STOPPING, run_id, RunState.RUNNING),
            )

    def stop_requested(self, run_id: int) -> bool:
        """True for a run that is over or deleted too: nobody waits for it any more."""
        rows = self.read("SELECT state FROM runs WHERE id = ?", (run_id,))
        return not rows or RunState(rows[0]["state"]) not in (RunState.QUEUED, RunState.RUNNING)

    def rename_run(self, run_id: int, name: str) -> None:
        """Raises UserError for a name without a letter; writes control characters as escapes."""
        if not name.strip():
            raise UserError("A run's name has to hold at least one letter.")
        with self.transaction() as database:
            database.execute(
                "UPDATE runs SET name = ? WHERE id = ?", (printable(name.strip()), run_id)
            )

    def describe_run(self, run_id: int, notes: str, tags: Sequence[str]) -> None:
        """The user's own words; a tag counts once, and one without a letter not at all."""
        kept = list(dict.fromkeys(printable(tag.strip()) for tag in tags if tag.strip()))
        with self.transaction() as database:
            database.execute(
                "UPDATE runs SET notes = ?, tags = ? WHERE id = ?",
                (notes.strip(), json.dumps(kept), run_id),
            )

    def archive_run(self, run_id: int, archived: bool = True) -> None:
        """Out of the lists, or back; a running one has to be stopped first (UserError)."""
        self._ended(run_id, "archiving")
        with self.transaction() as database:
            database.execute(
                "UPDATE runs SET archived_at = ? WHERE id = ?",
                (time.time() if archived else None, run_id),
            )

    def delete_run(self, run_id: int) -> None:
        """Hides the run until it is restored or purged; a running one is stopped first (UserError).

        Its records and files stay till then.
        """
        self._ended(run_id, "deleting")
        with self.transaction() as database:
            database.execute("UPDATE runs SET deleted_at = ? WHERE id = ?", (time.time(), run_id))

    def restore_run(self, run_id: int) -> None:
        """Takes the deletion back; UserError where the run was purged meanwhile."""
        self.run(run_id)
        with self.transaction() as database:
            database.execute("UPDATE runs SET deleted_at = NULL WHERE id = ?", (run_id,))

    def purge_run(self, run_id: int) -> None:
        """A deleted run and all its records, for good; any other is left alone."""
        with self.transaction() as database:
            database.execute("DELETE FROM runs WHERE id = ? AND deleted_at IS NOT NULL", (run_id,))

    def _ended(self, run_id: int, doing: str) -> None:
        if not self.run(run_id).state.is_finished():
            raise UserError(f"Run {run_id} is not finished; stop it before {doing} it.")

    # Owners

    def mark_interrupted(self) -> list[int]:
        """Runs whose process is gone, now marked as interrupted; returns their ids.

        A process of another machine counts as gone after it was silent for a minute in which this
        was called again and again.
        """
        if self.read_only:
            return []
        rows = self.read("SELECT * FROM runs WHERE state IN (?, ?, ?)", _UNFINISHED)
        dead = [row for row in rows if not self.is_owned(row, "run")]
        return [row["id"] for row in dead if self.interrupt_run(row["id"], _KILLED, row)]

    def interrupt_run(self, run_id: int, message: str, owned_as: sqlite3.Row | None = None) -> bool:
        """A run that did not get to its result. False where it is over by now.

        `owned_as`: the run as it was read; False too where another process took it since.
        """
        still, owner = "", ()
        if owned_as:
            still = " AND owner_pid IS ? AND owner_start IS ? AND owner_machine IS ?"
            owner = tuple(owned_as[name] for name in ("owner_pid", "owner_start", "owner_machine"))
        with self.transaction() as database:
            cursor = database.execute(
                "UPDATE runs SET state = ?, finished_at = ?, message = ?"  # noqa: S608
                f" WHERE id = ? AND state IN (?, ?, ?){still}",
                (RunState.INTERRUPTED, time.time(), message, run_id, *_UNFINISHED, *owner),
            )
        return cursor.rowcount == 1

    def is_owned(self, row: sqlite3.Row, what: str) -> bool:
        """By a living process, as far as can be known. `what` the row is: `run` or `sweep`."""
        alive = lives(row)
        if alive is None:
            return not self._listener.is_silent(what, row["id"], row["heartbeat"])
        return alive

    def be_heard(self) -> None:
        """From now on the heartbeat of what this process owns counts on, until `close`."""
        self._pulse.start()

    def _beat(self) -> None:
        owner = this_process()
        mine = "owner_pid = ? AND owner_start = ? AND owner_machine = ?"
        values = (owner.pid, owner.start, owner.machine)
        with self.transaction() as database:
            database.execute(
                f"UPDATE runs SET heartbeat = heartbeat + 1 WHERE state IN (?, ?, ?) AND {mine}",  # noqa: S608
                (*_UNFINISHED, *values),
            )
            database.execute(f"UPDATE sweeps SET heartbeat = heartbeat + 1 WHERE {mine}", values)  # noqa: S608

    # Steps

    def write_steps(self, run_id: int, block: npt.NDArray[np.void]) -> None:
        """Appends a block of STEP_DTYPE rows, or replaces the one with the same first row.

        Replacing lets the writer grow its last block each second, so that a slow run of many
        steps does not end as many tiny blocks.
        """
        first, last = int(block["iteration"][0]), int(block["iteration"][-1])
        with self.transaction(RECORD_WAIT_SECONDS) as database:
            database.execute(
                "INSERT OR REPLACE INTO step_blocks VALUES (?, ?, ?, ?)",
                (run_id, first, last, block.tobytes()),
            )
            database.execute(
                "UPDATE runs SET iterations_done = ?, heartbeat = heartbeat + 1 WHERE id = ?",
                (last, run_id),
            )

    def steps(self, run_id: int, after: int = 0) -> npt.NDArray[np.void]:
        """STEP_DTYPE rows of the iterations after `after`, in order."""
        # From the block that holds the first of them: to look at each block's last row takes long.
        rows = self.read(
            "SELECT rows FROM step_blocks WHERE run_id = :run AND first_iteration >="
            " (SELECT coalesce(max(first_iteration), 0) FROM step_blocks"
            "  WHERE run_id = :run AND first_iteration <= :first)"
            " ORDER BY first_iteration",
            {"run": run_id, "first": after + 1},
        )
        steps = np.frombuffer(b"".join(row[0] for row in rows), dtype=STEP_DTYPE)
        return steps[np.searchsorted(steps["iteration"], after, side="right") :]

    # Evaluations and readings

    def add_evaluation(self, run_id: int, evaluation: Evaluation) -> None:
        with self.transaction(RECORD_WAIT_SECONDS) as database:
            database.execute(
                "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?)",
                (
                    run_id,
                    evaluation.iteration,
                    evaluation.training_seconds,
                    evaluation.validation_loss_per_token,
                    json.dumps([dataclasses.asdict(each) for each in evaluation.translations]),
                ),
            )

    def evaluations(self, run_id: int, after: int = -1) -> list[Evaluation]:
        """In order of iteration, those after `after`."""
        rows = self.read(
            "SELECT * FROM evaluations WHERE run_id = ? AND iteration > ? ORDER BY iteration",
            (run_id, after),
        )
        return [
            Evaluation(
                row["iteration"],
                row["training_seconds"],
                row["validation_loss_per_token"],
                translations_of(row),
            )
            for row in rows
        ]

    def add_device_samples(self, run_id: int, samples: Sequence[DeviceSample]) -> None:
        with self.transaction(RECORD_WAIT_SECONDS) as database:
            database.executemany(
                "INSERT INTO device_samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(run_id, *dataclasses.astuple(sample)) for sample in samples],
            )

    def device_samples(self, run_id: int) -> list[DeviceSample]:
        """In the order in which they were taken."""
        return self.device_samples_after(run_id, 0)[0]

    def device_samples_after(self, run_id: int, row_id: int) -> tuple[list[DeviceSample], int]:
        """Those written after the row `row_id`, in order, and the last one's row.

        Not after a time: clocks are set, and go back.
        """
        rows = self.read(
            "SELECT rowid, at, device, utilization, memory_used_bytes, memory_total_bytes,"
            " temperature_celsius, torch_allocated_bytes, other_load_cores, throttled"
            " FROM device_samples"
            " WHERE run_id = ? AND rowid > ? ORDER BY rowid",
            (run_id, row_id),
        )
        last = rows[-1]["rowid"] if rows else row_id
        return [device_sample_of(row) for row in rows], last

    # Connections

    def sync(self) -> None:
        """What was written so far outlives a power failure too; a WAL else may not, for seconds."""
        with self._write_lock, told_in_a_sentence(self._path):
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        self._pulse.stop()
        with self._write_lock, self._read_lock:
            self._writer.close()
            self._reader.close()

    @contextmanager
    def transaction(self, wait_seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        """For writing; all of it is written, or nothing where something is raised.

        Raises StoreError where another process writes for longer than `wait_seconds` (else as the
        store was made), the disk is full, and so on.
        """
        wait_ms = round(1000 * (self._wait_seconds if wait_seconds is None else wait_seconds))
        with self._write_lock, told_in_a_sentence(self._path):
            self._writer.execute(f"PRAGMA busy_timeout = {wait_ms}")
            with atomically(self._writer) as database:
                yield database

    def read(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[sqlite3.Row]:
        """Raises StoreError as `transaction` does."""
        with self._read_lock, told_in_a_sentence(self._path):
            try:
                return self._reader.execute(query, values).fetchall()
            except OverflowError:  # no row has an id that SQLite cannot hold
                return []


def _listed(row: sqlite3.Row) -> Run:
    finished = row["state"] not in _UNFINISHED
    return finished_run_of(row) if finished else run_of(row)
