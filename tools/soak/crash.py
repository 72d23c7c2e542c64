"""Kills a dashboard's server at random moments of five activities, and starts again each time."""

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
    digests,
)
from tools.soak.table import Row

PROJECT = Path(__file__).parents[2]
TIMES, SHORT_TIMES = 20, 1
_START_SECONDS = 120.0
_MISSES = 5
"""Kills that met no activity, for each that did: they are not counted."""
_SCENES: dict[str, type[Scene]] = {
    "training": Training,
    "checkpointing": Checkpointing,
    "corpus preparation": Preparing,
    "sweeping": Sweeping,
    "deleting": Deleting,
}


def rows(full: bool) -> Iterator[Row]:
    for activity in _SCENES:
        yield row(activity, TIMES if full else SHORT_TIMES)


def row(activity: str, times: int) -> Row:
    """The server killed so many times while it did that."""
    with _own_home() as folder:
        scene = _SCENES[activity](folder)
        kept: dict[int, str] = {}
        problems: list[str] = []
        kills = misses = 0
        while kills < times and misses <= _MISSES * times:
            events, killed_at = _killed(scene, activity, folder / f"attempt-{kills}-{misses}")
            if scene.under_way(events):
                kills += 1
                problems += _next_start(scene, events, killed_at, kept)
            else:
                misses += 1
                list(_next_start(scene, [], killed_at, kept))
        if kills < times:
            problems.append(f"Only {kills} of {kills + misses} kills met the activity.")
    lost = sum(isinstance(problem, Lost) for problem in problems)
    return Row(
        f"SIGKILL of the server while {activity}",
        kills,
        lost,
        len(problems) - lost,
        f"{misses} more kills met nothing under way",
        tuple(problems),
    )


def _killed(scene: Scene, activity: str, folder: Path) -> tuple[Events, float]:
    """What the server logged, and the moment of its death on the monotonic clock."""
    folder.mkdir()
    told = folder / "told"
    told.write_text(json.dumps(scene.asked()), encoding="utf-8")
    with _server(activity, folder) as process:
        told.rename(folder / "go")
        while not scene.begun(read_log(folder / "log")):
            _check_alive(process, folder)
            time.sleep(0.005)
        scene.wait(lambda: read_log(folder / "log"))
        killed_at = time.monotonic()
        process.kill()
        assert process.wait() == -signal.SIGKILL
    return read_log(folder / "log"), killed_at


@contextmanager
def _server(activity: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real dashboard that answers, about to do the activity."""
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
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
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


def _next_start(scene: Scene, events: Events, killed_at: float, kept: dict[int, str]) -> list[str]:
    """What is not as promised; brings `kept`, the digests of finished runs, up to date."""
    problems: list[str] = []
    store = Store(home())
    verdict = store.read("PRAGMA integrity_check")[0][0]
    if verdict != "ok":
        problems.append(f"The store is damaged: {verdict}")
    manager = Scheduler(store)
    before = digests(store)
    changed = [run_id for run_id, digest in kept.items() if before.get(run_id) != digest]
    problems += [
        Lost(f"Run {run_id} was finished, and is no longer as it was.") for run_id in changed
    ]
    if events:
        problems += scene.look(Kill(events, killed_at, manager))
    kept |= digests(store)
    manager.close()
    store.close()
    return problems


@contextmanager
def _own_home() -> Iterator[Path]:
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
