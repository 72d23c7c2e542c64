"""State shared by all sessions of the dashboard: one scheduler and one store per process."""

import atexit
import gc
import threading

from s2s.background.scheduler import Manager
from s2s.paths import home
from s2s.store import Store

WAIT_SECONDS = 2.0
"""How long a page waits for another process that writes to the store."""
_lock = threading.Lock()
_manager: Manager | None = None


def get_manager() -> Manager:
    """Return the scheduler, created at first use.

    It is not in Streamlit's cache, because "Clear cache" would drop it while runs are training.
    """
    global _manager
    with _lock:
        if _manager is None:
            _manager = Manager(Store(home(), WAIT_SECONDS))
            atexit.register(_shut_down, _manager)  # Ctrl-C, SIGTERM
        return _manager


def get_store() -> Store:
    """Return the store of runs and sweeps."""
    return get_manager().store


def _shut_down(manager: Manager) -> None:
    gc.freeze()  # collecting garbage would delay the end by seconds
    manager.close()  # running runs write their checkpoint
