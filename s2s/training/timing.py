"""Clocks: how long a step and its phases took, on the processor or on a GPU's own time line."""

import time
from typing import Any, Protocol

import torch


class Clock(Protocol):
    """Marks are set as the work goes by; what lies between them may be known only later."""

    settle_every_seconds: float
    """How often the work may be waited for."""

    def mark(self) -> Any: ...

    def settle(self) -> None:
        """Waits until all that was marked has happened."""
        ...

    def seconds(self, earlier: Any, later: Any) -> float:
        """Between two marks that were settled."""
        ...


class HostClock:
    """Work on the processor is done when its call returns."""

    settle_every_seconds = 0.0

    def mark(self) -> float:
        return time.perf_counter()

    def settle(self) -> None: ...

    def seconds(self, earlier: float, later: float) -> float:
        return later - earlier


class CudaClock:
    """Events in the device's stream: nothing waits in a step."""

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


def clock_of(device: torch.device) -> Clock:
    return CudaClock(device) if device.type == "cuda" else HostClock()
