"""One at a time: of several programs that add or remove a corpus of one name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from s2s.paths import make_folder

_POLL_SECONDS = 0.2


@contextmanager
def alone(locks: Path, name: str, waiting: Callable[[], object]) -> Iterator[None]:
    """Nobody else, of this process or another, is in here with that name.

    `waiting` is called again and again until then. A lock on a file, which the system lets go of
    even when a process is killed. Raises OSError where it cannot be made.
    """
    make_folder(locks)
    lock = FileLock(locks / name, thread_local=False)
    try:
        while not lock.is_locked:
            with suppress(Timeout):
                lock.acquire(timeout=_POLL_SECONDS)
                break
            waiting()
        yield
    finally:
        lock.release()
