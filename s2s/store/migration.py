"""Bring a store that an earlier release wrote to today's schema; forward only."""

import sqlite3
from collections.abc import Callable

SCHEMA_VERSION = 1
"""The version that schema.sql describes. Raise it with every step added to MIGRATIONS."""
MIGRATIONS: tuple[Callable[[sqlite3.Connection], object], ...] = ()
"""The first step turns version 1 into version 2, and so on. Each makes every table, column and
index that its version added, and changes the rows that need it."""


def migrate(database: sqlite3.Connection) -> None:
    """Apply the steps that the store lacks, within the caller's transaction.

    A new store (version 0) has today's tables already and needs no step.
    """
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version:
        for step in MIGRATIONS[version - 1 :]:
            step(database)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
