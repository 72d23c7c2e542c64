"""Who disturbs a timed step from within this process, so that the loop can leave the step out."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_begun = 0
_ended = 0


@contextmanager
def disturbing() -> Iterator[None]:
    """Around work that takes processor time from a training in another thread."""
    global _begun, _ended
    with _lock:
        _begun += 1
    try:
        yield
    finally:
        with _lock:
            _ended += 1


class Lookout:
    """Belongs to one training."""

    def __init__(self) -> None:
        self._ended_by_then = _ended

    def interfered(self) -> bool:
        """Whether anything interfered since the last call, or since this lookout was made.

        What had begun and not ended by then lasted on into this time.
        """
        ended_by_now = _ended  # read first: what ends in between counts for both stretches
        seen = _begun > self._ended_by_then
        self._ended_by_then = ended_by_now
        return seen
