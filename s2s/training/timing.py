"""Timing of steps: clocks for CPU and GPU work, and work in this process that slows steps down."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class HostClock:
    """Clock for CPU work. Work is done when its call returns, so there is nothing to wait for."""

    synchronize_every_seconds = 0.0
    """Interval at which the trainer waits for the work that it queued, and reads its marks."""

    def mark(self) -> Any:
        """Return a mark of this moment in the work; see `seconds`."""
        return time.perf_counter()

    def synchronize(self) -> None:
        """Wait until the work before all marks is done."""

    def seconds(self, earlier: Any, later: Any) -> float:
        """Return the time between two marks. Call `synchronize` first."""
        seconds: float = later - earlier
        return seconds


class CudaClock(HostClock):
    """Clock for GPU work. A mark is an event in the GPU's stream, so no step waits for the GPU."""

    synchronize_every_seconds = 0.25

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.current_stream(device)

    def mark(self) -> Any:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(self._stream)
        return event

    def synchronize(self) -> None:
        self._stream.synchronize()

    def seconds(self, earlier: Any, later: Any) -> float:
        milliseconds: float = earlier.elapsed_time(later)
        return milliseconds / 1e3


def build_clock(device: torch.device) -> HostClock:
    """Return a new clock for work on the device."""
    return CudaClock(device) if device.type == "cuda" else HostClock()


_lock = threading.Lock()
_interferences_begun = 0
_interferences_ended = 0


@contextmanager
def declare_interference() -> Iterator[None]:
    """Declare that this section takes CPU time from a training run in another thread."""
    global _interferences_begun, _interferences_ended
    with _lock:
        _interferences_begun += 1
    try:
        yield
    finally:
        with _lock:
            _interferences_ended += 1


class InterferenceDetector:
    """Tells whether interference may have slowed down the latest step of one training run."""

    def __init__(self) -> None:
        self._ended_at_last_call = _interferences_ended

    def detect(self) -> bool:
        """Return whether there was interference since the last call, or since the creation."""
        # Read the number of ends first. If one ends in between, it counts now and at the next call.
        ended = _interferences_ended
        was_detected = _interferences_begun > self._ended_at_last_call
        self._ended_at_last_call = ended
        return was_detected
