"""Rates of the machine: copying memory, and the largest products of a training step."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from s2s.task import Roofline

COPY_BYTES = 256 * 2**20
"""Of each of the two buffers: several times what a processor's or a GPU's cache holds."""
MEASURE_SECONDS = 0.3
"""Of one rate, warm-up left out."""
_BLOCKS = 9


def copy_rate_bytes(device: torch.device) -> float:
    """Bytes a second from memory to memory, those read and those written both counted."""
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * COPY_BYTES / _seconds(lambda: target.copy_(source), device)


def product_rate_flops(roofline: Roofline, rows: int, device: torch.device) -> float:
    """Measure the operations per second of a step's largest products, `rows` at a time."""
    return roofline.product_rate(rows, lambda products: _seconds(products, device))


@dataclass(frozen=True)
class Floor:
    """Of a step at one batch size."""

    batch_size: int
    tokens: float
    """Real source and target tokens of a batch, on average."""
    product_rate_flops: float
    seconds: float


def floors(
    roofline: Roofline, device: torch.device, batch_sizes: Sequence[int]
) -> tuple[float, list[Floor]]:
    """Measure the copy rate in bytes/s, and the roofline at each batch size."""
    copying = copy_rate_bytes(device)
    source, target = roofline.mean_tokens
    products: dict[int, float] = {}
    found = []
    for size in batch_sizes:
        rows = roofline.product_rows(size)
        if rows not in products:
            products[rows] = product_rate_flops(roofline, rows, device)
        seconds = roofline.step_seconds(size * source, size * target, products[rows], copying)
        found.append(Floor(size, size * (source + target), products[rows], seconds))
    return copying, found


def synchronize(device: torch.device) -> None:
    """Waits until the device has done what it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of one call: the median over blocks of calls, long enough for the clock and the waiting."""

    def block(calls: int) -> float:
        synchronize(device)
        started = time.perf_counter()
        for _ in range(calls):
            work()
        synchronize(device)
        return time.perf_counter() - started

    block(2)  # memory is reserved, threads are started, routines chosen
    calls = 1
    while (took := block(calls)) < MEASURE_SECONDS / _BLOCKS / 2:
        calls *= 2
    blocks = max(3, min(_BLOCKS, int(MEASURE_SECONDS / took)))
    return float(np.median([block(calls) / calls for _ in range(blocks)]))
