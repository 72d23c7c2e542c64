"""Owners of runs and sweeps: the process, its heartbeat, and whether it is alive."""

import functools
import os
import platform
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from s2s.store.errors import StoreError

SILENT_SECONDS = 60.0
"""Time without a heartbeat after which an owner on another machine counts as dead."""
HEARTBEAT_SECONDS = 5.0
_MAX_GAP_SECONDS = 10.0
"""The most that one pause between two observations adds to an owner's silence."""


class Owner(NamedTuple):
    """A process, in the columns owner_pid, owner_start and owner_machine of its runs and sweeps."""

    pid: int
    start: str
    """Start time by a clock that nobody sets: ticks since boot, on Linux."""
    machine: str
    """Scope in which a process id is unique: boot and pid namespace, on Linux."""


def this_process() -> Owner:
    return Owner(os.getpid(), _start_time(os.getpid()) or "", _machine())


def owner_is_alive(row: sqlite3.Row) -> bool | None:
    """Return whether the owner of a run or sweep is alive, given its row.

    Returns:
        `None` if this process cannot see the owner, because it is on another machine or hidden by
        the system.
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
    """A thread that calls `beat` every few seconds. Any thread may start and stop it."""

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
            with suppress(StoreError):  # the next beat may succeed, after a full disk for example
                self._beat()


class HeartbeatMonitor:
    """Detector of owners whose heartbeat has stopped, measured by its own clock. Thread-safe.

    Clocks of two machines differ, so only a change of the heartbeat counts. While this machine
    slept or the folder was unreachable, the owner may have been cut off too: such time is not
    counted as silence.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._observations: dict[tuple[str, int], tuple[int, float, float]] = {}
        """Per run or sweep: last heartbeat, time of its observation, seconds without a change."""

    def is_silent(self, kind: str, number: int, heartbeat: int) -> bool:
        """Return whether a run's or sweep's heartbeat has not changed for SILENT_SECONDS."""
        with self._lock:
            now = self._clock()
            last, seen_at, unchanged = self._observations.get((kind, number), (None, now, 0.0))
            gap = min(now - seen_at, _MAX_GAP_SECONDS)
            unchanged = unchanged + gap if heartbeat == last else 0.0
            self._observations[kind, number] = heartbeat, now, unchanged
            return unchanged >= SILENT_SECONDS


def _start_time(pid: int) -> str | None:
    """Return when the process started; `None` if it does not exist or the system hides it."""
    try:
        if Path("/proc/self/stat").exists():
            # The name, in brackets, can contain anything. The start is field 22 of proc(5).
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
