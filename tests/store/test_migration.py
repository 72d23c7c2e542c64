import sqlite3
from contextlib import closing

import pytest

from s2s.paths import home
from s2s.store import migration, schema
from s2s.store.runs import Store
from tests.tiny import tiny_config


def version() -> int:
    with closing(sqlite3.connect(home() / "store.sqlite")) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def test_missing_steps_are_applied_once_and_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 adds a column; version 3 fails at first, and then the column is not added."""
    run_id = store.create_run(tiny_config(), "old")
    store.close()

    def add_column(database: sqlite3.Connection) -> None:
        database.execute("ALTER TABLE runs ADD COLUMN rating INTEGER NOT NULL DEFAULT 3")

    def fail(database: sqlite3.Connection) -> None:
        database.execute("INSERT INTO no_such_table VALUES (1)")

    new_schema = schema.SCHEMA.replace(
        "deleted_at REAL ", "rating INTEGER NOT NULL DEFAULT 3, deleted_at REAL ", 1
    )
    monkeypatch.setattr(schema, "SCHEMA", new_schema)
    monkeypatch.setattr(migration, "SCHEMA_VERSION", 3)
    schema._own.cache_clear()
    try:
        monkeypatch.setattr(migration, "MIGRATIONS", (add_column, fail))
        with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
            Store(home())
        assert version() == 1

        monkeypatch.setattr(migration, "MIGRATIONS", (add_column, lambda _: None))
        for _ in range(2):
            with closing(Store(home())) as migrated:
                assert migrated.run(run_id).name == "old"
                assert migrated.read("SELECT rating FROM runs")[0]["rating"] == 3
            assert version() == 3
    finally:
        schema._own.cache_clear()
