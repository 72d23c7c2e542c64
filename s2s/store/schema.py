"""What a store may hold: the tables, columns and indexes of schema.sql, and nothing that runs."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from s2s.validation import UserError, quoted

SCHEMA = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
# Of a table's statement the beginning: its columns are looked at one by one. Views and virtual
# tables, which have no page of their own, are not asked for any.
_PARTS = """
SELECT type, name, CASE WHEN type = 'table' THEN substr(sql, 1, 13) ELSE sql END, 0, '', 0, 0
FROM sqlite_master WHERE sql IS NOT NULL
UNION ALL
SELECT 'columns of', m.name, c.name || ' ' || c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table' AND m.rootpage > 0
"""
_Part = tuple[object, ...]


def distrust(connection: sqlite3.Connection) -> None:
    """What a table of a foreign file says to check or to call is not run."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")


def check_schema(database: sqlite3.Connection, path: Path) -> None:
    """Raises UserError for a trigger, view, table or column that schema.sql has not.

    A trigger or a view can do anything at each write or read: fill the disk, never end.
    """
    foreign = sorted(f"{part[0]} {quoted(part[1])}" for part in _parts(database) - _own())
    if foreign:
        raise UserError(
            f"{path} holds what s2s did not make ({foreign[0]}); take that out with SQLite's own "
            "command line, or move the file away."
        )


def _parts(database: sqlite3.Connection) -> set[_Part]:
    return set(map(tuple, database.execute(_PARTS)))


@cache
def _own() -> frozenset[_Part]:
    """The parts of schema.sql; those of earlier versions are among them."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        database.execute("ANALYZE")  # a user may have done it: its tables run nothing
        return frozenset(_parts(database))
