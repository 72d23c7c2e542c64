"""Visitors who come to a live page and leave: what they leave behind in the server."""

import statistics
import time

from benchmarks.viewer import Viewer, look_on_together
from tools.soak.live_training import Training
from tools.soak.table import Row

VISITS, SHORT_VISITS, AT_ONCE = 300, 10, 10
STAY_SECONDS = 1.0
KEPT_SECONDS, MOST_KEPT = 120.0, 128
"""Streamlit keeps a session that left for so long, and so many at most: its tab may come back."""
SESSION_HANDLES = 3
"""Of the event loop that a session has."""
GROWTH = 0.05


def visits(training: Training, *, full: bool) -> Row:
    """In full until the last session is forgotten, which takes two minutes."""
    count = VISITS if full else SHORT_VISITS
    _come_and_go(training, AT_ONCE)  # what is made once is made
    if full:
        _wait_until_forgotten(training)
    before = _standing(training)
    for _ in range(count // AT_ONCE):
        _come_and_go(training, AT_ONCE)
    after = _standing(training)
    if full:
        _wait_until_forgotten(training)
    end = _standing(training)
    found = _problems(before, after, end, count, full=full)
    return Row(
        f"{count} visitors who came and left",
        count,
        failed=len(found),
        figures=f"threads {before['threads']} to {end['threads']}; handles {before['handles']}, "
        f"{after['handles']} after the last, {end['handles']} at the end; server's memory "
        f"{before['memory_bytes'] / 2**20:.0f}, {after['memory_bytes'] / 2**20:.0f}, "
        f"{end['memory_bytes'] / 2**20:.0f} MiB ({GROWTH:.0%})",
        problems=tuple(found),
    )


def _problems(
    before: dict[str, int], after: dict[str, int], end: dict[str, int], count: int, *, full: bool
) -> list[str]:
    told = []
    if end["threads"] > before["threads"]:
        told.append(f"Threads went from {before['threads']} to {end['threads']}.")
    kept = SESSION_HANDLES * min(count, MOST_KEPT)
    if after["handles"] > before["handles"] + kept:
        told.append(f"Handles went from {before['handles']} to {after['handles']}.")
    if full and end["handles"] > before["handles"]:
        told.append(f"Handles went from {before['handles']} to {end['handles']} in the end.")
    if full and end["memory_bytes"] > (1 + GROWTH) * before["memory_bytes"]:
        told.append("The server's memory grew.")
    return told


def _wait_until_forgotten(training: Training) -> None:
    time.sleep(KEPT_SECONDS + 1)
    _come_and_go(training, 1)  # Streamlit forgets old sessions when another one leaves


def _come_and_go(training: Training, count: int) -> None:
    viewers = [Viewer(training.address) for _ in range(count)]
    for viewer in viewers:
        viewer.wait_for_page()
    look_on_together(viewers, STAY_SECONDS)
    for viewer in viewers:
        viewer.socket.close()


def _standing(training: Training) -> dict[str, int]:
    """Over some seconds: scripts still end, and training takes now more, now less memory."""
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
