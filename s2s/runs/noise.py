"""The gradient noise scale of a run's last checkpoint, on the corpus that it was trained on."""

from collections.abc import Callable

import torch

from s2s.analysis.noise_scale import NoiseScale, RunNoise, noise_scale
from s2s.config import OptimizerName, UserError
from s2s.home import run_folder
from s2s.runs.evaluate import corpus_of
from s2s.runs.measure import held
from s2s.training.checkpoint import Checkpoint, load_checkpoint, load_optimizer
from s2s.training.device import resolve_device
from s2s.training.gradient_noise import (
    LEAST_SENTENCES,
    SENTENCES,
    GradientNorms,
    Norms,
    measure_gradients,
)
from s2s.training.optimizers import build_optimizer

_MOST_SENTENCES = 100_000_000


def noise_of_run(
    run_id: int, sentences: int = SENTENCES, progress: Callable[[float], object] = id
) -> RunNoise:
    """Measures it now, which takes seconds to a minute; calls `progress` with the share done.

    The preconditioned form takes a run that kept its optimizer's state. Raises UserError where
    there is no checkpoint, its corpus has changed, or the device is busy.
    """
    if not LEAST_SENTENCES <= sentences <= _MOST_SENTENCES:
        raise UserError(
            f"Gradient noise is measured on {LEAST_SENTENCES:,} to {_MOST_SENTENCES:,} sentences; "
            f"got {sentences:,}."
        )
    checkpoint = load_checkpoint(run_folder(run_id), with_state=True)
    config, corpus = checkpoint.config, corpus_of(run_id, checkpoint)
    if config.threads:
        torch.set_num_threads(config.threads)
    device = _device(checkpoint)
    with held(device):
        model = checkpoint.model().to(device)
        optimizer = build_optimizer(config, model)
        load_optimizer(optimizer, checkpoint.state)
        norms = measure_gradients(model, corpus, optimizer, sentences=sentences, progress=progress)
    return RunNoise(
        run_id,
        checkpoint.iteration,
        norms.raw.small.size * norms.small_batch,
        norms.small_batch,
        norms.big_batch,
        _scale(norms, norms.raw),
        _scale(norms, norms.preconditioned) if norms.preconditioned else None,
        config.optimizer.value,
        "" if norms.preconditioned else _why_not(config.optimizer),
    )


def _device(checkpoint: Checkpoint) -> torch.device:
    """A lazy optimizer's state can be read on a CPU only."""
    lazy = any(name.endswith(".missed") for name in checkpoint.state)
    return torch.device("cpu") if lazy else resolve_device("auto")


def _scale(norms: GradientNorms, kind: Norms) -> NoiseScale:
    return noise_scale(kind.small, kind.big, norms.small_batch, norms.big_batch)


def _why_not(optimizer: OptimizerName) -> str:
    if optimizer is OptimizerName.SGD:
        return "sgd has no square average of gradients"
    return "the run did not keep its optimizer's state; train with --keep-optimizer"
