"""Locks on files: one process at a time trains on a device, or adds a corpus under a given name.

The system releases such a lock even when the process that holds it is killed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from s2s.errors import UserError
from s2s.formatting import format_device
from s2s.paths import home, make_folder

_POLL_SECONDS = 0.2


@contextmanager
def lock_file(path: Path, is_cancelled: Callable[[], object]) -> Iterator[bool]:
    """Hold the lock at `path` against other threads and processes.

    Args:
        is_cancelled: Called several times per second while another thread or process holds the
            lock. If it returns a true value, the wait ends. It may also raise an exception.

    Yields:
        Whether this caller holds the lock.

    Raises:
        OSError: The file cannot be created.
    """
    make_folder(path.parent)
    lock = FileLock(path, thread_local=False)
    try:
        while not lock.is_locked:
            with suppress(Timeout):
                lock.acquire(timeout=_POLL_SECONDS)
                break
            if is_cancelled():
                break
        yield lock.is_locked
    finally:
        lock.release()


@contextmanager
def lease(device: str, is_cancelled: Callable[[], bool]) -> Iterator[bool]:
    """Wait for a device, then hold it. Yield False if `is_cancelled` returned true first."""
    with lock_file(_lease_path(device), is_cancelled) as acquired:
        yield acquired and not is_cancelled()


@contextmanager
def lease_without_waiting(device: str) -> Iterator[None]:
    """Hold a device without waiting for it; raise UserError if it is in use."""
    with lock_file(_lease_path(device), lambda: True) as acquired:
        if not acquired:
            raise UserError(
                f"Another run or measurement is using {format_device(device)}. Wait until it "
                "has ended, or stop it."
            )
        yield


def _lease_path(device: str) -> Path:
    path = home() / "locks" / f"{device.replace(':', '-')}.lock"
    try:
        make_folder(path.parent)
        path.open("ab").close()
    except OSError as error:
        raise UserError(
            f"Cannot write {path} ({error.strerror}). Set S2S_HOME to a writable folder."
        ) from error
    return path
