"""A store that an earlier version wrote, brought to today's form; never back."""

import sqlite3

import numpy as np
import numpy.typing as npt

from s2s.records import PHASES, STEP_DTYPE

SCHEMA_VERSION = 5
_STEP_BEFORE = np.dtype(
    [
        ("iteration", np.int64),
        ("loss_sum", np.float64),
        ("samples", np.int32),
        ("source_tokens", np.int32),
        ("target_tokens", np.int32),
        ("cells", np.int32),
        ("seconds", np.float64),
        ("timed", np.bool_),
    ]
)
_PHASES_BEFORE = np.dtype([(f"{phase}_seconds", np.float32) for phase in PHASES])
_COLUMNS_2 = (
    "runs ADD COLUMN machine_before TEXT",
    "runs ADD COLUMN machine_after TEXT",
    "device_samples ADD COLUMN others_cores REAL",
    "device_samples ADD COLUMN throttled INTEGER",
)
_COLUMNS_3 = (
    "runs ADD COLUMN notes TEXT NOT NULL DEFAULT ''",
    "runs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'",
    "runs ADD COLUMN archived_at REAL",
    "runs ADD COLUMN deleted_at REAL",
)
_COLUMNS_4 = (
    "sweeps ADD COLUMN name TEXT NOT NULL DEFAULT ''",
    "sweeps ADD COLUMN notes TEXT NOT NULL DEFAULT ''",
    "sweeps ADD COLUMN deleted_at REAL",
)
_OWNER_5 = ("owner_start TEXT", "owner_machine TEXT", "heartbeat INTEGER NOT NULL DEFAULT 0")
_RUNS_5 = (
    *_OWNER_5,
    "resumed_at TEXT NOT NULL DEFAULT '[]'",
    "left_alone INTEGER NOT NULL DEFAULT 0",
)


def migrate(database: sqlite3.Connection) -> None:
    """Within the caller's transaction, so that of two processes one does it.

    Version 1 lacked what is known of other programs, whether a step was disturbed and, at first,
    its phases; version 2 lacked notes, tags, the archive and deleting with a way back; version 3
    lacked these of sweeps; version 4 told owners by the wall clock, and resumed no run. Tables
    that an earlier version lacked, of sweeps, memory and gradient noise, are made wherever they
    are not there. A new store (version 0) has today's tables.
    """
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == 1:
        for column in _COLUMNS_2:
            database.execute(f"ALTER TABLE {column}")
        _widen_steps(database)
    if version in (1, 2):
        for column in _COLUMNS_3:
            database.execute(f"ALTER TABLE {column}")
    if version == 3:
        for column in _COLUMNS_4:
            database.execute(f"ALTER TABLE {column}")
    if version in (1, 2, 3, 4):
        for column in _RUNS_5:
            database.execute(f"ALTER TABLE runs ADD COLUMN {column}")
    if version in (3, 4):
        for column in _OWNER_5:
            database.execute(f"ALTER TABLE sweeps ADD COLUMN {column}")
    database.execute("DROP INDEX IF EXISTS device_samples_of_run")  # by time; now by row
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _widen_steps(database: sqlite3.Connection) -> None:
    blocks = database.execute("SELECT run_id, first_iteration FROM step_blocks").fetchall()
    for block in blocks:  # one at a time: together they may be more than the memory holds
        here = "WHERE run_id = ? AND first_iteration = ?"
        last, rows = database.execute(
            f"SELECT last_iteration, rows FROM step_blocks {here}",  # noqa: S608
            tuple(block),
        ).fetchone()
        widened = _widened(rows, last - block[1] + 1)
        database.execute(
            f"UPDATE step_blocks SET rows = ? {here}",  # noqa: S608
            (widened.tobytes(), *block),
        )


def _widened(rows: bytes, count: int) -> npt.NDArray[np.void]:
    """The step records of a block with today's columns; unknown ones are NaN or False."""
    phases = len(rows) == count * (_STEP_BEFORE.itemsize + _PHASES_BEFORE.itemsize)
    old = np.frombuffer(rows, [*_STEP_BEFORE.descr, *(_PHASES_BEFORE.descr if phases else ())])
    new = np.zeros(count, STEP_DTYPE)
    for name in _PHASES_BEFORE.names or ():
        new[name] = np.nan
    for name in old.dtype.names or ():
        new[name] = old[name]
    return new
