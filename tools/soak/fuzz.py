"""Fuzzing and concurrency: the tests in tests/fuzz and tests/concurrency with more examples."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools.soak.table import Row

_TESTS = Path(__file__).parents[2] / "tests"
_PROPERTIES = {
    "forms": "Any value of any type for any choice",
    "corpora": "Any bytes as a corpus file, a zip or a prepared corpus",
    "checkpoints": "Any bytes as a checkpoint",
    "stored": "Any JSON in the store",
    "cli": "Any words after `python -m s2s`, any bytes on its standard input",
    "urls": "Any query parameters of any page",
}
_DETAILS = re.compile(r"^E +Failing [^\n]*\n(?:E [^\n]*\n)*", re.MULTILINE)
_MINUTES = 4.0
"""Time per property."""


def rows(full: bool) -> Iterator[Row]:
    for name, tried in _PROPERTIES.items():
        yield _fuzz(name, tried, _MINUTES if full else 0.0)
    yield _run_concurrently(rounds=10 if full else 1)


def _fuzz(name: str, tried: str, minutes: float) -> Row:
    """Fuzz with a new seed per round until the time is over; at least one round."""
    start = time.monotonic()
    examples, problems, factor = 0, list[str](), 3 if minutes else 0
    while True:
        more, failed = _pytest(f"fuzz/test_fuzz_{name}.py", S2S_FUZZ_FACTOR=str(factor))
        examples += more
        problems += failed
        seconds = time.monotonic() - start
        if failed or seconds >= 60 * minutes:
            break
    return Row(
        f"{tried}: accepted, or one error message",
        examples,
        failed=len(problems),
        figures=f"{seconds:.0f} s; nothing written outside S2S_HOME, under 1 GiB and 60 s each",
        problems=tuple(problems),
    )


def _run_concurrently(rounds: int) -> Row:
    """Use one home from several dashboards, commands, tabs and sweeps."""
    start, problems = time.monotonic(), list[str]()
    for _ in range(rounds):
        problems += _pytest("concurrency")[1]
    return Row(
        "Dashboards, commands, tabs and sweeps on one home at the same instant",
        rounds,
        lost=len(problems),
        figures=f"{time.monotonic() - start:.0f} s; one training per device, no record lost",
        problems=tuple(problems),
    )


def _pytest(tests: str, **environment: str) -> tuple[int, list[str]]:
    """Run tests; return the number of examples and a description per failed test."""
    with tempfile.TemporaryDirectory() as folder:
        count = Path(folder, "count")
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--tb=short", str(_TESTS / tests)],
            env={**os.environ, **environment, "S2S_FUZZ_COUNT": str(count)},
            cwd=_TESTS.parent,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        examples = int(count.read_text(encoding="utf-8")) if count.exists() else 0
    failed = re.findall(r"^(?:FAILED|ERROR) .*", result.stdout, re.MULTILINE)
    if result.returncode and not failed:  # killed by the watchdog or a signal
        failed = [(result.stdout + result.stderr)[-1000:]]
    if failed:  # with the shortest examples that Hypothesis found
        failed[-1] += "".join(_DETAILS.findall(result.stdout))[:3000]
    return examples, failed
