"""What the fuzz tests share: one line at the end that tells how many examples were tried."""

import os
from pathlib import Path

import pytest

from tests.fuzz.strategies import tried


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Into the file that the soak test names: examples by test."""
    del session
    if told := os.environ.get("S2S_FUZZ_TRIED"):
        lines = [f"{count}\t{test}" for test, count in sorted(tried.items())]
        Path(told).write_text("\n".join(lines), encoding="utf-8")
