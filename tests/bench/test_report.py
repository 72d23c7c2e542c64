"""The latest bench on disk."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from s2s.bench.report import keep_bench, latest_bench
from s2s.errors import UserError
from s2s.paths import home
from tests.plausible import bench_report


def test_the_latest_one_is_kept() -> None:
    assert latest_bench() is None
    first, second = bench_report(), dataclasses.replace(bench_report(), corpus="other")
    keep_bench(first)
    assert latest_bench() == first
    keep_bench(second)
    assert latest_bench() == second
    assert [file.name for file in home().iterdir()] == ["bench.json"]


def test_one_broken_off_replaces_no_whole_one() -> None:
    whole = bench_report()
    broken_off = dataclasses.replace(whole, complete=False)
    keep_bench(broken_off)
    assert latest_bench() == broken_off
    keep_bench(whole)
    keep_bench(broken_off)
    assert latest_bench() == whole


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [{}], "notes": []}', "\x00", "null"])
def test_a_file_that_means_nothing_is_none(text: str) -> None:
    home().mkdir()
    (home() / "bench.json").write_text(text)
    assert latest_bench() is None


def test_names_of_a_newer_version_are_no_matter_and_other_types_are() -> None:
    keep_bench(bench_report())
    path = home() / "bench.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"new": 1}))
    assert latest_bench() == bench_report()
    path.write_text(json.dumps(kept | {"corpus": 1}))
    assert latest_bench() is None


def test_what_is_no_plain_file_is_not_read() -> None:
    home().mkdir()
    os.mkfifo(home() / "bench.json")
    assert latest_bench() is None


def test_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="set S2S_HOME"):
        keep_bench(bench_report())


@pytest.mark.parametrize("content", ["", '{"rows": [', "[]", '{"rows": 7, "notes": []}', "7"])
def test_a_file_that_is_half_written_is_no_bench(content: str) -> None:
    home().mkdir(parents=True)
    (home() / "bench.json").write_text(content)
    assert latest_bench() is None
