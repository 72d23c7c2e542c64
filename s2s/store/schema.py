"""The store's schema: its version, its migrations, and the check for foreign objects."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

from s2s.errors import UserError, quote

SCHEMA = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
SCHEMA_VERSION = 1
"""The version that schema.sql describes. Increase it with every migration."""
MIGRATIONS: tuple[Callable[[sqlite3.Connection], object], ...] = ()
"""Functions that each migrate a store to the next version. The first starts from version 1."""
# CREATE TABLE statements differ after a migration, so this lists columns one by one. It omits the
# columns of views and virtual tables (rootpage 0), because reading those would run their code.
_OBJECTS = """
SELECT type, name, CASE WHEN type = 'table' THEN substr(sql, 1, 13) ELSE sql END, 0, '', 0, 0
FROM sqlite_master WHERE sql IS NOT NULL
UNION ALL
SELECT 'columns of', m.name, c.name || ' ' || c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table' AND m.rootpage > 0
"""


def read_version(database: sqlite3.Connection) -> int:
    """Return the schema version of a store; 0 if the file is new."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def migrate(database: sqlite3.Connection) -> None:
    """Apply the missing migrations within the caller's transaction."""
    if version := read_version(database):  # a new store already has the current schema
        for migrate_to_next in MIGRATIONS[version - 1 :]:
            migrate_to_next(database)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def disable_schema_code(connection: sqlite3.Connection) -> None:
    """Keep SQLite from running functions and checks that the file's schema contains."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")


def check_schema(database: sqlite3.Connection, path: Path) -> None:
    """Raise UserError if the store has a trigger, view, table, column or index that s2s lacks.

    A trigger could fill the disk at every write, and reading a view might never end.
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
        database.execute("ANALYZE")  # allow its tables, which users may create; they run no code
        return frozenset(map(tuple, database.execute(_OBJECTS)))
