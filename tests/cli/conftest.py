"""Commands run in this process, on this test's home; helpers read what they print."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from s2s.cli.main import main

Capture = pytest.CaptureFixture[str]
MODEL = ["--corpus=tiny", "--hidden-size=8", "--threads=1", "--device=cpu"]
TRAIN = ["train", *MODEL, "--batch-size=4"]


@pytest.fixture(autouse=True)
def _as_before(signals_as_before: None) -> None:
    """Commands take over signals and set torch's threads."""
    del signals_as_before


def objects(text: str) -> list[dict[str, Any]]:
    """Parse each line as strict JSON."""

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def printed(arguments: Sequence[str], capsys: Capture, code: int = 0) -> str:
    """Run a command and return its standard output."""
    capsys.readouterr()
    assert main(arguments) == code
    return capsys.readouterr().out


def printed_json(arguments: Sequence[str], capsys: Capture, code: int = 0) -> list[dict[str, Any]]:
    """Run a command with --json and return the objects that it prints."""
    return objects(printed([*arguments, "--json"], capsys, code))


def error_of(arguments: Sequence[str], capsys: Capture) -> str:
    """Run a command that fails; return its message, the only line that it prints."""
    capsys.readouterr()
    assert main(arguments) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("s2s: ")
    assert errors.endswith(".\n")
    assert errors.count("\n") == 1
    return errors
