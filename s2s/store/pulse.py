"""The heartbeat of a process that owns runs: a thread that writes it every few seconds."""

import threading
from collections.abc import Callable
from contextlib import suppress

from s2s.store.errors import StoreError

PULSE_SECONDS = 5.0


class Pulse:
    """Calls `beat` from the first `start()` to `stop()`; any thread may call both."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat, self._lock, self._stopped = beat, threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(PULSE_SECONDS):
            with suppress(StoreError):  # a full disk, say: the next beat may come through
                self._beat()
