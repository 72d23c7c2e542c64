"""Gradient noise measured at a checkpoint equals that of the training itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from s2s.analysis.advice.gradient_noise import NoiseScale, estimate_noise_scale
from s2s.config import Engine
from s2s.data import catalog
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.locks import lease
from s2s.paths import corpora_folder
from s2s.records import Run
from s2s.runs.files import checkpoint_path
from s2s.runs.measure import measure_gradient_noise
from s2s.store import Store
from s2s.training.device import resolve_device
from s2s.training.gradient_noise import measure_gradients
from s2s.training.trainer import Trainer
from tests.runs.training import train
from tests.tiny import tiny_corpus, tiny_task


def upper_ends(scale: NoiseScale) -> list[float]:
    """Return values far from 0, so that rounding is small relative to them."""
    return [scale.squared_gradient.ends[1], scale.covariance_trace.ends[1]]


@pytest.mark.parametrize("changes", [{}, {"engine": Engine.ARTICLE}])
def test_noise_of_a_checkpoint(store: Store, tiny: Corpus, changes: dict[str, Any]) -> None:
    run = train(store, iterations=2, **changes)
    content, random = checkpoint_path(run.id).read_bytes(), torch.get_rng_state()
    shares: list[float] = []
    noise = measure_gradient_noise(run.id, shares.append, 1000)
    assert torch.equal(torch.get_rng_state(), random)
    assert checkpoint_path(run.id).read_bytes() == content
    assert (len(shares), shares[-1]) == (30, 1.0)
    assert (noise.run_id, noise.iteration, noise.sentences) == (run.id, 2, 960)
    assert (noise.small_batch, noise.big_batch) == (32, 96)

    trainer = Trainer(tiny_task(tiny, **changes))
    for _ in range(2):
        trainer.step()
    norms = measure_gradients(trainer.task, shares.append, samples=1000)
    expected = estimate_noise_scale(norms.small_squared_norms, norms.big_squared_norms, 32, 96)
    # The output layer's weights are laid out differently in memory, so its products round
    # differently.
    np.testing.assert_allclose(upper_ends(noise.scale), upper_ends(expected), rtol=1e-4)


def test_what_cannot_be_measured(trained_run: Run, tmp_path: Path) -> None:
    run_id = trained_run.id

    def assert_refused(run_id: int, samples: int = 640) -> None:
        with pytest.raises(UserError):
            measure_gradient_noise(run_id, lambda _: None, samples)

    for samples in (639, 10**9):
        assert_refused(run_id, samples)
    with lease(str(resolve_device("auto")), lambda: False):
        assert_refused(run_id)
    catalog.remove(corpora_folder(), "tiny")
    tiny_corpus(tmp_path, min_count=2)
    assert_refused(run_id)
    assert_refused(9)
