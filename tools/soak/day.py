"""A day of work in short: does a process that trains thousands of runs leak anything?

    python -m tools.soak.day 2000

trains 2,000 tiny runs in this process, ten at a time, while a second thread reads the store as a
page does, and prints a line of JSON per ten runs. `rows` starts that as a process and checks it.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from s2s.background.scheduler import Scheduler
from s2s.config import TrainConfig
from s2s.records import RunState
from s2s.store import Store
from s2s.threads import limit_thread_spinning
from tools.soak.table import Row

PROJECT = Path(__file__).parents[2]
RUNS, SHORT_RUNS, AT_ONCE = 2000, 60, 10
SETTLED_RUNS = 200
"""After this many, everything that is allocated once is allocated: caches, arenas, pages."""
GROWTH = 0.05
"""Limit for the growth of resident memory after that."""
STORE_RATIO = 2.0
"""Limit for the store's size over that of its records."""
_BATCH_SIZES = (2, 8, 32)


def rows(full: bool) -> Iterator[Row]:
    runs = RUNS if full else SHORT_RUNS
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "tools.soak.day", str(runs)],
            cwd=PROJECT,
            env={**os.environ, "S2S_HOME": home, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    readings = [json.loads(line) for line in done.stdout.splitlines()]
    problems = find_problems(readings, runs, full=full) if not done.returncode else [done.stderr]
    yield Row(
        f"{runs:,} short runs in one process",
        sum(each["finished"] for each in readings[-1:]),
        failed=len(problems),
        figures=_figures(readings) if readings else "",
        problems=tuple(problems),
    )


def find_problems(readings: list[dict[str, int]], runs: int, *, full: bool) -> list[str]:
    """Return a sentence per problem.

    Args:
        full: There were enough runs to check memory and the size of the write-ahead log.
    """
    last, settled = readings[-1], _settled(readings)
    problems = []
    # A thread may be about to end, hence the minimum of three readings.
    end = {name: min(each[name] for each in readings[-3:]) for name in ("threads", "handles")}
    if last["finished"] != runs:
        problems.append(f"{last['finished']} of {runs} runs finished.")
    problems += [
        f"The process's {name} went from {settled[name]} to {count}."
        for name, count in end.items()
        if count > settled[name]
    ]
    if full and _growth(readings) > GROWTH:
        problems.append(f"Memory grew by {_growth(readings):.1%}.")
    store_bytes = last["store_bytes"] + (last["log_bytes"] if full else 0)
    if store_bytes > STORE_RATIO * last["record_bytes"]:
        problems.append(f"The store takes {store_bytes:,} bytes for {last['record_bytes']:,}.")
    return problems


def _settled(readings: list[dict[str, int]]) -> dict[str, int]:
    """Return the reading that later ones are compared with; of few, the middle one."""
    return readings[min(SETTLED_RUNS // AT_ONCE, len(readings) // 2) - 1]


def _growth(readings: list[dict[str, int]]) -> float:
    return readings[-1]["memory_bytes"] / _settled(readings)["memory_bytes"] - 1


def _figures(readings: list[dict[str, int]]) -> str:
    first, last = _settled(readings), readings[-1]
    memory, records = "memory_bytes", last["record_bytes"]
    return (
        f"memory {first[memory] / 2**20:.0f} MiB after run {first['runs']:,}, "
        f"{last[memory] / 2**20:.0f} after run {last['runs']:,} ({_growth(readings):+.1%}, "
        f"{GROWTH:.0%}); threads {last['threads']}, handles {last['handles']}; "
        f"store {last['store_bytes'] / records:.2f} times its records "
        f"({(last['store_bytes'] + last['log_bytes']) / records:.2f} with its log, "
        f"{STORE_RATIO:g}): {last['store_bytes'] / 2**20:.1f} MiB and "
        f"{last['log_bytes'] / 2**20:.1f} of log for {records / 2**20:.1f}"
    )


def count_record_bytes(store: Store) -> int:
    """Return the size of the records: texts and blobs as stored, 8 bytes per number."""
    tables = store.read(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    total = 0
    for (table,) in map(tuple, tables):
        for column in store.read(f"PRAGMA table_info({table})"):
            name = column["name"]
            (size,) = store.read(
                f"SELECT SUM(CASE typeof({name}) WHEN 'null' THEN 0 WHEN 'integer' THEN 8"
                f" WHEN 'real' THEN 8 ELSE LENGTH(CAST({name} AS BLOB)) END) FROM {table}"
            )
            total += size[0] or 0
    return total


def main() -> None:
    runs, folder = int(sys.argv[1]), Path(os.environ["S2S_HOME"])
    manager = Scheduler(Store(folder))
    done = threading.Event()
    threading.Thread(target=_read_as_a_page, args=(manager.store, done), daemon=True).start()
    sizes = itertools.cycle(_BATCH_SIZES)
    ids: list[int] = []
    for _ in range(runs // AT_ONCE):
        ids += manager.submit([_config(next(sizes)) for _ in range(AT_ONCE)])
        while not all(manager.store.run(each).state.has_ended() for each in ids[-AT_ONCE:]):
            done.wait(0.02)
        _wait_for_threads()
        print(json.dumps(_reading(manager.store, folder, ids)), flush=True)
    done.set()


def _config(batch_size: int) -> TrainConfig:
    return TrainConfig(
        batch_size=batch_size,
        iterations=4,
        evaluate_every=4,
        hidden_size=8,
        device="cpu",
        threads=1,
    )


def _read_as_a_page(store: Store, done: threading.Event) -> None:
    while not done.wait(0.05):
        for run in store.unfinished_runs()[:1]:
            store.steps(run.id)
            store.device_samples(run.id)


def _wait_for_threads() -> None:
    """Wait for the threads of runs that have ended."""
    for thread in threading.enumerate():
        if thread.name.startswith("s2s-"):
            thread.join()


def _reading(store: Store, folder: Path, ids: list[int]) -> dict[str, int]:
    process, log = psutil.Process(), folder / "store.sqlite-wal"
    return {
        "runs": len(ids),
        "finished": sum(store.run(each).state is RunState.FINISHED for each in ids),
        "memory_bytes": process.memory_info().rss,
        "threads": process.num_threads(),
        "handles": process.num_fds(),
        # Includes pages that are only in the log yet.
        "store_bytes": store.read("PRAGMA page_count")[0][0] * store.read("PRAGMA page_size")[0][0],
        "log_bytes": log.stat().st_size if log.exists() else 0,
        "record_bytes": count_record_bytes(store),
    }


if __name__ == "__main__":
    limit_thread_spinning()
    main()
