"""Run tasks in named daemon threads, and jobs that report progress and end in a result or error."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from s2s.errors import UserError

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class BackgroundWork:
    """Daemon threads that run tasks: those of one name one after another. Thread-safe.

    A thread ends when no task of its name is left.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._tasks: dict[str, deque[Callable[[], object]]] = {}

    def submit(self, name: str, task: Callable[[], object]) -> None:
        """Run a task in the thread `s2s-NAME`, after earlier tasks of this name."""
        with self._lock:
            self._tasks.setdefault(name, deque()).append(task)
            if name not in self._threads:
                self._threads[name] = threading.Thread(
                    target=self._run, args=(name,), name=f"s2s-{name}", daemon=True
                )
                self._threads[name].start()

    def is_busy(self, name: str) -> bool:
        """Return whether a task of this name is running."""
        with self._lock:
            return name in self._threads

    def join(self, seconds: float) -> None:
        """Wait until all threads have ended, but at most for the given time."""
        deadline = time.monotonic() + seconds
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str) -> None:
        while True:
            with self._lock:
                if not self._tasks[name]:
                    del self._threads[name], self._tasks[name]
                    return
                task = self._tasks[name].popleft()
            try:
                task()
            except Exception:
                _log.exception("Background work %r failed", name)


class Job(Generic[_T]):
    """A piece of work that reports the fraction done, and ends in a result or an error."""

    def __init__(self, work: Callable[[Callable[[float], None]], _T]) -> None:
        """Prepare a job that calls `work` with a function to report the fraction done."""
        self._work, self.progress = work, 0.0
        self.result: _T | None = None
        self.error: UserError | None = None
        self.ended_at = math.inf
        """Time of the monotonic clock; infinite until the job has ended."""

    def is_running(self) -> bool:
        return math.isinf(self.ended_at)

    def run(self) -> None:
        """Do the work; an exception becomes `error`."""
        try:
            self.result = self._work(self._report)
        except UserError as error:
            self.error = error
        except Exception as error:
            self.error = UserError(f"{type(error).__name__}: {error}")
        self.ended_at = time.monotonic()

    def _report(self, progress: float) -> None:
        self.progress = progress
