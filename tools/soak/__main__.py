"""Long tests of reliability: crashes, load, a day of runs, fuzzing. Prints a table.

    python -m tools.soak [--only crash,load] [--short]

`make soak` runs everything, in about two hours; `make test-long` runs the short form.
"""

import argparse
import importlib
import os
import platform
import sys
import time

import psutil

from tools.soak.table import Row, table

TESTS = ("crash", "load", "day", "fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.soak", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--only", default=",".join(TESTS), help="default: %(default)s")
    parser.add_argument("--short", action="store_true", help="the short form")
    options = parser.parse_args()
    rows: list[Row] = []
    start = time.monotonic()
    for test in options.only.split(","):
        for row in importlib.import_module(f"tools.soak.{test}").rows(full=not options.short):
            rows.append(row)
            print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
            for problem in row.problems:
                print(f"  {problem}", file=sys.stderr, flush=True)
    print(table(rows))
    print(f"\n{_describe_machine()}; {(time.monotonic() - start) / 60:.0f} minutes.")
    return 0 if all(row.is_good() for row in rows) else 1


def _describe_machine() -> str:
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB of memory, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    sys.exit(main())
