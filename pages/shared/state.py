"""State shared by all sessions of the dashboard: one scheduler and one store per process."""

import atexit
import functools
import gc
import threading

from s2s.background.estimator import Estimator
from s2s.background.scheduler import Scheduler
from s2s.paths import home
from s2s.store import Store

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
            atexit.register(_shut_down, _scheduler)  # Ctrl-C, SIGTERM
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


def _shut_down(scheduler: Scheduler) -> None:
    gc.freeze()  # collecting garbage would delay the end by seconds
    scheduler.close()  # running runs write their checkpoint
