"""One run a device at a time, across processes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from s2s.paths import home, make_folder

_POLL_SECONDS = 0.2


@contextmanager
def lease(device: str, given_up: Callable[[], bool]) -> Iterator[bool]:
    """Holds the device against other runs; False where `given_up` became true first.

    A lock on a file, which the system lets go of even when a process is killed.
    """
    folder = home() / "locks"
    make_folder(folder)
    lock = FileLock(folder / f"{device.replace(':', '-')}.lock", thread_local=False)
    try:
        while not lock.is_locked and not given_up():
            with suppress(Timeout):
                lock.acquire(timeout=_POLL_SECONDS)
        yield lock.is_locked
    finally:
        lock.release()
