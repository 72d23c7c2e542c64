"""Timing of steps: clocks for the processor and for a GPU, and interference within the process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class HostClock:
    """Clock for work on the processor, which is done when its call returns."""

    settle_every_seconds = 0.0
    """How often to wait for the marked work."""

    def mark(self) -> Any:
        return time.perf_counter()

    def settle(self) -> None:
        """Wait until all marked work is done."""

    def seconds(self, earlier: Any, later: Any) -> float:
        """Return the time between two settled marks."""
        seconds: float = later - earlier
        return seconds


class CudaClock(HostClock):
    """Clock for work on a GPU: events in the device's stream, which no step has to wait for."""

    settle_every_seconds = 0.25

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.current_stream(device)

    def mark(self) -> Any:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(self._stream)
        return event

    def settle(self) -> None:
        self._stream.synchronize()

    def seconds(self, earlier: Any, later: Any) -> float:
        milliseconds: float = earlier.elapsed_time(later)
        return milliseconds / 1e3


def clock_for(device: torch.device) -> HostClock:
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
    """Decides for one training run which steps to leave out of its timing."""

    def __init__(self) -> None:
        self._ended_before = _ended

    def detect(self) -> bool:
        """Return whether there was interference since the last call or the creation."""
        # Read first: interference that ends between the two lines counts for both periods.
        ended_now = _ended
        detected = _begun > self._ended_before
        self._ended_before = ended_now
        return detected
