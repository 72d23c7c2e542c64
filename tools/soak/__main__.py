"""Tries for long what s2s promises: crashes, load, a day in small, fuzzing; prints a table.

    python -m tools.soak [--only crash,load] [--short]

`make soak` runs all of it. The rows in CI's short form are the same functions with `full=False`.
"""

import argparse
import importlib
import os
import platform
import sys
import time

import psutil

from tools.soak.table import Row, table

ROOMS = ("crash", "load", "day", "fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--only", default=",".join(ROOMS), help="rooms with commas between")
    parser.add_argument("--short", action="store_true", help="as CI runs it")
    options = parser.parse_args()
    found: list[Row] = []
    started = time.monotonic()
    for room in options.only.split(","):
        for row in importlib.import_module(f"tools.soak.{room}").rows(full=not options.short):
            found.append(row)
            print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
            for problem in row.problems:
                print(f"  {problem}", file=sys.stderr, flush=True)
    print(table(found))
    print(f"\n{_machine()}; {(time.monotonic() - started) / 60:.0f} minutes.")
    return 0 if all(row.is_good() for row in found) else 1


def _machine() -> str:
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB of memory, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    sys.exit(main())
