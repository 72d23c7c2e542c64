"""The SQLite store: where the dashboard, the command line and every tab meet."""

import dataclasses
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

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
from s2s.runs.json_columns import readable
from s2s.runs.migration import SCHEMA_VERSION, migrate
from s2s.runs.rows import device_sample_of, machine_json, run_of, translations_of

_UNFINISHED = (RunState.QUEUED, RunState.RUNNING, RunState.STOPPING)
_SCHEMA = Path(__file__).with_name("schema.sql")
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "ceph"}


class Store:
    """Runs and their records in one SQLite file, `store.sqlite` in `folder`.

    Safe to use from any number of threads and processes: one connection writes and one reads,
    each behind a lock; every write is one transaction, and readers never wait for the writer
    (WAL). On a network folder WAL is not safe, so the slower rollback journal is used and
    `notice` says so.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UserError where the folder cannot be written or the store is a newer one."""
        self.notice = ""
        self.unreadable: list[str] = []
        """A sentence for each run that the last listing had to leave out."""
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = self._open(folder)
            self._reader = self._open(folder)
            version = self._writer.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise UserError(
                    f"The store in {folder} was written by a newer s2s; update this one."
                )
            self._writer.executescript(_SCHEMA.read_text(encoding="utf-8"))
            with self.transaction() as database:  # fails where nothing can be written
                migrate(database)
        except (OSError, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
                raise UserError(
                    f"{folder / 'store.sqlite'} is damaged; move it away, or set S2S_HOME to "
                    "another folder."
                ) from error
            raise UserError(
                f"The folder {folder} cannot be written ({error}); "
                "set S2S_HOME to a folder that can."
            ) from error

    # Runs

    def create_run(self, config: TrainConfig, name: str = "", sweep_id: int | None = None) -> int:
        """A queued run, owned by this process, a part of that sweep; returns its id."""
        with self.transaction() as database:
            cursor = database.execute(
                "INSERT INTO runs (name, state, config, created_at, owner_pid, owner_started_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    name or f"{config.corpus} · batch {config.batch_size}",
                    RunState.QUEUED,
                    json.dumps(config.to_json()),
                    time.time(),
                    *this_process(),
                ),
            )
            if sweep_id is not None:
                database.execute(
                    "INSERT INTO sweep_parts VALUES (?, ?)", (cursor.lastrowid, sweep_id)
                )
        assert cursor.lastrowid is not None
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
        found, self.unreadable = readable(rows, run_of)
        return found

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
        """Raises UserError for a name without a letter."""
        if not name.strip():
            raise UserError("A run's name has to hold at least one letter.")
        with self.transaction() as database:
            database.execute("UPDATE runs SET name = ? WHERE id = ?", (name.strip(), run_id))

    def describe_run(self, run_id: int, notes: str, tags: Sequence[str]) -> None:
        """The user's own words; a tag counts once, and one without a letter not at all."""
        kept = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
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

    def mark_interrupted(self) -> list[int]:
        """Runs whose process is gone, now marked as interrupted; returns their ids."""
        rows = self.read(
            "SELECT id, owner_pid, owner_started_at FROM runs WHERE state IN (?, ?, ?)",
            _UNFINISHED,
        )
        dead = [row["id"] for row in rows if not alive(row["owner_pid"], row["owner_started_at"])]
        with self.transaction() as database:
            database.executemany(
                # It may have finished since it was read.
                "UPDATE runs SET state = ?, finished_at = ?, message = ?"
                " WHERE id = ? AND state IN (?, ?, ?)",
                [
                    (
                        RunState.INTERRUPTED,
                        time.time(),
                        "The program that trained this run ended before the run did.",
                        run_id,
                        *_UNFINISHED,
                    )
                    for run_id in dead
                ],
            )
        return dead

    # Steps

    def write_steps(self, run_id: int, block: npt.NDArray[np.void]) -> None:
        """Appends a block of STEP_DTYPE rows, or replaces the one with the same first row.

        Replacing lets the writer grow its last block each second, so that a slow run of many
        steps does not end as many tiny blocks.
        """
        first, last = int(block["iteration"][0]), int(block["iteration"][-1])
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO step_blocks VALUES (?, ?, ?, ?)",
                (run_id, first, last, block.tobytes()),
            )
            database.execute(
                "UPDATE runs SET iterations_done = ? WHERE id = ?",
                (last, run_id),
            )

    def steps(self, run_id: int, after: int = 0) -> npt.NDArray[np.void]:
        """STEP_DTYPE rows of the iterations after `after`, in order."""
        rows = self.read(
            "SELECT rows FROM step_blocks WHERE run_id = ? AND last_iteration > ?"
            " ORDER BY first_iteration",
            (run_id, after),
        )
        steps = np.frombuffer(b"".join(row[0] for row in rows), dtype=STEP_DTYPE)
        return steps[np.searchsorted(steps["iteration"], after, side="right") :]

    # Evaluations and readings

    def add_evaluation(self, run_id: int, evaluation: Evaluation) -> None:
        with self.transaction() as database:
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
        with self.transaction() as database:
            database.executemany(
                "INSERT INTO device_samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(run_id, *dataclasses.astuple(sample)) for sample in samples],
            )

    def device_samples(self, run_id: int, after: float = 0.0) -> list[DeviceSample]:
        """In order of time, those taken after the Unix second `after`."""
        rows = self.read(
            "SELECT at, device, utilization, memory_used_bytes, memory_total_bytes,"
            " temperature_celsius, torch_allocated_bytes, others_cores, throttled"
            " FROM device_samples"
            " WHERE run_id = ? AND at > ? ORDER BY at",
            (run_id, after),
        )
        return [device_sample_of(row) for row in rows]

    # Connections

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._writer.close()
            self._reader.close()

    def _open(self, folder: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            folder / "store.sqlite", timeout=30.0, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        if _on_network(folder):
            self.notice = (
                f"{folder} is a network folder: records are written more slowly, "
                "and only one machine should use it at a time."
            )
        else:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """For writing; all of it is written, or nothing where something is raised."""
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def read(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        with self._read_lock:
            try:
                return self._reader.execute(query, values).fetchall()
            except OverflowError:  # no row has an id that SQLite cannot hold
                return []


def this_process() -> tuple[int, float]:
    """Its id and its start in Unix seconds."""
    return os.getpid(), psutil.Process().create_time()


def alive(pid: int | None, started_at: float | None) -> bool:
    """A process id is used again after a while; with its start time it is not."""
    try:
        process = psutil.Process(pid or 0)
        same = abs(process.create_time() - (started_at or 0)) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _on_network(folder: Path) -> bool:
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    for parent in (folder.resolve(), *folder.resolve().parents):
        if parent in mounts:
            return mounts[parent] in _NETWORK_FILESYSTEMS
    return False
