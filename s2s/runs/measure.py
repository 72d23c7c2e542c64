"""Measure translation quality and gradient noise scale from a run's last checkpoint."""

import dataclasses
from collections.abc import Callable

import torch

from s2s.analysis.advice.gradient_noise import RunNoise, estimate_noise_scale
from s2s.config import Precision
from s2s.errors import UserError
from s2s.locks import lease_without_waiting
from s2s.paths import run_folder
from s2s.task import Quality, open_task, task_class
from s2s.training.checkpoint import load_checkpoint
from s2s.training.device import resolve_device
from s2s.training.gradient_noise import MIN_SAMPLES, SAMPLES, measure_gradients

_MAX_QUALITY_SAMPLES = 2000
_MAX_NOISE_SAMPLES = 100_000_000

Progress = Callable[[float], object]
"""Called with the fraction done, several times per second. It may raise an exception to stop."""


def measure_quality(run_id: int, progress: Progress) -> Quality:
    """Measure quality on the test split; raise UserError if a file is missing or has changed."""
    return task_class().measure_quality(run_folder(run_id), _MAX_QUALITY_SAMPLES, progress)


def measure_gradient_noise(run_id: int, progress: Progress, samples: int = SAMPLES) -> RunNoise:
    """Measure the gradient noise scale at the run's checkpoint. This takes up to a minute.

    Raises:
        UserError: `samples` is out of range, there is no checkpoint, its corpus has changed, or the
            device is in use.
    """
    if not MIN_SAMPLES <= samples <= _MAX_NOISE_SAMPLES:
        raise UserError(
            f"Gradient noise needs {MIN_SAMPLES:,} to {_MAX_NOISE_SAMPLES:,} sentences; "
            f"got {samples:,}."
        )
    checkpoint = load_checkpoint(run_folder(run_id))
    config = dataclasses.replace(checkpoint.config, precision=Precision.FP32)
    if config.threads:
        torch.set_num_threads(config.threads)
    device = resolve_device("auto")
    with lease_without_waiting(str(device)):
        task = open_task(config, device, (checkpoint.task, checkpoint.weights))
        norms = measure_gradients(task, progress, samples=samples)
    return RunNoise(
        run_id,
        checkpoint.iteration,
        norms.small_squared_norms.size * norms.small_batch,
        norms.small_batch,
        norms.big_batch,
        estimate_noise_scale(
            norms.small_squared_norms, norms.big_squared_norms, norms.small_batch, norms.big_batch
        ),
    )
