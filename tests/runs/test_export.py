"""Exports, and cells of CSV that a spreadsheet would compute."""

import csv
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.config import TrainConfig
from s2s.runs.export import escape_csv_cell, export_csv, export_json
from s2s.store import Store
from tests.plausible import add_ended_run

STARTS = "=+-@\t\r\n＝＋－＠"
TEXTS = st.text(st.sampled_from(STARTS + "1A'\"; ,|é")) | st.text()


@given(TEXTS.filter(lambda text: "\0" not in text))
@example('a;=HYPERLINK("http://attack.example";"x")')
@example('a;"=1+1')
@example("a\n\t=1")
def test_no_cell_begins_like_a_formula(text: str) -> None:
    """Whatever the spreadsheet splits cells at; and the file holds the text as it was."""
    cell = escape_csv_cell(text)
    assert cell.replace("'", "") == text.replace("'", "")
    assert cell == text or any(start in text for start in STARTS)
    file = io.StringIO(newline="")
    csv.writer(file).writerow(["first", cell, "last"])
    [row] = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert row == ["first", cell, "last"]
    for delimiter in ",;\t|":
        for row in csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter):
            for each in row:
                assert not each.lstrip('" ').startswith(tuple("=+-@＝＋－＠")), (delimiter, row)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=1;b", "a;'=1;b"),
        ("a\t@x", "a\t'@x"),
        ("=1;=2", "'=1;'=2"),
        ("lr = 0.1; batch 2-4, a-b", "lr = 0.1; batch 2-4, a-b"),
        (-1.5, -1.5),
    ],
)
def test_the_place_of_the_apostrophe(text: object, cell: object) -> None:
    assert escape_csv_cell(text) == cell


@pytest.mark.parametrize("start", "=\t＝")
def test_exports_of_a_run_named_like_a_formula(store: Store, start: str) -> None:
    add_ended_run(store, TrainConfig(corpus="@corpus"), count=3)
    block = store.steps(1).copy()
    block["loss_sum"] = -1.5
    store.write_steps(1, block)
    name = f"{start}cmd|' /C calc'!A0"
    with store.transaction() as database:
        database.execute("UPDATE runs SET name = ?, device = ?", (name, name))
    table, lines = io.StringIO(newline=""), io.StringIO()
    export_csv(store, table)
    export_json(store, lines)
    rows = list(csv.DictReader(io.StringIO(table.getvalue(), newline="")))
    assert [row.pop("loss_sum") for row in rows] == ["-1.5"] * 3
    assert not [each for row in rows for each in row.values() if each.startswith(tuple(STARTS))]
    assert json.loads(lines.getvalue())["name"] == name
