"""What the machine can do: the rates of copying and of the output layer's products."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2s.config import OptimizerName, Precision, TrainConfig
from s2s.data.corpus import Corpus
from s2s.machine.roofline import roofline_seconds
from s2s.training.precision import products_in
from s2s.translation.fast.products import linear
from s2s.translation.loss import chunk_rows

COPY_BYTES = 256 * 2**20
"""Of each of the two buffers: several times what a processor's or a GPU's cache holds."""
MEASURE_SECONDS = 0.3
"""Of one rate, warm-up left out."""
_BLOCKS = 9
OPTIMIZER_PASSES = {OptimizerName.RMSPROP: 7, OptimizerName.ADAM: 7, OptimizerName.SGD: 5}
"""Over a parameter in a step, momentum on: reads of weight, gradient and moments, and writes."""


def copy_rate_bytes(device: torch.device) -> float:
    """Bytes a second from memory to memory, those read and those written both counted."""
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * COPY_BYTES / _seconds(lambda: target.copy_(source), device)


def product_rate_flops(
    hidden_size: int, vocabulary: int, rows: int, precision: Precision, device: torch.device
) -> float:
    """Operations a second of the output layer's three products alone, `rows` (N) at a time.

    (N, H) @ (H, V) + bias, (N, V) @ (V, H), and (H, N) @ (N, V), by the routine that training
    uses, from weights that lie by columns; 2*N*H*V operations each.
    """
    kind = torch.bfloat16 if precision is Precision.BF16 else torch.float32
    hidden = torch.randn(rows, hidden_size, device=device, dtype=kind)
    weight_t = torch.randn(hidden_size, vocabulary, device=device, dtype=kind)
    bias = torch.zeros(vocabulary, device=device, dtype=kind)
    gradient = torch.randn(rows, vocabulary, device=device, dtype=kind)

    def products() -> None:
        linear(hidden, weight_t.t(), bias)
        linear(gradient, weight_t, None)
        linear(hidden.t(), gradient.t(), None)

    with torch.no_grad(), products_in(precision, device):
        return 6 * rows * hidden_size * vocabulary / _seconds(products, device)


@dataclass(frozen=True)
class Floor:
    """Of a step at one batch size."""

    batch_size: int
    tokens: float
    """Real source and target tokens of a batch, on average."""
    product_rate_flops: float
    seconds: float


def floors(
    config: TrainConfig, corpus: Corpus, device: torch.device, batch_sizes: Sequence[int]
) -> tuple[float, list[Floor]]:
    """The copy rate in bytes/s, and the floor at each batch size; both are measured now."""
    copying = copy_rate_bytes(device)
    source, target = mean_tokens(corpus)
    products: dict[int, float] = {}
    found = []
    for size in batch_sizes:
        rows = chunk_rows(max(1, round(size * target)))
        if rows not in products:
            products[rows] = product_rate_flops(
                config.hidden_size, corpus.target.vocabulary, rows, config.precision, device
            )
        seconds = floor_of(config, corpus, size * source, size * target, products[rows], copying)
        found.append(Floor(size, size * (source + target), products[rows], seconds))
    return copying, found


def floor_of(
    config: TrainConfig,
    corpus: Corpus,
    source_tokens: float,
    target_tokens: float,
    product_rate: float,
    copy_rate: float,
) -> float:
    """Seconds of a step of this configuration on that many real tokens."""
    return roofline_seconds(
        hidden_size=config.hidden_size,
        layers=config.layers,
        vocabulary=corpus.target.vocabulary,
        source_tokens=source_tokens,
        target_tokens=target_tokens,
        product_rate_flops=product_rate,
        copy_rate_bytes=copy_rate,
        optimizer_passes=OPTIMIZER_PASSES[config.optimizer],
    )


def mean_tokens(corpus: Corpus) -> tuple[float, float]:
    """Tokens of a source and of a target sentence of the training part, EOS included."""
    training = slice(corpus.training.start, corpus.training.stop)
    source, target = (
        float(np.mean(side.lengths()[training])) for side in (corpus.source, corpus.target)
    )
    return source, target


def synchronize(device: torch.device) -> None:
    """Waits until the device has done what it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _seconds(work: Callable[[], Tensor | None], device: torch.device) -> float:
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
