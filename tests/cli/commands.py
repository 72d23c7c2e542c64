"""What a command printed, for the tests of the command line."""

import json
from typing import Any

import pytest

from s2s.cli import main

Capture = pytest.CaptureFixture[str]


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def refused(arguments: list[str], capsys: Capture) -> str:
    """The sentence on standard error; nothing on standard output, exit code 1."""
    assert main(arguments) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("s2s: ")
    assert errors.count("\n") == 1
    return errors
