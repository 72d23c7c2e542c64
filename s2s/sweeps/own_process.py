"""A module of s2s as a program of its own: its command line, and where Python finds it."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import s2s


def command(module: str, wanted: Mapping[str, object]) -> list[str]:
    """The module is given `wanted` as JSON in its only argument."""
    return [sys.executable, "-m", module, json.dumps(wanted)]


def environment_for(environment: Mapping[str, str]) -> dict[str, str]:
    """The same, in which this very s2s is found whatever the working directory is."""
    path = [str(Path(s2s.__file__).parents[1]), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, path))}
