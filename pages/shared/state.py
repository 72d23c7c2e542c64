"""State shared by all sessions of the dashboard: the scheduler, the store, records of runs."""

import atexit
import functools
import gc
import threading

import numpy as np

from s2s.analysis.run.steps import Steps
from s2s.background.estimates import Estimator
from s2s.background.scheduler import Scheduler
from s2s.paths import home
from s2s.records import DeviceSample, Evaluation
from s2s.store import Store

Records = tuple[Steps, list[Evaluation], list[DeviceSample]]
"""The steps, evaluations and device samples of a run."""
_WAIT_SECONDS = 2.0  # while another process writes to the store
_lock = threading.Lock()
_scheduler: Scheduler | None = None


def get_scheduler() -> Scheduler:
    """Return the scheduler, created at first use.

    It is not in Streamlit's cache, because "Clear cache" would drop it while runs are training.
    """
    global _scheduler
    with _lock:
        if _scheduler is None:
            _scheduler = Scheduler(Store(home(), _WAIT_SECONDS))
            atexit.register(_scheduler.close)  # running runs write their checkpoints
            atexit.register(gc.freeze)  # runs first, so that no garbage collection takes seconds
        return _scheduler


def get_estimator() -> Estimator:
    """Return the estimator of durations, which shares the scheduler's threads."""
    return _estimator(get_scheduler())


@functools.lru_cache(maxsize=1)
def _estimator(scheduler: Scheduler) -> Estimator:
    return Estimator(scheduler.store, scheduler.work)


def get_store() -> Store:
    """Return the store of runs and sweeps."""
    return get_scheduler().store


class _CachedRecords:
    """The records of one run, shared by all sessions."""

    def __init__(self, store: Store, run_id: int) -> None:
        self._store, self._run_id = store, run_id
        self._lock = threading.Lock()
        self._steps = store.steps(run_id)
        self._evaluations: list[Evaluation] = store.evaluations(run_id)
        self._samples: list[DeviceSample] = store.device_samples(run_id)

    def read(self) -> Records:
        with self._lock:
            last_step = int(self._steps["iteration"][-1]) if len(self._steps) else 0
            new_steps = self._store.steps(self._run_id, after=last_step)
            if len(new_steps):
                self._steps = np.concatenate((self._steps, new_steps))
            last_evaluation = self._evaluations[-1].iteration if self._evaluations else -1
            self._evaluations += self._store.evaluations(self._run_id, after=last_evaluation)
            self._samples += self._store.device_samples(self._run_id, skip=len(self._samples))
            return self._steps, list(self._evaluations), list(self._samples)


@functools.lru_cache(maxsize=64)
def _get_records(store: Store, run_id: int, _resumed_at: tuple[int, ...]) -> _CachedRecords:
    """Return the run's cache; a new one per resume, which deletes records after the checkpoint."""
    return _CachedRecords(store, run_id)


def read_records(run_id: int) -> Records:
    """Return the steps, evaluations and device samples of a run up to now.

    Raises:
        UserError: The run does not exist.
    """
    store = get_store()
    return _get_records(store, run_id, store.run(run_id).resumed_at).read()
