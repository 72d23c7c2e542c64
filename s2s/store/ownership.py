"""Owners of runs and sweeps, their heartbeats, and whether they and other dashboards are alive."""

import functools
import os
import platform
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from filelock import FileLock, Timeout

from s2s.paths import home, make_folder
from s2s.store.errors import StoreError

SILENT_SECONDS = 60.0
"""Time without a heartbeat after which an owner on another machine counts as dead."""
HEARTBEAT_SECONDS = 5.0
_MAX_GAP_SECONDS = 10.0
"""The most that the time between two observations adds to an owner's silence."""


class Owner(NamedTuple):
    """A process, as stored in the columns owner_pid, owner_start and owner_machine."""

    pid: int
    start: str
    """Start time of the process. On Linux in ticks since boot, which no clock change affects."""
    machine: str
    """Scope in which a process id is unique: on Linux, the boot and the pid namespace."""


def this_process() -> Owner:
    """Return this process as an owner."""
    return Owner(os.getpid(), _start_time(os.getpid()) or "", _machine())


def owner_is_alive(row: sqlite3.Row) -> bool | None:
    """Return whether the owner of the run or sweep in this row is alive.

    Returns:
        `None` if the owner is on another machine, or if the system hides it from this process.
    """
    pid = row["owner_pid"]
    if pid is None:
        return False
    if row["owner_machine"] != _machine():
        return None
    start = _start_time(pid)
    if start is None and psutil.pid_exists(pid):
        return None
    return bool(start == row["owner_start"])


class Heartbeat:
    """A thread that calls `beat` every HEARTBEAT_SECONDS. Any thread may start and stop it."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat, self._lock, self._stopped = beat, threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(HEARTBEAT_SECONDS):
            with suppress(StoreError):  # the store may be available at the next beat
                self._beat()


class HeartbeatMonitor:
    """Detects owners whose heartbeat has stopped. Thread-safe.

    The clocks of two machines differ, so the monitor times the changes of a heartbeat with its own
    clock. It does not count long gaps between its observations, because the owner may have been
    cut off too: this machine slept, or the store was unreachable.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._observations: dict[tuple[str, int], tuple[int, float, float]] = {}
        """Per run or sweep: last heartbeat, time of that observation, seconds without a change."""

    def is_silent(self, kind: str, row_id: int, heartbeat: int) -> bool:
        """Return whether the heartbeat of a run or sweep has not changed for SILENT_SECONDS."""
        with self._lock:
            now = self._clock()
            last, seen_at, unchanged = self._observations.get((kind, row_id), (None, now, 0.0))
            gap = min(now - seen_at, _MAX_GAP_SECONDS)
            unchanged = unchanged + gap if heartbeat == last else 0.0
            self._observations[kind, row_id] = heartbeat, now, unchanged
            return unchanged >= SILENT_SECONDS


class DashboardLock:
    """Shows other dashboards that this one is running, until `release` or the process ends."""

    def __init__(self) -> None:
        folder = home() / "locks" / "dashboards"
        make_folder(folder)
        with FileLock(folder / "start"):  # of two dashboards that start together, one is first
            self.is_only_dashboard = not _has_dashboard(folder)
            """True if no other dashboard used this home when this one started."""
            self._lock = FileLock(folder / f"{uuid.uuid4().hex}.lock", thread_local=False)
            self._lock.acquire()

    def release(self) -> None:
        self._lock.release()


def _has_dashboard(folder: Path) -> bool:
    """Return whether a dashboard is running. Remove the lock files of dead dashboards."""
    for path in folder.glob("*.lock"):
        try:
            with FileLock(path, timeout=0):
                path.unlink(missing_ok=True)
        except Timeout:
            return True
    return False


def _start_time(pid: int) -> str | None:
    """Return the start time; `zombie` for a zombie, `None` if the process is missing or hidden."""
    try:
        if Path("/proc/self/stat").exists():
            # proc(5): field 22 is the start. Field 2, a name in parentheses, can contain anything.
            after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
            state, *fields = after_name.split()
            return "zombie" if state in "ZX" else fields[18]
        process = psutil.Process(pid)
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return "zombie" if is_zombie else f"{process.create_time():.0f}"
    except (OSError, psutil.Error):
        return None


@functools.cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()
