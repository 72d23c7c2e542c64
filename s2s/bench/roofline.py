"""The roofline of training steps, from rates measured on this machine now."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from s2s.config import TrainConfig
from s2s.locks import lease_at_once
from s2s.task import Roofline, task_class
from s2s.training.device import resolve_device

COPY_BYTES = 256 * 2**20
"""Size of each of the two buffers: several times the cache of a CPU or GPU."""
MEASURE_SECONDS = 0.3
"""Time per rate, without warm-up."""
_BLOCKS = 9


@dataclass(frozen=True)
class StepRoofline:
    """Lower bound of a step's time at one batch size."""

    batch_size: int
    tokens: float
    """Mean source and target tokens per batch, without padding."""
    product_rate: float
    """Operations per second of the step's largest products."""
    seconds: float


def measure_rooflines(
    config: TrainConfig, batch_sizes: Sequence[int]
) -> tuple[float, list[StepRoofline]]:
    """Measure the roofline at each batch size, which takes seconds.

    Returns:
        The copy rate in bytes per second, and a roofline per batch size.

    Raises:
        UserError: The device is in use, or there is no such data set.
    """
    device = resolve_device(config.device)
    roofline = task_class().open_roofline(config, device)
    source, target = roofline.mean_tokens
    with lease_at_once(str(device)):
        copy_rate = measure_copy_rate(device)
        product_rates: dict[int, float] = {}
        rooflines = []
        for size in batch_sizes:
            rows = roofline.product_rows(size)
            if rows not in product_rates:
                product_rates[rows] = measure_product_rate(roofline, rows, device)
            rate = product_rates[rows]
            seconds = roofline.step_seconds(size * source, size * target, rate, copy_rate)
            rooflines.append(StepRoofline(size, size * (source + target), rate, seconds))
    return copy_rate, rooflines


def measure_copy_rate(device: torch.device) -> float:
    """Return the bytes per second of copying memory, read and write both counted."""
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * COPY_BYTES / _seconds_per_call(lambda: target.copy_(source), device)


def measure_product_rate(roofline: Roofline, rows: int, device: torch.device) -> float:
    """Return the operations per second of a step's largest products, `rows` at a time."""
    return roofline.product_rate(rows, lambda products: _seconds_per_call(products, device))


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _seconds_per_call(work: Callable[[], object], device: torch.device) -> float:
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
