"""The store's schema: its version, its migrations, and the check for foreign objects."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

from s2s.errors import UserError, quote

SCHEMA = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
SCHEMA_VERSION = 1
"""The version that schema.sql describes. Raise it with every step added to MIGRATIONS."""
MIGRATIONS: tuple[Callable[[sqlite3.Connection], object], ...] = ()
"""Steps that bring a store of an earlier release to today's schema; forward only.

The first turns version 1 into version 2, and so on. Each makes every table, column and index that
its version added, and changes the rows that need it.
"""
# Only the beginning of a CREATE TABLE statement: its columns are compared one by one. Views and
# virtual tables (rootpage 0) are not asked for columns, because that would run their code.
_OBJECTS = """
SELECT type, name, CASE WHEN type = 'table' THEN substr(sql, 1, 13) ELSE sql END, 0, '', 0, 0
FROM sqlite_master WHERE sql IS NOT NULL
UNION ALL
SELECT 'columns of', m.name, c.name || ' ' || c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table' AND m.rootpage > 0
"""
_SchemaObject = tuple[object, ...]


def read_version(database: sqlite3.Connection) -> int:
    """Return the schema version of a store; 0 for a new file."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def migrate(database: sqlite3.Connection) -> None:
    """Apply the steps that the store lacks, within the caller's transaction.

    A new store (version 0) has today's tables already and needs no step.
    """
    if version := read_version(database):
        for step in MIGRATIONS[version - 1 :]:
            step(database)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def disable_schema_code(connection: sqlite3.Connection) -> None:
    """Run no function or check that the tables of a foreign file name."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")


def check_schema(database: sqlite3.Connection, path: Path) -> None:
    """Raise UserError for a trigger, view, table, column or index that schema.sql lacks.

    A trigger or a view can do anything at each write or read: fill the disk, or never end.
    """
    foreign = sorted(f"{each[0]} {quote(each[1])}" for each in _objects(database) - _own_objects())
    if foreign:
        raise UserError(
            f"{path} contains an object that s2s did not create ({foreign[0]}). Remove it with "
            "SQLite's command line, or move the file away."
        )


def _objects(database: sqlite3.Connection) -> set[_SchemaObject]:
    return set(map(tuple, database.execute(_OBJECTS)))


@cache
def _own_objects() -> frozenset[_SchemaObject]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        database.execute("ANALYZE")  # a user may have done it: its tables run nothing
        return frozenset(_objects(database))
