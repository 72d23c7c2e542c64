"""Kill a dashboard's server at random moments of five activities, and restart it each time."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s2s.background.scheduler import Scheduler
from s2s.paths import home
from s2s.store import Store
from tools.soak.log import read_log
from tools.soak.scenes import (
    Checkpointing,
    Deleting,
    Events,
    Kill,
    Lost,
    Preparing,
    Scene,
    Sweeping,
    Training,
    digest_finished_runs,
)
from tools.soak.table import Row

PROJECT = Path(__file__).parents[2]
TIMES, SHORT_TIMES = 20, 1
_START_SECONDS = 120.0
_MAX_MISSES = 5
"""Kills outside the activity, which do not count, per kill that counts."""
_SCENES: dict[str, type[Scene]] = {
    "training": Training,
    "checkpointing": Checkpointing,
    "corpus preparation": Preparing,
    "sweeping": Sweeping,
    "deleting": Deleting,
}


def rows(full: bool) -> Iterator[Row]:
    for activity in _SCENES:
        yield measure(activity, TIMES if full else SHORT_TIMES)


def measure(activity: str, times: int) -> Row:
    """Kill the server this often during the activity."""
    with _own_home() as folder:
        scene = _SCENES[activity](folder)
        finished: dict[int, str] = {}
        problems: list[str] = []
        kills = misses = 0
        while kills < times and misses <= _MAX_MISSES * times:
            events, killed_at = _run_and_kill(scene, activity, folder / f"attempt-{kills}-{misses}")
            if scene.is_active(events):
                kills += 1
                problems += _check_next_start(scene, events, killed_at, finished)
            else:
                misses += 1
                list(_check_next_start(scene, [], killed_at, finished))
        if kills < times:
            problems.append(f"Only {kills} of {kills + misses} kills came during the activity.")
    lost = sum(isinstance(problem, Lost) for problem in problems)
    return Row(
        f"SIGKILL of the server while {activity}",
        kills,
        lost,
        len(problems) - lost,
        f"{misses} more kills came between activities",
        tuple(problems),
    )


def _run_and_kill(scene: Scene, activity: str, folder: Path) -> tuple[Events, float]:
    """Return the server's log, and when it was killed on the monotonic clock."""
    folder.mkdir()
    request = folder / "request"
    request.write_text(json.dumps(scene.request()), encoding="utf-8")
    with _serve(activity, folder) as process:
        request.rename(folder / "go")  # starts the activity
        while not scene.has_begun(read_log(folder / "log")):
            _check_alive(process, folder)
            time.sleep(0.005)
        scene.wait(lambda: read_log(folder / "log"))
        killed_at = time.monotonic()
        process.kill()
        assert process.wait() == -signal.SIGKILL
    return read_log(folder / "log"), killed_at


@contextmanager
def _serve(activity: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a real dashboard, ready to start the activity."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    name = activity.split()[-1].replace("preparation", "preparing")
    command = [sys.executable, "-m", "tools.soak.server", name, str(folder)]
    command += ["run", "dashboard.py", f"--server.port={port}", "--server.headless=true"]
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            _check_alive(process, folder)
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5):
                    break
            except OSError:
                time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def _check_alive(process: subprocess.Popen[bytes], folder: Path) -> None:
    if process.poll() is not None:
        raise RuntimeError(f"The server ended: {(folder / 'output').read_text()}")


def _check_next_start(
    scene: Scene, events: Events, killed_at: float, finished: dict[int, str]
) -> list[str]:
    """Start again on the same home and return a sentence per problem.

    Args:
        finished: Digests of finished runs; brought up to date.
    """
    problems: list[str] = []
    store = Store(home())
    result = store.read("PRAGMA integrity_check")[0][0]
    if result != "ok":
        problems.append(f"The store is damaged: {result}")
    manager = Scheduler(store)
    digests = digest_finished_runs(store)
    changed = [run_id for run_id, digest in finished.items() if digests.get(run_id) != digest]
    problems += [Lost(f"Finished run {run_id} has changed.") for run_id in changed]
    if events:
        problems += scene.find_problems(Kill(events, killed_at, manager))
    finished |= digest_finished_runs(store)
    manager.close()
    store.close()
    return problems


@contextmanager
def _own_home() -> Iterator[Path]:
    """Set S2S_HOME to an empty folder."""
    before = os.environ.get("S2S_HOME")
    with tempfile.TemporaryDirectory(prefix="s2s-crash-") as folder:
        os.environ["S2S_HOME"] = str(Path(folder, "home"))
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["S2S_HOME"]
            else:
                os.environ["S2S_HOME"] = before
