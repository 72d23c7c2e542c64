"""Help, usage errors, messages, and what is loaded for them."""

import argparse
import io
import subprocess
import sys
from pathlib import Path

import pytest

from s2s.cli.main import build_parser, main
from tests.cli.commands import Capture, error_of, usage_error_of
from tests.golden_text import check_golden

MESSAGES = [
    ["corpora"],
    ["corpora", "add", "nowhere.txt"],
    ["corpora", "remove", "x"],
    ["corpora", "remove", "../x"],
    ["train", "--corpus=x"],
    ["train", "--batch-size=0"],
    ["train", "--engine=article", "--precision=bf16"],
    ["train", "--corpus=x", "--continue=9"],
    ["train", "--corpus=x", "--continue=last"],
    ["train", "--corpus=x", "--continue=../1"],
    ["resume", "last"],
    ["sweep", "--batch-sizes=2,x"],
    ["sweep", "--engines="],
    ["sweep", "--samples=100"],
    ["sweep", "--target-loss=2", "--seconds=9"],
    ["sweep", "--corpus=x"],
    ["sweep", "--resume=9"],
    ["sweeps"],
    ["advise"],
    ["replay", "--iterations=0"],
    ["replay", "--sweep=9"],
    ["bench", "--corpus=x"],
    ["bench", "--rounds=0"],
    ["bench", "--seconds=nan"],
    ["bench", "--engines=fast"],
    ["bench", "--precision=,"],
    ["translate", "--run=7", "tu"],
    ["translate", "tu"],
    ["evaluate", "--run=last"],
    ["noise", "--run=²"],
    ["runs"],
]


def helps(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return the help of all commands; without usage, which Python versions wrap differently."""
    text = parser.format_help().split("\n\n", 1)[1]
    found = {parser.prog: text}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                found |= helps(command)
    return found


def test_golden_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    check_golden("cli_help", helps(build_parser()))


def test_golden_messages_on_an_empty_home(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    messages = {}
    for arguments in MESSAGES:
        code = main(arguments)
        output, errors = capsys.readouterr()
        assert (code, errors) == (0, "") or (code, output) == (1, "")
        messages[" ".join(arguments)] = output + errors
    check_golden("cli_messages", messages)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "COMMAND"),
        (["nonsense"], "'nonsense'"),
        (["train", "--nonsense"], "--nonsense"),
        (["train", "--batch-size=many"], "'many'"),
        (["train", "--engine=x"], "article"),
        (["corpora", "add", "x", "--direction=x"], "second-to-first"),
        (["sweep", "--samples=5", "--iterations=5"], "--samples"),
        (["replay", "--long", "--iterations=5"], "--long"),
    ],
)
def test_usage_errors(arguments: list[str], named: str, capsys: Capture) -> None:
    assert named in usage_error_of(arguments, capsys).splitlines()[-1]


def test_invalid_choices_create_nothing(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "new"
    monkeypatch.setenv("S2S_HOME", str(home))
    for arguments in (
        ["train", "--batch-size=0"],
        ["train", "--sentence=\udcff"],
        ["sweep", "--batch-sizes=0"],
        ["sweep", "--target-loss=-1"],
        ["replay", "--repeats=0"],
        ["bench", "--threads=-1"],
    ):
        error_of(arguments, capsys)
    assert not home.exists()


@pytest.mark.parametrize(
    ("commands", "heavy"),
    [(["--help"], {"torch", "scipy", "pandas"}), (["runs", "sweeps", "corpora"], {"torch"})],
)
def test_help_and_lists_load_nothing_heavy(commands: list[str], heavy: set[str]) -> None:
    code = "import sys; from s2s.cli.main import main\n"
    code += f"for command in {commands}:\n"
    code += "    try: main([command])\n"
    code += "    except SystemExit: pass\n"
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stderr.split())


def test_openmp_is_set_before_torch_is_loaded() -> None:
    code = "import os, sys\nfrom s2s.cli.main import main\n"
    code += "class Finder:\n"
    code += "    def find_spec(self, name, *rest):\n"
    code += "        if name == 'torch': sys.exit(os.environ.get('GOMP_SPINCOUNT'))\n"
    code += "sys.meta_path.insert(0, Finder())\n"
    code += "main(['bench', '--openmp=brief'])\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "30000\n"
