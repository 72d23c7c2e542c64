"""Measure the gradient noise scale of a run's last checkpoint, on the corpus it was trained on."""

import dataclasses
from collections.abc import Callable

import torch

from s2s.analysis.advice.gradient_noise import RunNoise, noise_scale
from s2s.bench.measurement import held
from s2s.config import Precision
from s2s.errors import UserError
from s2s.paths import run_folder
from s2s.task import open_task
from s2s.training.checkpoint import load_checkpoint
from s2s.training.device import resolve_device
from s2s.training.gradient_noise import LEAST_SAMPLES, SAMPLES, measure_gradients

_MOST_SENTENCES = 100_000_000


def noise_of_run(
    run_id: int, sentences: int = SAMPLES, progress: Callable[[float], object] = id
) -> RunNoise:
    """Measure it now, which takes seconds to a minute.

    Args:
        progress: Called with the fraction that is done.

    Raises:
        UserError: There is no checkpoint, its corpus has changed, or the device is busy.
    """
    if not LEAST_SAMPLES <= sentences <= _MOST_SENTENCES:
        raise UserError(
            f"Gradient noise is measured on {LEAST_SAMPLES:,} to {_MOST_SENTENCES:,} sentences; "
            f"got {sentences:,}."
        )
    checkpoint = load_checkpoint(run_folder(run_id))
    config = dataclasses.replace(checkpoint.config, precision=Precision.FP32)
    if config.threads:
        torch.set_num_threads(config.threads)
    device = resolve_device("auto")
    with held(device):
        task = open_task(config, device, (checkpoint.task, checkpoint.weights))
        norms = measure_gradients(task, progress, samples=sentences)
    return RunNoise(
        run_id,
        checkpoint.iteration,
        norms.small.size * norms.small_batch,
        norms.small_batch,
        norms.big_batch,
        noise_scale(norms.small, norms.big, norms.small_batch, norms.big_batch),
    )
