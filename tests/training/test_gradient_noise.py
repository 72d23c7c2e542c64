"""Gradient norms worked out by hand; measuring them does not change a training run."""

import copy
import weakref
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from s2s.config import Precision
from s2s.data.corpus import Corpus
from s2s.training.gradient_noise import (
    BIG_BATCHES,
    MICRO_BATCH,
    gradient_norms,
    measure_gradients,
)
from s2s.training.trainer import Trainer
from s2s.translation.engines import FusedEngine
from s2s.translation.task import TranslationTask
from tests.tiny import tiny_config, tiny_task

MakeTrainer = Callable[..., Trainer]


def test_two_big_batches_of_two_by_hand() -> None:
    """A linear model's gradient is its input; one set of gradients is held at a time."""
    inputs = iter([[3.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0]])
    alive: list[weakref.ref[Tensor]] = []
    progress: list[float] = []

    def gradients() -> Sequence[Tensor]:
        assert [each() for each in alive] == [None] * len(alive)
        made = [torch.tensor(next(inputs))]
        alive.extend(map(weakref.ref, made))
        return made

    small, big = gradient_norms(gradients, [torch.zeros(2)], (2, 2), progress.append)
    assert small.tolist() == [[9.0, 1.0], [4.0, 8.0]]
    assert big.tolist() == [4.0, 5.0]
    assert progress == [0.25, 0.5, 0.75, 1.0]


def test_sparse_gradients_of_rows() -> None:
    """A word that occurs twice has one gradient."""
    embedding = nn.Embedding(3, 1, sparse=True)

    def gradients() -> Sequence[Tensor]:
        return torch.autograd.grad(embedding(torch.tensor([1, 1, 2])).sum(), [embedding.weight])

    small, big = gradient_norms(gradients, [embedding.weight], (1, 2), [].append)
    assert (small.tolist(), big.tolist()) == ([[5.0, 5.0]], [5.0])


def test_gradients_are_those_of_a_training_step_and_the_mean_over_its_sentences(
    tiny: Corpus,
) -> None:
    """The noise scale needs the mean over samples; a loss per token would not give it."""
    task = tiny_task(tiny, dropout=0.0)
    engine = FusedEngine(task.model.double(), task.batches, Precision.FP32)
    lengths = task.batches.lengths(np.arange(len(tiny.training)))[1]
    pairs = np.argsort(lengths)[[0, 1, 2, -1]]
    assert lengths[pairs[0]] < lengths[pairs[-1]]
    forward = engine.forward(engine.batch(pairs), forced=True)
    torch.autograd.backward(forward.outputs, forward.gradient)
    together = task.sample_gradients(pairs)
    single = [task.sample_gradients(pair) for pair in pairs.reshape(4, 1)]
    for parameter, whole, *parts in zip(task.model.parameters(), together, *single, strict=True):
        torch.testing.assert_close(whole, parameter.grad)
        torch.testing.assert_close(whole, torch.stack(parts).mean(0))


@pytest.mark.parametrize("kind", [{}, {"optimizer": "adam"}, {"engine": "article"}])
def test_training_goes_on_as_if_nothing_was_measured(
    make_trainer: MakeTrainer, kind: dict[str, str]
) -> None:
    measured, other = make_trainer(**kind), make_trainer(**kind)
    torch.manual_seed(3)
    for _ in range(4):
        measured.step()
    model, random = measured.task.model, torch.get_rng_state()
    modes = [each.training for each in model.modules()]
    measure_gradients(measured.task, [].append, samples=640)
    assert torch.equal(torch.get_rng_state(), random)
    assert [each.training for each in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    for _ in range(4):
        measured.step()
    torch.manual_seed(3)
    for _ in range(8):
        other.step()
    one, two = measured.checkpoint(), other.checkpoint()
    torch.testing.assert_close(one.weights | one.state, two.weights | two.state, rtol=0, atol=0)


def test_samples_are_drawn_from_the_seed_and_without_dropout(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(dropout=0.5)
    trainer.step()
    norms, again, other = (
        measure_gradients(trainer.task, [].append, samples=1000, seed=seed) for seed in (0, 0, 1)
    )
    assert (norms.small_batch, norms.big_batch) == (MICRO_BATCH, 3 * MICRO_BATCH)
    assert norms.small.shape == (BIG_BATCHES, 3)
    assert norms.small.tolist() == again.small.tolist()
    assert len({*norms.small.flatten(), *other.small.flatten()}) == 60
    assert (norms.big < norms.small.mean(1)).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_measures_the_same(tiny: Corpus) -> None:
    """cuDNN gives gradients of its GRU in training mode alone."""
    task = tiny_task(tiny, device="cuda:0")
    trainer = Trainer(task)
    for _ in range(4):
        trainer.step()
    weights = copy.deepcopy({name: each.cpu() for name, each in task.model.state_dict().items()})
    on_cpu = TranslationTask(tiny_config(), tiny, torch.device("cpu"), weights)
    there, here = (measure_gradients(each, [].append, samples=640) for each in (task, on_cpu))
    np.testing.assert_allclose(there.small, here.small, rtol=1e-3)
    np.testing.assert_allclose(there.big, here.big, rtol=1e-3)
