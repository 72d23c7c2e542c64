"""Help, usage errors, messages, and what is loaded for them."""

import argparse
import io
import subprocess
import sys

import pytest

from s2s.cli.main import build_parser, main
from tests.cli.conftest import Capture
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
        (["sweep", "--samples=5", "--iterations=5"], "--samples"),
    ],
)
def test_usage_errors(arguments: list[str], named: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    output, errors = capsys.readouterr()
    assert (caught.value.code, output) == (2, "")
    assert named in errors.splitlines()[-1]


def test_help_and_lists_load_nothing_heavy() -> None:
    code = """if True:
        import sys; from s2s.cli.main import main
        for command in ("--help", "runs", "sweeps", "corpora"):
            try: main([command])
            except SystemExit: assert not {"torch", "scipy", "pandas"} & set(sys.modules)
        assert "torch" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_openmp_is_set_before_torch_is_loaded() -> None:
    code = """if True:
        import os, sys
        from s2s.cli.main import main
        class Finder:
            def find_spec(self, name, *rest):
                if name == "torch": sys.exit(os.environ.get("GOMP_SPINCOUNT"))
        sys.meta_path.insert(0, Finder())
        main(["bench", "--openmp=brief"])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "30000\n"
