"""A run without an end in a dashboard of its own, begun as a user begins one."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.viewer import Viewer
from s2s.analysis.run.steps import samples_per_second
from s2s.config import UNLIMITED, TrainConfig
from s2s.paths import corpora_folder
from s2s.store import Store

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "browser"))

from tests.browser.serving import serve_dashboard

_START_SECONDS = 60.0


@dataclass(frozen=True)
class Training:
    """A run in a dashboard of its own."""

    address: str
    server: psutil.Process
    store: Store
    run_id: int

    def done(self) -> int:
        return self.store.run(self.run_id).iterations_done

    def speed(self, after: int) -> float:
        """Samples per second since that iteration."""
        return samples_per_second(self.store.steps(self.run_id, after=after)) or 0.0

    def lone_speed(self, settle_seconds: float, seconds: float) -> float:
        time.sleep(settle_seconds)
        before = self.done()
        time.sleep(seconds)
        return self.speed(before)


@contextmanager
def live_training(folder: Path, corpus: str, log: Path) -> Iterator[Training]:
    """A run of batch size 32 that has no end, begun by clicks as a user would."""
    home = folder / "home"
    home.mkdir()
    if corpora_folder().exists():
        (home / "corpora").symlink_to(corpora_folder().resolve())
    store = Store(home)
    config = TrainConfig(corpus=corpus, batch_size=32, iterations=UNLIMITED)
    store.request_stop(store.create_run(config))  # its choices are what "Again with" fills in
    with serve_dashboard(home, log) as address:
        server = psutil.Process().children()[-1]
        with Viewer(address) as viewer:
            viewer.wait_for_page()
            viewer.click("Again with…")
            viewer.click("Start")
        training = Training(address, server, store, store.runs()[0].id)
        until = time.monotonic() + _START_SECONDS
        while not training.done():
            if time.monotonic() > until:
                raise RuntimeError(f"The training did not start: {log.read_text()}")
            time.sleep(0.1)
        yield training
    store.close()
