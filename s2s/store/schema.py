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
"""Functions that each bring a store to the next version, the first from version 1 to 2."""
# CREATE TABLE statements differ after a migration, so columns are compared one by one. Views and
# virtual tables (rootpage 0) are not asked for columns, because that would run their code.
_OBJECTS = """
SELECT type, name, CASE WHEN type = 'table' THEN substr(sql, 1, 13) ELSE sql END, 0, '', 0, 0
FROM sqlite_master WHERE sql IS NOT NULL
UNION ALL
SELECT 'columns of', m.name, c.name || ' ' || c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table' AND m.rootpage > 0
"""


def read_version(database: sqlite3.Connection) -> int:
    """Return the schema version of a store, which is 0 for a new file."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def migrate(database: sqlite3.Connection) -> None:
    """Apply the missing migrations within the caller's transaction."""
    if version := read_version(database):  # 0: a new store has today's schema
        for step in MIGRATIONS[version - 1 :]:
            step(database)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def disable_schema_code(connection: sqlite3.Connection) -> None:
    """Make SQLite run no function or check that is part of a file's tables."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")


def check_schema(database: sqlite3.Connection, path: Path) -> None:
    """Raise UserError for a trigger, view, table, column or index that schema.sql lacks.

    A trigger could fill the disk at each write, and a view could make each read endless.
    """
    foreign = set(map(tuple, database.execute(_OBJECTS))) - _own_objects()
    if foreign:
        kind, name, *_ = min(foreign, key=str)
        raise UserError(
            f"{path} contains an object that s2s did not create ({kind} {quote(name)}). Remove it "
            "with SQLite's command line, or move the file away."
        )


@cache
def _own_objects() -> frozenset[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        database.execute("ANALYZE")  # a user may have created these tables; they run no code
        return frozenset(map(tuple, database.execute(_OBJECTS)))
