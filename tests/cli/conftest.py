"""Fixtures of the command line: each command runs in this process, on this test's home."""

import pytest


@pytest.fixture(autouse=True)
def _as_before(signals_as_before: None) -> None:
    """Commands take over signals and set torch's threads."""
    del signals_as_before
