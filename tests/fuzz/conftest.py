"""Counts the examples of the fuzz tests, for the soak test's table."""

import os
from pathlib import Path

from tests.fuzz import strategies


def pytest_sessionfinish() -> None:
    if file := os.environ.get("S2S_FUZZ_COUNT"):
        Path(file).write_text(str(strategies.example_count), encoding="utf-8")
