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
    """Interval at which to wait for the marked work."""

    def mark(self) -> Any:
        return time.perf_counter()

    def settle(self) -> None:
        """Wait until all marked work is done."""

    def seconds(self, earlier: Any, later: Any) -> float:
        """Return the time between two settled marks."""
        seconds: float = later - earlier
        return seconds


class CudaClock(HostClock):
    """Clock for work on a GPU, by events in the device's stream, for which no step waits."""

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


def build_clock(device: torch.device) -> HostClock:
    return CudaClock(device) if device.type == "cuda" else HostClock()


_lock = threading.Lock()
_begun_count = 0
_ended_count = 0


@contextmanager
def interference() -> Iterator[None]:
    """Declare work that takes processor time from a training run in another thread."""
    global _begun_count, _ended_count
    with _lock:
        _begun_count += 1
    try:
        yield
    finally:
        with _lock:
            _ended_count += 1


class InterferenceDetector:
    """Detector of the steps of one training run that interference slowed down."""

    def __init__(self) -> None:
        self._ended_before = _ended_count

    def detect(self) -> bool:
        """Return whether there was interference since the last call or the creation."""
        # Read first, so interference that ends between the two lines counts for both periods.
        ended_now = _ended_count
        was_detected = _begun_count > self._ended_before
        self._ended_before = ended_now
        return was_detected
