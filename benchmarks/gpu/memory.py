"""The memory section: is a batch size that the memory model was not fitted on predicted?"""

import gc
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.gpu.setup import Setup
from s2s.analysis.sweep.memory import MemoryPoint, cross_validate_memory, fit_memory
from s2s.bench.bench import list_engines
from s2s.config import Engine
from s2s.data.corpus import Corpus
from s2s.machine.peak_memory import PeakMemory, load_kernels
from s2s.training.device import is_out_of_memory
from s2s.training.trainer import Trainer
from s2s.translation.task import TranslationTask

_STEPS = 20


def check_memory_model(setup: Setup) -> Iterator[dict[str, Any]]:
    """Yield the measured peak per batch size, then a prediction per size left out of the fit.

    On CUDA the peak is torch.cuda.max_memory_allocated, less what was allocated before the model.
    """
    corpus = setup.corpus()
    load_kernels(setup.torch_device)
    for engine in list_engines(setup.torch_device):
        if engine is Engine.ARTICLE:
            continue
        points = []
        for size in setup.batch_sizes:
            point = _measure(setup, corpus, engine, size)
            if point is None:
                yield {"engine": engine.value, "note": f"Out of memory at batch size {size:,}."}
                break
            if point.peak_bytes > 0:
                points.append(point)
            yield {
                "engine": engine.value,
                "batch_size": size,
                "padded_tokens": point.padded_tokens,
                "peak_bytes": point.peak_bytes or None,
            }
        fit = fit_memory(points)
        for check in [*cross_validate_memory(points), *filter(None, [fit.check])]:
            yield {
                "engine": engine.value,
                "left_out_batch_size": check.batch_size,
                "predicted_bytes": check.predicted,
                "measured_bytes": check.measured,
                "relative_error": check.relative_error,
            }
        for caveat in fit.caveats:
            yield {"engine": engine.value, "note": f"Fit: {caveat}."}


def _measure(setup: Setup, corpus: Corpus, engine: Engine, size: int) -> MemoryPoint | None:
    """Return the peak of a fresh model's first steps, 0 if unknown; None: out of memory."""
    gc.collect()
    if setup.torch_device.type == "cuda":
        torch.cuda.empty_cache()
    memory, padded_tokens = PeakMemory(setup.torch_device), 0
    try:
        with memory.watch():
            config = setup.config(engine=engine, batch_size=size)
            trainer = Trainer(TranslationTask(config, corpus, setup.torch_device))
            for _ in range(_STEPS):
                padded_tokens = max(padded_tokens, trainer.step().padded_tokens)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None
    return MemoryPoint(size, padded_tokens, memory.peak_bytes or 0)
