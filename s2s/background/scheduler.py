"""Train queued runs and sweeps in background threads, one at a time per device."""

import math
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Event

from s2s.background.work import BackgroundWork, Job
from s2s.config import SweepConfig, TrainConfig
from s2s.data.catalog import remove_leftovers as remove_corpus_leftovers
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.runs import lost_gpu
from s2s.runs.files import purge_deleted, remove_leftovers
from s2s.runs.resume import resume_run
from s2s.store import Store
from s2s.store.errors import StoreError, retry_while_unavailable
from s2s.store.ownership import DashboardLock
from s2s.store.sweeps import claim_sweep, read_sweep, release_sweep, request_sweep_stop
from s2s.sweeps.plan import create_sweep

CLOSE_SECONDS = 2.5
"""How long `close` waits for checkpoints. The program must end within 3 s."""


class Scheduler:
    """The one scheduler of a process. Thread-safe.

    Each device has a daemon thread that trains its runs in order. Each sweep has a thread of its
    own. These threads load torch, so pages need not wait for it.
    """

    def __init__(self, store: Store) -> None:
        """Mark runs of dead processes as interrupted, and purge deleted runs."""
        self.store, self.work = store, BackgroundWork()
        self._dashboard_lock = None if store.read_only else DashboardLock()
        if self._dashboard_lock:
            store.mark_interrupted()
            remove_leftovers(store)
            remove_corpus_leftovers(corpora_folder())
            if self._dashboard_lock.is_only_dashboard:  # another dashboard may restore them
                purge_deleted(store)
        self._stops: dict[int, Event] = {}
        """Stop event of each unfinished run of this process, by run id."""
        self._sweep_stops: dict[int, Event] = {}
        self.noise_jobs: dict[int, Job[None]] = {}
        """The last job of this process that measures a run's gradient noise scale, by run id."""

    # Runs

    def submit(self, configs: Sequence[TrainConfig]) -> list[int]:
        """Queue one run per configuration, in this order. Return the ids of the runs."""
        ids = [self.store.create_run(config) for config in configs]
        for run_id, config in zip(ids, configs, strict=True):
            self._enqueue(run_id, config.device)
        return ids

    def resume(self, run_id: int) -> None:
        """Queue an interrupted run again. It continues from its checkpoint."""
        run = resume_run(self.store, run_id)
        self._enqueue(run_id, run.device or run.config.device)

    def stop(self, run_id: int) -> None:
        """Stop the run after its current step. A queued run never starts."""
        if stop := self._stops.get(run_id):
            stop.set()
        self.store.request_stop(run_id)

    def _enqueue(self, run_id: int, device: str) -> None:
        self._stops[run_id] = Event()
        # In the background, because resolving the device loads torch. That takes seconds.
        self.work.submit("queue", lambda: self._enqueue_on(run_id, device))

    def _enqueue_on(self, run_id: int, device: str) -> None:
        from s2s.training.device import resolve_device

        if device == "auto" and lost_gpu.lost_device():
            device = lost_gpu.lost_device()
        else:
            with suppress(UserError):  # the run will fail with the same message
                device = str(resolve_device(device))
        self.work.submit(f"trainer-{device}", lambda: self._train_run(run_id, device))

    def _train_run(self, run_id: int, device: str) -> None:
        from s2s.runs.execute import execute

        if lost_gpu.is_blocked(device):  # the run stays queued until s2s is restarted
            return
        try:
            execute(self.store, run_id, self._stops[run_id])
        except (sqlite3.Error, StoreError) as error:
            self._retry_write(partial(self.store.fail_run, run_id, str(error)))
        del self._stops[run_id]

    # Sweeps

    def submit_sweep(self, config: SweepConfig) -> int:
        """Start a sweep and return its id. Queued runs may train between two of its parts."""
        sweep_id = create_sweep(self.store, config)
        self.resume_sweep(sweep_id)
        return sweep_id

    def resume_sweep(self, sweep_id: int) -> None:
        """Train the parts that have no result; raise UserError if the sweep is running."""
        claim_sweep(self.store, sweep_id)
        stop = self._sweep_stops[sweep_id] = Event()
        self.work.submit(f"sweep-{sweep_id}", lambda: self._train_sweep(sweep_id, stop))

    def stop_sweep(self, sweep_id: int) -> None:
        """Stop the sweep after its current step, even if another process trains it."""
        request_sweep_stop(self.store, sweep_id)
        if stop := self._sweep_stops.get(sweep_id):
            stop.set()

    def _train_sweep(self, sweep_id: int, stop: Event) -> None:
        from s2s.sweeps.runner import run_sweep

        try:
            for _ in run_sweep(self.store, sweep_id, stop):
                pass
        except (sqlite3.Error, StoreError) as error:
            self._retry_write(partial(self._fail_sweep, sweep_id, str(error)))

    def _fail_sweep(self, sweep_id: int, error: str) -> None:
        """Mark the sweep's unfinished run as failed, and release the sweep."""
        for part in read_sweep(self.store, sweep_id).parts:
            if part.run and not part.run.state.has_ended():
                self.store.fail_run(part.run.id, error)
        release_sweep(self.store, sweep_id)

    # Gradient noise

    def measure_gradient_noise(self, run_id: int) -> None:
        """Measure the run's gradient noise scale in the background, and store it."""

        def measure(report: Callable[[float], None]) -> None:
            from s2s.runs.measure import measure_gradient_noise

            self.store.save_gradient_noise(measure_gradient_noise(run_id, report))

        job = self.noise_jobs[run_id] = Job(measure)
        self.work.submit(f"noise-{run_id}", job.run)

    # Shutdown

    def close(self) -> None:
        """Interrupt this process's training; wait up to CLOSE_SECONDS for its checkpoints."""
        for stop in (*self._sweep_stops.values(), *self._stops.values()):
            stop.set()
        self.work.join(CLOSE_SECONDS)
        if self._dashboard_lock:
            self._dashboard_lock.release()

    def _retry_write(self, write: Callable[[], None]) -> None:
        """Retry a failed write in the background until it succeeds."""

        def retry() -> None:
            # Give up if the run was purged, or if the store is damaged or closed.
            with suppress(UserError, sqlite3.ProgrammingError):
                retry_while_unavailable(write, limit_seconds=math.inf)

        self.work.submit("write", retry)
