"""Every command of the command line is documented."""

import argparse
import re
from pathlib import Path

import pytest

from s2s.cli.main import build_parser

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
[COMMANDS] = [
    list(action.choices or ())
    for action in build_parser()._actions
    if isinstance(action, argparse._SubParsersAction)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert re.search(rf"`python -m s2s {command}\b", README)
