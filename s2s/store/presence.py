"""Which dashboards use this home now: each holds a lock, which the system lets go of with it."""

import uuid
from pathlib import Path

from filelock import FileLock, Timeout

from s2s.paths import home


class Presence:
    """This dashboard among others, for as long as its process lives or until `leave`."""

    def __init__(self) -> None:
        folder = home() / "locks" / "dashboards"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "door"):  # of two that start at once one comes first
            self.came_alone = not _anybody(folder)
            """No other dashboard used this home when this one started."""
            self._lock = FileLock(folder / f"{uuid.uuid4().hex}.lock", thread_local=False)
            self._lock.acquire()

    def leave(self) -> None:
        self._lock.release()


def _anybody(folder: Path) -> bool:
    """Clears away what dead dashboards left."""
    for path in folder.glob("*.lock"):
        try:
            with FileLock(path, timeout=0):
                path.unlink(missing_ok=True)
        except Timeout:
            return True
    return False
