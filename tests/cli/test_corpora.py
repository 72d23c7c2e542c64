"""The command `corpora`."""

from pathlib import Path

import pytest

from s2s.cli.main import main
from s2s.data import catalog
from s2s.paths import corpora_folder
from tests.cli.commands import Capture, error_of, objects, printed, printed_json
from tests.tiny import write_tiny


def test_add_list_and_remove(tmp_path: Path, capsys: Capture) -> None:
    path = str(write_tiny(tmp_path / "a.txt"))
    assert printed(["corpora", "add", path], capsys).startswith("a: column 2 to column 1, ")
    options = ["--name=b", "--normalizer=article", "--direction=first-to-second"]
    options += ["--max-length=4", "--min-count=2", "--max-vocabulary=7"]
    printed(["corpora", "add", path, *options], capsys)
    choices = catalog.open_corpus(corpora_folder(), "b").info.choices.to_json()
    assert list(choices.values()) == ["article", "first-to-second", 4, 2, 7]
    assert [line[:2] for line in printed(["corpora"], capsys).splitlines()] == ["a:", "b:"]
    assert printed(["corpora", "remove", "a"], capsys) == ""
    assert [each["name"] for each in printed_json(["corpora"], capsys)] == ["b"]


@pytest.mark.parametrize("json_first", [False, True])
def test_add_as_json(tmp_path: Path, capsys: Capture, json_first: bool) -> None:
    path = write_tiny(tmp_path / "a.txt")
    with path.open("a") as file:
        file.write("no second column\n")
    words = ["corpora", "add", str(path)]
    words.insert(1 if json_first else 3, "--json")
    assert main(words) == 0
    output, errors = capsys.readouterr()
    [added] = objects(output)
    assert (added["name"], added["pairs_kept"], added["bad_lines"]) == ("a", 60, 1)
    assert ": 61\n" in errors


def test_damaged_corpora_and_empty_files(tmp_path: Path, capsys: Capture) -> None:
    printed(["corpora", "add", str(write_tiny(tmp_path / "a.txt"))], capsys)
    (corpora_folder() / "a" / "corpus.json").write_text("{")
    assert main(["corpora"]) == 0
    output, errors = capsys.readouterr()
    assert output == ""
    assert "'a'" in errors
    (tmp_path / "empty.txt").write_text("")
    error_of(["corpora", "add", str(tmp_path / "empty.txt")], capsys)
    error_of(["corpora", "add", "x", "--max-length=0"], capsys)
