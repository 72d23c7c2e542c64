"""Measure the gradient noise scale of a run's last checkpoint, on the corpus it was trained on."""

from collections.abc import Callable

import torch

from s2s.analysis.advice.gradient_noise import RunNoise, noise_scale
from s2s.bench.measurement import held
from s2s.config import UserError
from s2s.paths import run_folder
from s2s.runs.quality import corpus_of
from s2s.training.checkpoint import load_checkpoint
from s2s.training.device import resolve_device
from s2s.training.gradient_noise import LEAST_SENTENCES, SENTENCES, measure_gradients

_MOST_SENTENCES = 100_000_000


def noise_of_run(
    run_id: int, sentences: int = SENTENCES, progress: Callable[[float], object] = id
) -> RunNoise:
    """Measure it now, which takes seconds to a minute.

    Args:
        progress: Called with the fraction that is done.

    Raises:
        UserError: There is no checkpoint, its corpus has changed, or the device is busy.
    """
    if not LEAST_SENTENCES <= sentences <= _MOST_SENTENCES:
        raise UserError(
            f"Gradient noise is measured on {LEAST_SENTENCES:,} to {_MOST_SENTENCES:,} sentences; "
            f"got {sentences:,}."
        )
    checkpoint = load_checkpoint(run_folder(run_id))
    config, corpus = checkpoint.config, corpus_of(run_id, checkpoint)
    if config.threads:
        torch.set_num_threads(config.threads)
    device = resolve_device("auto")
    with held(device):
        model = checkpoint.model().to(device)
        norms = measure_gradients(model, corpus, sentences=sentences, progress=progress)
    return RunNoise(
        run_id,
        checkpoint.iteration,
        norms.small.size * norms.small_batch,
        norms.small_batch,
        norms.big_batch,
        noise_scale(norms.small, norms.big, norms.small_batch, norms.big_batch),
    )
