import sqlite3
from dataclasses import dataclass
from typing import Any

import pytest

from s2s.records import RunState
from s2s.store.json_columns import readable, told
from s2s.validation import UserError, read_as


@dataclass
class _Noun:
    name: str
    state: RunState
    count: int | None = None
    share: float = 0.5
    parts: dict[str, float] | None = None
    tags: tuple[str, ...] = ()


GOOD = {"name": "x", "state": "running"}


def test_names_of_a_later_version_are_dropped() -> None:
    assert read_as(_Noun, {**GOOD, "later": 1}) == _Noun("x", "running")


@pytest.mark.parametrize(
    "good", [{"count": None}, {"count": 3}, {"share": 1}, {"parts": {"a": 1}}, {"tags": ["a"]}]
)
def test_values_of_their_types(good: dict[str, Any]) -> None:
    [(name, value)] = good.items()
    assert getattr(read_as(_Noun, GOOD | good), name) == value


@pytest.mark.parametrize(
    "bad",
    [
        {"name": None},
        {"state": "later"},
        {"count": True},
        {"count": 1.5},
        {"share": "1"},
        {"share": False},
        {"parts": {"a": "b"}},
        {"parts": []},
        {"tags": [1]},
    ],
)
def test_values_of_other_types(bad: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(bad))):
        read_as(_Noun, GOOD | bad)


@pytest.mark.parametrize("values", [None, [], "x", 3, {"name": "x"}])
def test_what_is_no_such_noun(values: Any) -> None:
    with pytest.raises(TypeError):
        read_as(_Noun, values)


def test_the_rows_that_can_be_read_and_a_sentence_for_the_others() -> None:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    rows = database.execute("SELECT 1 AS id, '7' AS n UNION SELECT 2, 'x' ORDER BY id").fetchall()
    database.close()
    number = told("Run")(lambda row: int(row["n"]))
    found, [problem] = readable(rows, number)
    assert found == [7]
    assert problem.startswith("Run 2 cannot be read (invalid literal for int()")
    assert problem.endswith("; a newer s2s may have written it: update this one.")
    with pytest.raises(UserError, match="Run 2"):
        number(rows[1])
