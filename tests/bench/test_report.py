"""The latest bench on disk."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from s2s.bench.report import latest_bench, save_bench
from s2s.errors import UserError
from s2s.paths import home
from tests.plausible import bench_report


def test_the_latest_report_is_stored_but_an_incomplete_one_replaces_no_complete_one() -> None:
    assert latest_bench() is None
    complete, other = bench_report(), dataclasses.replace(bench_report(), corpus="other")
    incomplete = dataclasses.replace(complete, complete=False)
    for saved, latest in [
        (incomplete, incomplete),
        (complete, complete),
        (incomplete, complete),
        (other, other),
    ]:
        save_bench(saved)
        assert latest_bench() == latest
    assert [file.name for file in home().iterdir()] == ["bench.json"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"rows": [{}], "notes": []}', "\x00", "null", '{"rows": [', '{"rows": 7}'],
)
def test_an_unreadable_file_is_no_report(text: str) -> None:
    home().mkdir()
    (home() / "bench.json").write_text(text)
    assert latest_bench() is None


def test_unknown_names_are_ignored_and_wrong_types_are_not() -> None:
    save_bench(bench_report())
    path = home() / "bench.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"new": 1}))
    assert latest_bench() == bench_report()
    path.write_text(json.dumps(values | {"corpus": 1}))
    assert latest_bench() is None


def test_a_pipe_is_not_read() -> None:
    home().mkdir()
    os.mkfifo(home() / "bench.json")
    assert latest_bench() is None


def test_an_unwritable_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="S2S_HOME"):
        save_bench(bench_report())
