"""A dashboard with an endless run, started through its page as a user would."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.viewer import Viewer
from s2s.analysis.run.steps import measure_rate
from s2s.config import MAX_ITERATIONS, TrainConfig
from s2s.paths import corpora_folder
from s2s.store import Store
from tests.browser.serving import serve_dashboard

_START_SECONDS = 60.0


@dataclass(frozen=True)
class Training:
    """An endless run and the dashboard that trains it."""

    address: str
    server: psutil.Process
    store: Store
    run_id: int

    def iterations_done(self) -> int:
        """Return the number of recorded steps."""
        return self.store.run(self.run_id).iterations_done

    def speed(self, after: int) -> float:
        """Return the samples per second since that iteration."""
        return measure_rate(self.store.steps(self.run_id, after=after), "samples") or 0.0

    def measure_speed(self, settle_seconds: float, seconds: float) -> float:
        """Wait, then return the samples per second over `seconds`."""
        time.sleep(settle_seconds)
        before = self.iterations_done()
        time.sleep(seconds)
        return self.speed(before)


@contextmanager
def live_training(folder: Path, corpus: str, log: Path) -> Iterator[Training]:
    """Serve a dashboard and start a run of batch size 32 by clicks on its page."""
    home = folder / "home"
    home.mkdir()
    if corpora_folder().exists():
        (home / "corpora").symlink_to(corpora_folder().resolve())
    store = Store(home)
    config = TrainConfig(corpus=corpus, batch_size=32, iterations=MAX_ITERATIONS)
    store.request_stop(store.create_run(config))  # "Copy to form" copies its configuration
    with serve_dashboard(home, log) as address:
        server = psutil.Process().children()[-1]
        with Viewer(address) as viewer:
            viewer.wait_for_page()
            viewer.click("Copy to form")
            viewer.click("Start")
        training = Training(address, server, store, store.runs()[0].id)
        deadline = time.monotonic() + _START_SECONDS
        while not training.iterations_done():
            if time.monotonic() > deadline:
                raise RuntimeError(f"The training did not start: {log.read_text()}")
            time.sleep(0.1)
        yield training
    store.close()
