"""Rows that another version wrote are left out, each with an error message."""

import pytest

from s2s.errors import UserError
from s2s.store import Store
from tests.tiny import tiny_config


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "later"),
        ("config", "{"),
        ("config", "[]"),
        ("config", '{"batch_size": "x"}'),
        ("tags", "[1]"),
        ("summary", '{"state": "finished", "seconds": "1"}'),
        ("machine_before", '{"at": 1}'),
    ],
)
def test_a_run_that_cannot_be_read_is_left_out(store: Store, column: str, value: str) -> None:
    good, bad = (store.create_run(tiny_config()) for _ in range(2))
    with store.transaction() as database:
        database.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, bad))
    assert [run.id for run in store.runs()] == [good]
    [problem] = store.unreadable["runs"]
    assert problem.startswith(f"Run {bad} ")
    with pytest.raises(UserError, match=f"Run {bad} "):
        store.run(bad)


def test_settings_of_a_later_version_are_dropped(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    with store.transaction() as database:
        database.execute("UPDATE runs SET config = json_set(config, '$.later', 1)")
    assert store.run(run_id).config == tiny_config()
