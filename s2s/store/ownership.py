"""Whose a run or a sweep is: one process of one machine, and whether that still lives."""

import functools
import os
import platform
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

SILENT_SECONDS = 60.0
"""After which the owner on another machine counts as dead."""
_LOOK_SECONDS = 10.0


@dataclass(frozen=True)
class Owner:
    """A process, told from a later one of the same id and from one of another machine."""

    pid: int
    start: str
    """When it started, by a clock that nobody sets: ticks since the machine did, on Linux."""
    machine: str
    """Within which an id means one process at a time: boot and pid namespace, on Linux."""


def this_process() -> Owner:
    """Asked for anew in a forked child."""
    return _process(os.getpid())


@functools.lru_cache(maxsize=1)
def _process(pid: int) -> Owner:
    return Owner(pid, _start(pid) or "", _machine())


def owner_values() -> tuple[int, str, str]:
    """Return this process for the columns owner_pid, owner_start and owner_machine."""
    owner = this_process()
    return owner.pid, owner.start, owner.machine


def lives(row: sqlite3.Row) -> bool | None:
    """Whether the owner in a row with these columns lives; None: it cannot be seen from here."""
    pid = row["owner_pid"]
    if pid is None:
        return False
    if row["owner_machine"] != _machine():
        return None
    start = _start(pid)
    if start is None and _is_hidden(pid):
        return None
    return start is not None and bool(start == row["owner_start"])


class Listener:
    """Tells a silent owner from one that is heard, by what this process sees and its own clock.

    The clocks of two machines differ, and are set; so nothing counts but that a heartbeat
    changes. Time in which nobody looked, since the machine slept or the folder was out of reach,
    is no silence: the owner may have been as cut off. Any thread may ask.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._heard: dict[tuple[str, int], tuple[int, float, float]] = {}
        """For each: its last heartbeat, when it was looked at, and for how long it stood still."""

    def is_silent(self, what: str, number: int, heartbeat: int) -> bool:
        """Whether run or sweep `number` has had this heartbeat for SILENT_SECONDS."""
        with self._lock:
            now = self._clock()
            last, looked_at, still = self._heard.get((what, number), (None, now, 0.0))
            still = still + min(now - looked_at, _LOOK_SECONDS) if heartbeat == last else 0.0
            self._heard[what, number] = heartbeat, now, still
            return still >= SILENT_SECONDS


def _start(pid: int) -> str | None:
    """None where there is no such process at work."""
    try:
        if Path("/proc/self/stat").exists():
            # The name, in brackets, can hold anything; the start is the 22nd field of proc(5).
            after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
            state, *fields = after_name.split()
            return None if state in "ZX" else fields[18]
        process = psutil.Process(pid)
        dead = process.status() == psutil.STATUS_ZOMBIE
        return None if dead else f"{process.create_time():.0f}"
    except (OSError, psutil.Error):
        return None


def _is_hidden(pid: int) -> bool:
    """Another user's process, on a machine that does not show those."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


@functools.cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()
