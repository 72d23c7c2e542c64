"""A home to mutate, and the count of the examples for the soak test's table."""

import os
from pathlib import Path

import pytest

from tests.fuzz import strategies
from tests.fuzz.small import add_runs, new_home


@pytest.fixture(scope="session")
def home_with_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a corpus, two runs and a sweep; examples use copies."""
    with new_home(tmp_path_factory.mktemp("prepared")) as home:
        add_runs(home)
    return home


def pytest_sessionfinish() -> None:
    if file := os.environ.get("S2S_FUZZ_COUNT"):
        Path(file).write_text(str(strategies.example_count), encoding="utf-8")
