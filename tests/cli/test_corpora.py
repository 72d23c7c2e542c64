"""The command `corpora`."""

from pathlib import Path

from s2s.cli.main import main
from s2s.data import catalog
from s2s.paths import corpora_folder
from tests.cli.conftest import Capture, error_of, objects, printed, printed_json
from tests.tiny import write_tiny


def test_add_list_and_remove(tmp_path: Path, capsys: Capture) -> None:
    path = write_tiny(tmp_path / "a.txt")
    with path.open("a") as file:
        file.write("no second column\n")
    assert main(["corpora", "--json", "add", str(path)]) == 0
    output, errors = capsys.readouterr()
    [added] = objects(output)
    assert (added["name"], added["pairs_kept"], added["bad_lines"]) == ("a", 60, 1)
    assert ": 61\n" in errors
    options = ["--name=b", "--normalizer=article", "--direction=first-to-second"]
    options += ["--max-length=4", "--min-count=2", "--max-vocabulary=7"]
    assert printed(["corpora", "add", str(path), *options], capsys).startswith("b: ")
    choices = catalog.open_corpus(corpora_folder(), "b").info.choices.to_json()
    assert list(choices.values()) == ["article", "first-to-second", 4, 2, 7]
    assert [line[:2] for line in printed(["corpora"], capsys).splitlines()] == ["a:", "b:"]
    assert printed(["corpora", "remove", "a"], capsys) == ""
    assert [each["name"] for each in printed_json(["corpora"], capsys)] == ["b"]
    (corpora_folder() / "b" / "corpus.json").write_text("{")
    assert main(["corpora"]) == 0
    output, errors = capsys.readouterr()
    assert output == ""
    assert "'b'" in errors
    error_of(["corpora", "add", "x", "--max-length=0"], capsys)
