"""What the fuzz tests share: one line at the end that tells how many examples were tried."""

import os
from pathlib import Path

import pytest

from tests.fuzz.strategies import failed, tried


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Hypothesis tells an example; the place where it broke may be lost on the way."""
    for test, told in failed.items():
        terminalreporter.write_line(f"{test} failed at:\n{told}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Into the file that the soak test names: examples by test."""
    del session
    if told := os.environ.get("S2S_FUZZ_TRIED"):
        lines = [f"{count}\t{test}" for test, count in sorted(tried.items())]
        Path(told).write_text("\n".join(lines), encoding="utf-8")
