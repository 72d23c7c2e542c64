"""Visits to a live page: does the server keep anything after the visitors have left?"""

import statistics
import time

from benchmarks.viewer import Viewer, watch_together
from tools.soak.live_training import Training
from tools.soak.table import Row

VISITS, SHORT_VISITS, AT_ONCE = 300, 10, 10
STAY_SECONDS = 1.0
KEPT_SECONDS, MOST_KEPT = 120.0, 128
"""Streamlit keeps a closed session this long, and at most this many of them."""
SESSION_HANDLES = 3
"""File handles of a session's event loop."""
GROWTH = 0.05


def measure_visits(training: Training, *, full: bool) -> Row:
    """Open and close sessions.

    Args:
        full: Wait until the last session is forgotten, which takes two minutes.
    """
    count = VISITS if full else SHORT_VISITS
    _visit(training, AT_ONCE)  # allocates what is allocated once
    if full:
        _wait_until_forgotten(training)
    before = _read_server(training)
    for _ in range(count // AT_ONCE):
        _visit(training, AT_ONCE)
    after = _read_server(training)
    if full:
        _wait_until_forgotten(training)
    end = _read_server(training)
    problems = _find_problems(before, after, end, count, full=full)
    return Row(
        f"{count} sessions opened and closed",
        count,
        failed=len(problems),
        figures=f"threads {before['threads']} to {end['threads']}; handles {before['handles']}, "
        f"{after['handles']} after the last, {end['handles']} at the end; server's memory "
        f"{before['memory_bytes'] / 2**20:.0f}, {after['memory_bytes'] / 2**20:.0f}, "
        f"{end['memory_bytes'] / 2**20:.0f} MiB ({GROWTH:.0%})",
        problems=tuple(problems),
    )


def _find_problems(
    before: dict[str, int], after: dict[str, int], end: dict[str, int], count: int, *, full: bool
) -> list[str]:
    problems = []
    if end["threads"] > before["threads"]:
        problems.append(f"Threads went from {before['threads']} to {end['threads']}.")
    kept = SESSION_HANDLES * min(count, MOST_KEPT)
    if after["handles"] > before["handles"] + kept:
        problems.append(f"Handles went from {before['handles']} to {after['handles']}.")
    if full and end["handles"] > before["handles"]:
        problems.append(f"Handles went from {before['handles']} to {end['handles']} in the end.")
    if full and end["memory_bytes"] > (1 + GROWTH) * before["memory_bytes"]:
        problems.append("The server's memory grew.")
    return problems


def _wait_until_forgotten(training: Training) -> None:
    time.sleep(KEPT_SECONDS + 1)
    _visit(training, 1)  # Streamlit forgets old sessions when another one leaves


def _visit(training: Training, count: int) -> None:
    viewers = [Viewer(training.address) for _ in range(count)]
    for viewer in viewers:
        viewer.wait_for_page()
    watch_together(viewers, STAY_SECONDS)
    for viewer in viewers:
        viewer.socket.close()


def _read_server(training: Training) -> dict[str, int]:
    """Read the server over some seconds, because threads still end and memory fluctuates."""
    threads, handles, memory = [], [], []
    for _ in range(10):
        time.sleep(0.3)
        threads.append(training.server.num_threads())
        handles.append(training.server.num_fds())
        memory.append(training.server.memory_info().rss)
    return {
        "threads": min(threads),
        "handles": min(handles),
        "memory_bytes": round(statistics.median(memory)),
    }
