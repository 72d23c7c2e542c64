"""The noise scale of a run, from its checkpoint: that of the training itself, had it been asked."""

from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch

from s2s.analysis.advice.gradient_noise import NoiseScale, noise_scale
from s2s.config import Engine
from s2s.data import catalog
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.locks import lease
from s2s.paths import corpora_folder, run_folder
from s2s.runs.execute import execute
from s2s.runs.gradient_noise import noise_of_run
from s2s.store import Store
from s2s.training.checkpoint import FILE_NAME
from s2s.training.device import resolve_device
from s2s.training.gradient_noise import measure_gradients
from s2s.training.trainer import Trainer
from tests.tiny import tiny_config, tiny_corpus, tiny_task


def trained(store: Store, **changes: Any) -> int:
    run_id = store.create_run(tiny_config(iterations=5, **changes))
    execute(store, run_id, Event())
    return run_id


def figures(scale: NoiseScale) -> list[float]:
    """The upper ends, which are nowhere near 0, so that rounding is small beside them."""
    return [scale.squared_gradient.high, scale.covariance_trace.high]


@pytest.mark.parametrize("changes", [{}, {"engine": Engine.ARTICLE}])
def test_it_is_that_of_the_training_itself(
    store: Store, tiny: Corpus, changes: dict[str, Any]
) -> None:
    run_id = trained(store, **changes)
    file = run_folder(run_id) / FILE_NAME
    content, random = file.read_bytes(), torch.get_rng_state()
    shares: list[float] = []
    found = noise_of_run(run_id, 1000, shares.append)
    assert torch.equal(torch.get_rng_state(), random)
    assert file.read_bytes() == content
    assert (len(shares), shares[-1]) == (30, 1.0)
    assert (found.run_id, found.iteration, found.sentences) == (run_id, 5, 960)
    assert (found.small_batch, found.big_batch) == (32, 96)

    trainer = Trainer(tiny_task(tiny, **changes))
    for _ in range(5):
        trainer.step()
    norms = measure_gradients(trainer.task, shares.append, samples=1000)
    # The output layer's weights are laid out differently in memory, so its products round
    # differently.
    np.testing.assert_allclose(
        figures(found.scale), figures(noise_scale(norms.small, norms.big, 32, 96)), rtol=1e-4
    )


@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_measured_says_why(store: Store, tmp_path: Path) -> None:
    run_id = trained(store)
    for sentences in (639, 10**9):
        with pytest.raises(UserError, match=r"measured on 640 to 100,000,000 sentences; got"):
            noise_of_run(run_id, sentences)
    with (
        lease(str(resolve_device("auto")), lambda: False),
        pytest.raises(UserError, match="Something else trains or measures on"),
    ):
        noise_of_run(run_id, 640)
    catalog.remove(corpora_folder(), "tiny")
    tiny_corpus(tmp_path, min_count=2)
    with pytest.raises(UserError, match="has changed since run 1 was trained"):
        noise_of_run(run_id, 640)
    with pytest.raises(UserError, match="Run 9 has no checkpoint"):
        noise_of_run(9, 640)
