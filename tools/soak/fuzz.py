"""Bad input for long, and many processes at once: the tests of CI with more examples, at random."""

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
    "corpora": "Any bytes as a corpus file or a zip",
    "checkpoints": "Any bytes as a checkpoint",
    "stored": "Any JSON in the store",
    "cli": "Any words after `python -m s2s`, any bytes on its standard input",
    "urls": "Any query parameters of any page",
}
_DETAILS = re.compile(
    r"^E +Failing [^\n]*\n(?:E [^\n]*\n)*|^\w+ failed at:\n(?:.+\n)*", re.MULTILINE
)
_MINUTES = 4.0
"""Of each property, in rounds of growing length."""


def rows(full: bool) -> Iterator[Row]:
    for name, tried in _PROPERTIES.items():
        yield _fuzzed(name, tried, _MINUTES if full else 0.0)
    yield _at_once(rounds=10 if full else 1)


def _fuzzed(name: str, tried: str, minutes: float) -> Row:
    """Rounds with seeds of their own until the time is over; at least one."""
    started = time.monotonic()
    examples, problems, factor = 0, list[str](), 3 if minutes else 0
    while True:
        more, failed = _pytest(f"fuzz/test_fuzz_{name}.py", S2S_FUZZ_FACTOR=str(factor))
        examples += more
        problems += failed
        seconds = time.monotonic() - started
        if failed or seconds >= 60 * minutes:
            break
    return Row(
        f"{tried}: accepted, or one sentence",
        examples,
        failed=len(problems),
        figures=f"{seconds:.0f} s; no write outside S2S_HOME, under 1 GiB and 60 s each",
        problems=tuple(problems),
    )


def _at_once(rounds: int) -> Row:
    """Several dashboards, commands, tabs and sweeps on one home."""
    started, problems = time.monotonic(), list[str]()
    for _ in range(rounds):
        problems += _pytest("concurrency")[1]
    return Row(
        "Dashboards, commands, tabs and sweeps on one home at the same instant",
        rounds,
        lost=len(problems),
        figures=f"{time.monotonic() - started:.0f} s; one training a device, no record lost",
        problems=tuple(problems),
    )


def _pytest(what: str, **environment: str) -> tuple[int, list[str]]:
    """Examples gone through, and how each failed test ended."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "tried")
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--tb=short", str(_TESTS / what)],
            env={**os.environ, **environment, "S2S_FUZZ_TRIED": str(told)},
            cwd=_TESTS.parent,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    failed = re.findall(r"^(?:FAILED|ERROR) .*", result.stdout, re.MULTILINE)
    if result.returncode and not failed:  # ended by the watchdog or a signal
        failed = [(result.stdout + result.stderr)[-1000:]]
    if failed:  # with the shortest examples that Hypothesis found
        failed[-1] += "".join(_DETAILS.findall(result.stdout))[:3000]
    return sum(int(line.split("\t")[0]) for line in lines), failed
