"""Runs the sections of the GPU benchmark, each in a process of its own with a time limit.

    python -m benchmarks.gpu.sections NAME SETUP

is such a process: it prints the section's rows as JSON, one per line, as they are measured.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOTAL_SECONDS = 470.0
BUDGET_SECONDS = {
    "corpus": 40.0,
    "equality": 40.0,
    "readings": 20.0,
    "speed": 170.0,
    "memory": 40.0,
    "plain": 60.0,
    "tests": TOTAL_SECONDS,  # all that the others left
}
_FUNCTIONS = {
    "corpus": ("benchmarks.gpu.programs", "prepare_corpus"),
    "equality": ("benchmarks.gpu.equality", "compare_engines"),
    "readings": ("benchmarks.gpu.readings", "compare_readings"),
    "speed": ("benchmarks.gpu.speed", "measure_speed"),
    "memory": ("benchmarks.gpu.memory", "check_memory_model"),
    "plain": ("benchmarks.gpu.programs", "time_plain_torch"),
    "tests": ("benchmarks.gpu.programs", "run_gpu_tests"),
}
"""Imported where they run: a missing wheel fails the sections that need it, and no other."""


def command_of(name: str, setup_json: str) -> list[str]:
    """Return the command of a section's process."""
    return [sys.executable, "-m", "benchmarks.gpu.sections", name, setup_json]


def run_section(command: Sequence[str], seconds: float) -> dict[str, Any]:
    """Run a section's process and return its rows and how it ended.

    Args:
        command: Prints a JSON object per line.
        seconds: After these the process and its children are killed; the rows so far are kept.

    Returns:
        `status` ("finished", "failed" or "out of time"), `seconds`, `rows`, and `error`: the end of
        what a failed process wrote to standard error, its traceback.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            status = "failed" if process.wait(seconds) else "finished"
        except subprocess.TimeoutExpired:
            status = "out of time"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        errors.seek(0)
        lines = output.read().decode(errors="replace").splitlines()
        error = errors.read().decode(errors="replace")[-20_000:]
    return {
        "status": status,
        "seconds": time.perf_counter() - started,
        "rows": [row for line in lines if (row := _row(line)) is not None],
        "error": error if status != "finished" else "",
    }


def _row(line: str) -> dict[str, Any] | None:
    """Return the line's object; None where the process was killed in the middle of it."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def main(name: str, setup_json: str) -> None:
    """Print the rows of a section."""
    rows = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        from benchmarks.gpu.setup import Setup

        module, function = _FUNCTIONS[name]
        measure = getattr(importlib.import_module(module), function)
        for row in measure(Setup.from_json(setup_json)):
            print(json.dumps(row), file=rows, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
