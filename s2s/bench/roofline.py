"""Rates of this machine, measured now, for the roofline of training steps."""

import time
from collections.abc import Callable

import numpy as np
import torch

COPY_BYTES = 256 * 2**20
"""Size of each of the two buffers: several times the cache of a CPU or GPU."""
MEASURE_SECONDS = 0.3
"""Time per rate, without warm-up."""
_BLOCKS = 9


def measure_copy_rate(device: torch.device) -> float:
    """Return the bytes per second of copying memory, read and write both counted."""
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * COPY_BYTES / seconds_per_call(lambda: target.copy_(source), device)


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_per_call(work: Callable[[], object], device: torch.device) -> float:
    """Return the median over blocks of calls, each long enough for the clock."""

    def time_block(calls: int) -> float:
        synchronize(device)
        start = time.perf_counter()
        for _ in range(calls):
            work()
        synchronize(device)
        return time.perf_counter() - start

    time_block(2)  # allocates memory, starts threads, selects kernels
    calls = 1
    while (seconds := time_block(calls)) < MEASURE_SECONDS / _BLOCKS / 2:
        calls *= 2
    blocks = max(3, min(_BLOCKS, int(MEASURE_SECONDS / seconds)))
    return float(np.median([time_block(calls) / calls for _ in range(blocks)]))
