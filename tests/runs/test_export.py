"""Cells of CSV that a spreadsheet would compute."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.config import TrainConfig
from s2s.runs.export import csv_cell, export_csv, export_json
from s2s.store.runs import Store
from tests.plausible import ended

STARTS = "=+-@\t\r\n＝＋－＠"
TEXTS = st.text(st.sampled_from(STARTS + "1A'\"; ,|é")) | st.text()


@given(TEXTS)
def test_no_text_begins_like_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert isinstance(cell, str)
    assert not cell.startswith(tuple(STARTS))
    assert cell.replace("'", "") == text.replace("'", "")
    assert cell == text or any(start in text for start in STARTS)


@given(TEXTS.filter(lambda text: "\0" not in text))
@example('a;=HYPERLINK("http://attack.example";"x")')
@example('a;"=1+1')
@example("a\n\t=1")
def test_nor_where_a_spreadsheet_parts_cells_elsewhere(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(["first", csv_cell(text), "last"])
    for delimiter in ",;\t|":
        for row in csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter):
            for cell in row:
                assert not cell.lstrip('" ').startswith(tuple("=+-@＝＋－＠")), (delimiter, row)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=1;b", "a;'=1;b"),
        ("a|-1", "a|'-1"),
        ("a\t@x", "a\t'@x"),
        ("a\n+1", "a\n'+1"),
        ("=1;=2", "'=1;'=2"),
        ("lr = 0.1; batch 2-4, a-b", "lr = 0.1; batch 2-4, a-b"),
    ],
)
def test_where_the_apostrophe_stands(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


@given(st.integers() | st.floats() | st.booleans() | st.none())
def test_what_is_no_text_stays_what_it_is(value: object) -> None:
    assert csv_cell(value) is value


@given(st.lists(TEXTS.filter(lambda text: "\0" not in text)))
def test_cells_come_back_from_a_file_as_they_were_written(texts: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(["first", *map(csv_cell, texts)])
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert row == ["first", *map(csv_cell, texts)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With one run of three steps."""
    with closing(Store(tmp_path)) as store:
        ended(store, TrainConfig(corpus="@corpus"), count=3)
        yield store


@pytest.mark.parametrize("start", STARTS)
def test_exports_of_a_name_like_a_formula(store: Store, start: str) -> None:
    name = f"{start}cmd|' /C calc'!A0"
    with store.transaction() as database:
        database.execute("UPDATE runs SET name = ?, device = ?", (name, name))
    table, exact = io.StringIO(newline=""), io.StringIO()
    export_csv(store, table)
    export_json(store, exact)
    rows = list(csv.reader(io.StringIO(table.getvalue(), newline="")))
    assert len(rows) == 4
    assert not [cell for row in rows for cell in row if cell.startswith(tuple(STARTS))]
    assert json.loads(exact.getvalue())["name"] == name


def test_negative_numbers_stay_numbers(store: Store) -> None:
    block = store.steps(1).copy()
    block["loss_sum"] = -1.5
    store.write_steps(1, block)
    table = io.StringIO(newline="")
    export_csv(store, table)
    rows = list(csv.DictReader(io.StringIO(table.getvalue(), newline="")))
    assert [row["loss_sum"] for row in rows] == ["-1.5"] * 3
