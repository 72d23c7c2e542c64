"""The speed section: samples per second of the engines, and their share of the roofline."""

import gc
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.gpu.setup import Setup
from s2s.bench.bench import Bench, combinations, engines_for
from s2s.bench.rates import copy_rate_bytes, product_rate_flops
from s2s.config import Precision
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.training.device import check_precision
from s2s.translation.roofline import TranslationRoofline
from s2s.translation.task import TranslationTask

_ROUNDS = 2
_MOST_ROWS = 4096
"""Of one product of the output layer. A GPU takes a few thousand rows at a time; more rows run at
the same rate and take more memory."""


def measure_speed(setup: Setup) -> Iterator[dict[str, Any]]:
    """Yield a row per engine, precision and batch size, smallest batches first.

    The combinations of one batch size take turns; their models are released before the next size.
    """
    corpus, device = setup.corpus(), setup.torch_device
    engines = [engine.value for engine in engines_for(device)]
    copying = copy_rate_bytes(device)
    yield {"copy_rate_bytes": copying}
    for size in setup.batch_sizes:
        # The article engine computes in fp32 alone; that is no news.
        configs, _ = combinations(
            setup.config(), engines, [size], [each.value for each in Precision]
        )
        bench = Bench(
            configs,
            lambda config, device: TranslationTask(config, corpus, device),
            device,
            rounds=_ROUNDS,
            seconds=setup.seconds,
            with_floor=False,
        )
        try:
            for _ in bench.run():
                pass
        except UserError as error:
            yield {"batch_size": size, "note": str(error)}
            continue
        roofline = _roofline_seconds(setup, corpus, size, copying)
        for row in bench.rows():
            seconds = roofline[row.precision]
            yield {
                "engine": row.engine,
                "precision": row.precision,
                "batch_size": size,
                "samples_per_second": row.samples_per_second,
                "samples_per_second_iqr": row.samples_per_second_iqr,
                "step_seconds": row.step_seconds,
                "peak_memory_bytes": row.peak_memory_bytes,
                "roofline_seconds": seconds,
                "roofline_share": row.samples_per_second
                and seconds * row.samples_per_second / size,
            }
        for note in bench.notes:
            yield {"batch_size": size, "note": note}
        del bench
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _roofline_seconds(setup: Setup, corpus: Corpus, size: int, copying: float) -> dict[str, float]:
    """Return the lower bound of a step by precision, from rates measured now."""
    found = {}
    for precision in Precision:
        try:
            check_precision(precision, setup.torch_device)
        except UserError:
            continue
        config = setup.config(precision=precision)
        roofline = TranslationRoofline(config, corpus, setup.torch_device)
        source, target = roofline.mean_tokens
        rows = min(max(1, round(size * target)), _MOST_ROWS)
        rate = product_rate_flops(roofline, rows, setup.torch_device)
        found[precision.value] = roofline.step_seconds(size * source, size * target, rate, copying)
    return found
