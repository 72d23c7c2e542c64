"""Many viewers on the live page of one training: ticks answered, what the training keeps, leaks.

In full with 10 and with 50 sessions for ten minutes each, on the corpus `fra-eng`, which has to
be prepared in S2S_HOME (with `--normalizer article`); in short with 5 on the starter corpus. The
run's speed beside sessions is held against its own speed before and after them.
"""

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

from benchmarks.viewer import Tick, Viewer, look_on_together
from tools.soak.live_training import Training, live_training
from tools.soak.table import Row
from tools.soak.visits import visits

ANSWER_SECONDS, BETWEEN_SECONDS = 0.5, 3.0
KEPT = {10: 0.85, 50: 0.65}
"""By sessions, the least share of the lone speed."""
GROWTH = 0.05
"""Of the server's memory after the first minute, at most."""
_OPENING_SECONDS = 0.1
"""Between two sessions, so that they do not all tick at one moment."""


@dataclass
class Held:
    """What sessions held open for a while have seen, and what they cost."""

    viewers: list[Viewer]
    speed: float = 0.0
    lone: tuple[float, float] = (0.0, 0.0)
    """Before and after, in samples per second as the speed is."""
    own_cores: float = 0.0
    """Processor cores that holding the sessions took: they run beside the server."""
    other_load_cores: float = 0.0
    """And all other programs but the server."""
    memory_bytes: list[int] = field(default_factory=list)
    """Of the server, as what follows: one a second."""
    threads: list[int] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)
    log: str = ""

    def ticks(self) -> list[Tick]:
        return [tick for viewer in self.viewers for tick in viewer.tab.ticks]

    def between(self) -> list[float]:
        """Seconds between a session's ticks of the run's own view, which ticks the most often."""
        (live, _), *_ = Counter(tick.fragment for tick in self.ticks()).most_common(1)
        ends = [
            [tick.at + tick.seconds for tick in viewer.tab.ticks if tick.fragment == live]
            for viewer in self.viewers
        ]
        return [after - before for each in ends for before, after in pairwise(each)]

    def kept(self) -> float:
        return self.speed / statistics.mean(self.lone)

    def growth(self) -> float:
        """Of the median memory, from the second minute to the last."""
        last = statistics.median(self.memory_bytes[-60:])
        return last / statistics.median(self.memory_bytes[60:120] or self.memory_bytes[:60]) - 1


def rows(full: bool) -> Iterator[Row]:
    for sessions in KEPT if full else (5,):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "server.log"
            with live_training(Path(folder), "fra-eng" if full else "starter", log) as training:
                held = _held(training, sessions, full=full)
                visited = visits(training, full=full)
            held.log = log.read_text()
        found = problems(held)
        if full:
            found += missed(held, KEPT[sessions])
        yield Row(
            f"{sessions} sessions on the live page of a training for "
            f"{len(held.memory_bytes) / 60:.1f} minutes",
            len(held.ticks()),
            failed=len(found),
            figures=_figures(held),
            problems=tuple(found),
        )
        yield visited


def problems(held: Held) -> list[str]:
    """What is wrong however slow the machine is."""
    told = [text for viewer in held.viewers for text in viewer.tab.exceptions]
    told += [line for line in held.log.splitlines() if "Error" in line or "Traceback" in line]
    if gone := sum(viewer.closed for viewer in held.viewers):
        told.append(f"{gone} sessions were closed by the server.")
    if idle := sum(len(viewer.tab.ticks) < 2 for viewer in held.viewers):
        told.append(f"{idle} sessions did not tick.")
    for name, counts in (("threads", held.threads), ("file handles", held.handles)):
        # Scripts that happen to run have a thread each, hence the lowest of some seconds.
        stretch = len(counts) // 2
        before, after = min(counts[:stretch]), min(counts[stretch:])
        if after > before:
            told.append(f"The server's {name} went from {before} to {after}.")
    return told


def missed(held: Held, least_kept: float) -> list[str]:
    """Promises that a busy machine breaks too."""
    between, answered = held.between(), [tick.seconds for tick in held.ticks()]
    told = []
    if statistics.median(answered) > ANSWER_SECONDS:
        told.append("Ticks were answered too late.")
    if statistics.median(between) > BETWEEN_SECONDS:
        told.append("Ticks were too far apart.")
    if held.kept() < least_kept:
        told.append(f"The training kept less than {least_kept:g} of its lone speed.")
    if held.growth() > GROWTH:
        told.append(f"The server's memory grew by more than {GROWTH:.0%}.")
    return told


def _figures(held: Held) -> str:
    answered, between = ([tick.seconds for tick in held.ticks()], held.between())
    memory = [round(each / 2**20) for each in held.memory_bytes]
    low, high = min(held.memory_bytes), max(held.memory_bytes)
    return (
        f"answered in {statistics.median(answered):.3f} s, 95 % in "
        f"{np.quantile(answered, 0.95):.3f} s (median {ANSWER_SECONDS:g}); "
        f"every {statistics.median(between):.2f} s, 95 % {np.quantile(between, 0.95):.2f} s "
        f"({BETWEEN_SECONDS:g}); "
        f"{held.kept():.2f} of the speed kept ({KEPT.get(len(held.viewers), 0):g}): "
        f"{held.speed:.0f} samples/s, alone {held.lone[0]:.0f} before and {held.lone[1]:.0f} "
        f"after; cores taken by the sessions' holder {held.own_cores:.2f}, by others "
        f"{held.other_load_cores:.2f}; server's memory {memory[0]} to {memory[-1]} MiB "
        f"({low / 2**20:.0f} to {high / 2**20:.0f}), growth {held.growth():+.1%} ({GROWTH:.0%}); "
        f"threads {min(held.threads)} to {max(held.threads)}, "
        f"handles {min(held.handles)} to {max(held.handles)}"
    )


def _held(training: Training, sessions: int, *, full: bool) -> Held:
    seconds, lone_seconds, settle_seconds = (600, 60, 5.0) if full else (8, 1, 1.0)
    before = training.lone_speed(settle_seconds, lone_seconds)
    viewers: list[Viewer] = []
    for _ in range(sessions):
        viewers.append(Viewer(training.address))
        look_on_together(viewers, _OPENING_SECONDS)
    look_on_together(viewers, settle_seconds)
    held = _watched(training, viewers, seconds)
    for viewer in viewers:
        viewer.socket.close()
    held.lone = (before, training.lone_speed(settle_seconds, lone_seconds))
    return held


def _watched(training: Training, viewers: list[Viewer], seconds: int) -> Held:
    held = Held(viewers)
    for viewer in viewers:
        viewer.tab.ticks.clear()
    done, began = training.done(), time.monotonic()
    own, server, whole = _busy(psutil.Process()), _busy(training.server), _busy_machine()
    for _ in range(seconds):
        look_on_together(viewers, 1.0)
        held.memory_bytes.append(training.server.memory_info().rss)
        held.threads.append(training.server.num_threads())
        held.handles.append(training.server.num_fds())
    passed = time.monotonic() - began
    held.own_cores = (_busy(psutil.Process()) - own) / passed
    server_cores = (_busy(training.server) - server) / passed
    held.other_load_cores = (_busy_machine() - whole) / passed - held.own_cores - server_cores
    held.speed = training.speed(done)
    return held


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _busy_machine() -> float:
    times = psutil.cpu_times()
    return times.user + times.system
