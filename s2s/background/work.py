"""Named daemon threads that run tasks, and jobs that keep their progress and result."""

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
    """Named daemon threads. Each runs its tasks one after another. Thread-safe.

    A thread ends when it has no task left.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._tasks: dict[str, deque[Callable[[], object]]] = {}

    def submit(self, name: str, task: Callable[[], object]) -> None:
        """Run a task in the thread `s2s-NAME`, after the tasks that were submitted to it before."""
        with self._lock:
            self._tasks.setdefault(name, deque()).append(task)
            if name not in self._threads:
                self._threads[name] = threading.Thread(
                    target=self._run, args=(name,), name=f"s2s-{name}", daemon=True
                )
                self._threads[name].start()

    def is_busy(self, name: str) -> bool:
        """Return whether the thread of this name has a task, running or waiting."""
        with self._lock:
            return name in self._threads

    def join(self, seconds: float) -> None:
        """Wait until all threads have ended, or until the time is up."""
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
    """Work that reports the fraction done, and ends with a result or an error."""

    def __init__(self, work: Callable[[Callable[[float], None]], _T]) -> None:
        """Prepare the job. `run` calls `work` with a function to report the fraction done."""
        self._work, self.progress = work, 0.0
        self.result: _T | None = None
        self.error: UserError | None = None
        self.ended_at = math.inf
        """Time on the monotonic clock at which the job ended; infinite until then."""

    def is_running(self) -> bool:
        return math.isinf(self.ended_at)

    def run(self) -> None:
        """Do the work. Store an exception in `error` instead of raising it."""
        try:
            self.result = self._work(self._report)
        except UserError as error:
            self.error = error
        except Exception as error:
            self.error = UserError(f"{type(error).__name__}: {error}")
        self.ended_at = time.monotonic()

    def _report(self, progress: float) -> None:
        self.progress = progress
