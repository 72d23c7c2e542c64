"""Breaks each promise of docs/reliability.md on purpose, by one edit, and sees its test fail.

    python -m tests.soak.breaking [--only WORDS]

Each edit is made in a copy of the project. Prints a line a promise; the exit code is 1 where a
test still passes with its promise broken.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.soak.promises import PROMISES, Promise

PROJECT = Path(__file__).parents[2]
_LONGEST_SECONDS = 180.0
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".s2s", "__pycache__", ".*_cache")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.breaking", description=__doc__)
    parser.add_argument("--only", default="", help="promises that contain these words")
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="s2s-breaking-") as folder:
        copy = Path(folder, "project")
        shutil.copytree(PROJECT, copy, ignore=_NOT_COPIED)
        for promise in PROMISES:
            if options.only in promise.sentence:
                failed = _fails_when_broken(promise, copy)
                print(f"{'fails' if failed else 'PASSES'}: {promise.sentence}", flush=True)
                good = good and failed
    return 0 if good else 1


def _fails_when_broken(promise: Promise, copy: Path) -> bool:
    path = copy / promise.file
    whole = path.read_text(encoding="utf-8")
    assert whole.count(promise.old) == 1, promise.old
    path.write_text(whole.replace(promise.old, promise.new), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        return _fails([*command, promise.test], copy)
    finally:
        path.write_text(whole, encoding="utf-8")


def _fails(command: list[str], folder: Path) -> bool:
    """A test that waits for ever for what is broken fails too."""
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=folder, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    try:
        return process.wait(_LONGEST_SECONDS) == 1  # 1: tests failed; others: they could not run
    except subprocess.TimeoutExpired:
        return True
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
