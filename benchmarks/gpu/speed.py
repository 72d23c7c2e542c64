"""The speed section: samples per second of the engines, and their share of the roofline."""

import dataclasses
import gc
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.gpu.setup import Setup
from s2s.bench.bench import combine
from s2s.bench.rounds import Rounds
from s2s.config import Precision
from s2s.errors import UserError
from s2s.translation.task import TranslationTask

_ROUNDS = 2


def measure_speed(setup: Setup) -> Iterator[dict[str, Any]]:
    """Yield a row per engine, precision and batch size, smallest batches first.

    The combinations of one batch size take turns; their models are released before the next size.
    """
    corpus, device = setup.corpus(), setup.torch_device
    for size in setup.batch_sizes:
        # The notes say that the article engine computes in fp32 only, which is known.
        configs, _ = combine(setup.config(), None, [size], [each.value for each in Precision])
        rounds = Rounds(
            configs,
            lambda config, device: TranslationTask(config, corpus, device),
            device,
            rounds=_ROUNDS,
            seconds=setup.seconds,
        )
        try:
            for _ in rounds.run():
                pass
        except UserError as error:
            yield {"batch_size": size, "note": str(error)}
            continue
        for row in rounds.build_rows():
            yield dataclasses.asdict(row)
        yield {"batch_size": size, "copy_rate_bytes": rounds.copy_rate}
        for note in rounds.notes:
            yield {"batch_size": size, "note": note}
        del rounds
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
