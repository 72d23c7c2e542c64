"""Many sessions on the live page of one run: response times, training speed, leaks.

The full test holds 10 and then 50 sessions for ten minutes each, on the corpus `fra-eng`, which
must be prepared in S2S_HOME (with `--normalizer article`); the short one holds 5 on the starter
corpus. The run's speed with sessions is compared with its speed before and after them.
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

from benchmarks.viewer import Tick, Viewer, watch_together
from tools.soak.live_training import Training, live_training
from tools.soak.table import Row
from tools.soak.visits import measure_visits

ANSWER_SECONDS, BETWEEN_SECONDS = 0.5, 3.0
MIN_SPEED_SHARES = {10: 0.85, 50: 0.65}
"""Minimum share of the speed without sessions, by number of sessions."""
GROWTH = 0.05
"""Limit for the growth of the server's memory after the first minute."""
_OPENING_SECONDS = 0.1
"""Delay between the starts of two sessions, so that they do not all tick at once."""


@dataclass
class Measurement:
    """Ticks received by the open sessions, and the load that the sessions caused."""

    viewers: list[Viewer]
    speed: float = 0.0
    speeds_alone: tuple[float, float] = (0.0, 0.0)
    """Speeds before and after the sessions, in samples per second like `speed`."""
    own_cores: float = 0.0
    """CPU cores used by this process, which holds the sessions."""
    other_load_cores: float = 0.0
    """CPU cores used by programs other than this one and the server."""
    memory_bytes: list[int] = field(default_factory=list)
    """Server memory. This and the next two hold one reading of the server per second."""
    threads: list[int] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)
    log: str = ""

    def ticks(self) -> list[Tick]:
        """Return the ticks of all sessions."""
        return [tick for viewer in self.viewers for tick in viewer.tab.ticks]

    def intervals(self) -> list[float]:
        """Return the seconds between ticks of the run's own view, which ticks most often."""
        (live, _), *_ = Counter(tick.fragment for tick in self.ticks()).most_common(1)
        ends = [
            [tick.at + tick.seconds for tick in viewer.tab.ticks if tick.fragment == live]
            for viewer in self.viewers
        ]
        return [after - before for each in ends for before, after in pairwise(each)]

    def speed_share(self) -> float:
        """Return the speed over the speed without sessions."""
        return self.speed / statistics.mean(self.speeds_alone)

    def growth(self) -> float:
        """Return the growth of the median memory from the second minute to the last."""
        last = statistics.median(self.memory_bytes[-60:])
        return last / statistics.median(self.memory_bytes[60:120] or self.memory_bytes[:60]) - 1


def rows(full: bool) -> Iterator[Row]:
    for sessions in MIN_SPEED_SHARES if full else (5,):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "server.log"
            with live_training(Path(folder), "fra-eng" if full else "starter", log) as training:
                result = _hold_sessions(training, sessions, full=full)
                visits = measure_visits(training, full=full)
            result.log = log.read_text()
        problems = find_problems(result)
        if full:
            problems += find_slowness(result, MIN_SPEED_SHARES[sessions])
        yield Row(
            f"{sessions} sessions on the live page of a run for "
            f"{len(result.memory_bytes) / 60:.1f} minutes",
            len(result.ticks()),
            failed=len(problems),
            figures=_figures(result),
            problems=tuple(problems),
        )
        yield visits


def find_problems(result: Measurement) -> list[str]:
    """Return the problems that do not depend on the machine's speed."""
    problems = [text for viewer in result.viewers for text in viewer.tab.exceptions]
    problems += [line for line in result.log.splitlines() if "Error" in line or "Traceback" in line]
    if gone := sum(viewer.closed for viewer in result.viewers):
        problems.append(f"{gone} sessions were closed by the server.")
    if idle := sum(len(viewer.tab.ticks) < 2 for viewer in result.viewers):
        problems.append(f"{idle} sessions did not tick.")
    for name, counts in (("threads", result.threads), ("file handles", result.handles)):
        # A running script has a thread, hence the minimum over half of the time.
        stretch = len(counts) // 2
        before, after = min(counts[:stretch]), min(counts[stretch:])
        if after > before:
            problems.append(f"The server's {name} went from {before} to {after}.")
    return problems


def find_slowness(result: Measurement, min_share: float) -> list[str]:
    """Return the broken limits that other load on the machine can also break."""
    intervals, answered = result.intervals(), [tick.seconds for tick in result.ticks()]
    problems = []
    if statistics.median(answered) > ANSWER_SECONDS:
        problems.append("Ticks were answered too late.")
    if statistics.median(intervals) > BETWEEN_SECONDS:
        problems.append("Ticks were too far apart.")
    if result.speed_share() < min_share:
        problems.append(f"The run kept less than {min_share:g} of its speed without sessions.")
    if result.growth() > GROWTH:
        problems.append(f"The server's memory grew by more than {GROWTH:.0%}.")
    return problems


def _figures(result: Measurement) -> str:
    answered, intervals = ([tick.seconds for tick in result.ticks()], result.intervals())
    memory = [each / 2**20 for each in result.memory_bytes]
    before, after = result.speeds_alone
    min_share = MIN_SPEED_SHARES.get(len(result.viewers), 0)
    return (
        f"answered in {statistics.median(answered):.3f} s, 95% in "
        f"{np.quantile(answered, 0.95):.3f} s (median {ANSWER_SECONDS:g}); "
        f"every {statistics.median(intervals):.2f} s, 95% {np.quantile(intervals, 0.95):.2f} s "
        f"({BETWEEN_SECONDS:g}); "
        f"{result.speed_share():.2f} of the speed without sessions ({min_share:g}): "
        f"{result.speed:.0f} samples/s, alone {before:.0f} before and {after:.0f} after; "
        f"cores used by the sessions {result.own_cores:.2f}, by others "
        f"{result.other_load_cores:.2f}; server's memory {memory[0]:.0f} to {memory[-1]:.0f} MiB "
        f"({min(memory):.0f} to {max(memory):.0f}), growth {result.growth():+.1%} ({GROWTH:.0%}); "
        f"threads {min(result.threads)} to {max(result.threads)}, "
        f"handles {min(result.handles)} to {max(result.handles)}"
    )


def _hold_sessions(training: Training, sessions: int, *, full: bool) -> Measurement:
    seconds, lone_seconds, settle_seconds = (600, 60, 5.0) if full else (8, 1, 1.0)
    before = training.measure_speed(settle_seconds, lone_seconds)
    viewers: list[Viewer] = []
    for _ in range(sessions):
        viewers.append(Viewer(training.address))
        watch_together(viewers, _OPENING_SECONDS)
    watch_together(viewers, settle_seconds)
    result = _measure(training, viewers, seconds)
    for viewer in viewers:
        viewer.socket.close()
    result.speeds_alone = (before, training.measure_speed(settle_seconds, lone_seconds))
    return result


def _measure(training: Training, viewers: list[Viewer], seconds: int) -> Measurement:
    result = Measurement(viewers)
    for viewer in viewers:
        viewer.tab.ticks.clear()
    done, start = training.iterations_done(), time.monotonic()
    own, server, machine = (
        _process_seconds(psutil.Process()),
        _process_seconds(training.server),
        _machine_seconds(),
    )
    for _ in range(seconds):
        watch_together(viewers, 1.0)
        result.memory_bytes.append(training.server.memory_info().rss)
        result.threads.append(training.server.num_threads())
        result.handles.append(training.server.num_fds())
    seconds_passed = time.monotonic() - start
    result.own_cores = (_process_seconds(psutil.Process()) - own) / seconds_passed
    server_cores = (_process_seconds(training.server) - server) / seconds_passed
    result.other_load_cores = (
        (_machine_seconds() - machine) / seconds_passed - result.own_cores - server_cores
    )
    result.speed = training.speed(done)
    return result


def _process_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.system
