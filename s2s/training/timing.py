"""Timing of steps: clocks for the processor and for a GPU, and interference within the process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch


class Clock(Protocol):
    """Sets marks; the time between two of them may be known only later."""

    settle_every_seconds: float
    """How often the work may be waited for."""

    def mark(self) -> Any: ...

    def settle(self) -> None:
        """Wait until all marked work is done."""
        ...

    def seconds(self, earlier: Any, later: Any) -> float:
        """Return the time between two marks that were settled."""
        ...


class HostClock:
    """For work on the processor, which is done when its call returns."""

    settle_every_seconds = 0.0

    def mark(self) -> float:
        return time.perf_counter()

    def settle(self) -> None: ...

    def seconds(self, earlier: float, later: float) -> float:
        return later - earlier


class CudaClock:
    """Events in the device's stream, so that no step has to wait."""

    settle_every_seconds = 0.25

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.current_stream(device)

    def mark(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(self._stream)
        return event

    def settle(self) -> None:
        self._stream.synchronize()

    def seconds(self, earlier: torch.cuda.Event, later: torch.cuda.Event) -> float:
        milliseconds: float = earlier.elapsed_time(later)
        return milliseconds / 1e3


def clock_for(device: torch.device) -> Clock:
    """Return the clock that suits the device."""
    return CudaClock(device) if device.type == "cuda" else HostClock()


_lock = threading.Lock()
_begun = 0
_ended = 0


@contextmanager
def interference() -> Iterator[None]:
    """Declare work that takes processor time from a training run in another thread."""
    global _begun, _ended
    with _lock:
        _begun += 1
    try:
        yield
    finally:
        with _lock:
            _ended += 1


class InterferenceDetector:
    """Tells one training run which of its steps to leave out of its timing."""

    def __init__(self) -> None:
        self._ended_before = _ended

    def detect(self) -> bool:
        """Whether there was interference since the last call, or since this was created."""
        # Read first: interference that ends between the two lines counts for both periods.
        ended_now = _ended
        detected = _begun > self._ended_before
        self._ended_before = ended_now
        return detected
