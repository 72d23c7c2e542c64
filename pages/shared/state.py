"""What all sessions of the dashboard share: one store and one manager a process."""

import atexit
import gc
import threading

from s2s.background.scheduler import Manager
from s2s.paths import home
from s2s.store.runs import Store

WAIT_SECONDS = 2.0
"""For another process that writes: then a page says what it waits for."""
_lock = threading.Lock()
_manager: Manager | None = None


def manager() -> Manager:
    """Made at first use. Not in Streamlit's cache, which "Clear cache" would empty mid-run."""
    global _manager
    with _lock:
        if _manager is None:
            _manager = Manager(Store(home(), WAIT_SECONDS))
            atexit.register(_shut_down, _manager)  # Ctrl-C, SIGTERM
        return _manager


def _shut_down(manager: Manager) -> None:
    """A run ends with its checkpoint. Garbage is left to the system: collecting it takes seconds,
    at the end of a run as at that of the program."""
    gc.freeze()
    manager.close()


def store() -> Store:
    return manager().store
