"""Gradient norms worked out by hand, and that measuring them leaves no trace in a training."""

import copy
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from s2s.config import Precision
from s2s.data.batches import Batches
from s2s.data.corpus import Corpus
from s2s.training.gradient_noise import (
    BIG_BATCHES,
    MICRO_BATCH,
    gradient_norms,
    measure_gradients,
    sentence_gradients,
)
from s2s.training.trainer import Trainer
from s2s.translation.engines import FusedEngine
from tests.tiny import tiny_config

MakeTrainer = Callable[..., Trainer]
CPU = torch.device("cpu")
SAMPLES = [[3.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0]]


def linear() -> nn.Linear:
    """Its output's gradient for the weights is its input."""
    return nn.Linear(2, 1, bias=False).double()


def gradients_of(model: nn.Linear) -> Callable[[], Sequence[Tensor]]:
    inputs = iter(torch.tensor(SAMPLES, dtype=torch.float64))

    def gradients() -> Sequence[Tensor]:
        return torch.autograd.grad(model(next(inputs)).sum(), [model.weight])

    return gradients


def test_two_big_batches_of_two_by_hand() -> None:
    model = linear()
    small, big = gradient_norms(gradients_of(model), [model.weight], (2, 2))
    assert small.tolist() == [[9.0, 1.0], [4.0, 8.0]]
    assert big.tolist() == [4.0, 5.0]


def test_sparse_gradients_of_rows() -> None:
    """A word that occurs twice has one gradient."""
    embedding = nn.Embedding(3, 1, sparse=True)

    def gradients() -> Sequence[Tensor]:
        return torch.autograd.grad(embedding(torch.tensor([1, 1, 2])).sum(), [embedding.weight])

    small, big = gradient_norms(gradients, [embedding.weight], (1, 2))
    assert small.tolist() == [[5.0, 5.0]]
    assert big.tolist() == [5.0]


def test_one_set_of_gradients_at_a_time() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def gradients() -> Sequence[Tensor]:
        assert [each() for each in alive] == [None] * len(alive)
        made = [torch.ones(3), torch.ones(2)]
        alive.extend(map(weakref.ref, made))
        return made

    shares: list[float] = []
    gradient_norms(gradients, [torch.zeros(3), torch.zeros(2)], (2, 3), shares.append)
    assert len(alive) == 12
    assert shares == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])


def test_gradients_are_those_of_a_training_step(make_trainer: MakeTrainer, tiny: Corpus) -> None:
    model = make_trainer(dropout=0.0).model.double()
    engine = FusedEngine(model, Batches(tiny, CPU), Precision.FP32)
    batch = engine.batch(np.array([3, 1, 4, 1, 5]))
    forward = engine.forward(batch, forced=True)
    torch.autograd.backward(forward.outputs, forward.gradient)
    found = sentence_gradients(model, batch)
    for parameter, gradient in zip(model.parameters(), found, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(gradient.to_dense(), parameter.grad.to_dense())


def test_a_batchs_gradient_is_the_mean_of_its_sentences(
    make_trainer: MakeTrainer, tiny: Corpus
) -> None:
    """What the law asks for; of a loss per token it is not true."""
    model, batches = make_trainer(dropout=0.0).model.double(), Batches(tiny, CPU)
    lengths = batches.lengths(np.arange(60))[1]
    pairs = np.argsort(lengths)[[0, 1, 2, -1]]
    assert lengths[pairs[0]] < lengths[pairs[-1]]
    together = sentence_gradients(model, batches.packed(pairs))
    alone = [sentence_gradients(model, batches.packed(pair)) for pair in pairs.reshape(4, 1)]
    for whole, *parts in zip(together, *alone, strict=True):
        mean = torch.stack([part.to_dense() for part in parts]).mean(0)
        torch.testing.assert_close(whole.to_dense(), mean)


@pytest.mark.parametrize("kind", [{}, {"optimizer": "adam"}, {"engine": "article"}])
def test_a_training_goes_on_as_if_nobody_had_looked(
    make_trainer: MakeTrainer, tiny: Corpus, kind: dict[str, Any]
) -> None:
    watched, other = make_trainer(**kind), make_trainer(**kind)
    torch.manual_seed(3)
    for _ in range(4):
        watched.step()
    random, modes = torch.get_rng_state(), [each.training for each in watched.model.modules()]
    measure_gradients(watched.model, tiny, sentences=640)
    assert torch.equal(torch.get_rng_state(), random)
    assert [each.training for each in watched.model.modules()] == modes
    assert all(parameter.grad is None for parameter in watched.model.parameters())
    for _ in range(4):
        watched.step()
    torch.manual_seed(3)
    for _ in range(8):
        other.step()
    one, two = watched.checkpoint(), other.checkpoint()
    for ours, theirs in ((one.weights, two.weights), (one.state, two.state)):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_is_measured(make_trainer: MakeTrainer, tiny: Corpus) -> None:
    """Without dropout, on sentences drawn anew each time, the same for the same seed."""
    trainer = make_trainer(dropout=0.5)
    trainer.step()
    found, again, other = (
        measure_gradients(trainer.model, tiny, sentences=1000, seed=seed) for seed in (0, 0, 1)
    )
    assert (found.small_batch, found.big_batch) == (MICRO_BATCH, 3 * MICRO_BATCH)
    assert found.small.shape == (BIG_BATCHES, 3)
    assert found.small.tolist() == again.small.tolist()
    assert len({*found.small.flatten(), *other.small.flatten()}) == 60
    assert (found.big < found.small.mean(1)).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_measures_the_same(tiny: Corpus) -> None:
    """cuDNN gives gradients of its GRU in training mode alone."""
    trainer = Trainer(tiny_config(device="cuda:0"), tiny, torch.device("cuda:0"))
    for _ in range(4):
        trainer.step()
    there = measure_gradients(trainer.model, tiny, sentences=640)
    here = measure_gradients(copy.deepcopy(trainer.model).cpu(), tiny, sentences=640)
    np.testing.assert_allclose(there.small, here.small, rtol=1e-3)
    np.testing.assert_allclose(there.big, here.big, rtol=1e-3)
