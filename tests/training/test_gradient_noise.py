"""Gradient norms worked out by hand; measuring them does not change a training run."""

import weakref
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from s2s.config import Precision
from s2s.data.corpus import Corpus
from s2s.training import gradient_noise
from s2s.training.gradient_noise import BIG_BATCHES, SMALL_BATCH, measure_gradients
from s2s.training.trainer import Trainer
from s2s.translation.engines import FusedEngine
from s2s.translation.task import TranslationTask
from tests.tiny import MakeTrainer, tiny_config, tiny_task


def test_two_big_batches_of_two_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """One set of gradients is in memory at a time, and a word's sparse gradients are summed."""
    monkeypatch.setattr(gradient_noise, "BIG_BATCHES", 2)
    rows = iter([[0, 0, 0], [0], [1, 1], [1, 1, 2, 2]])
    model = nn.Embedding.from_pretrained(torch.ones(3, 1), freeze=False, sparse=True)
    alive, progress = list[weakref.ref](), list[float]()

    def gradients(_: object) -> Sequence[Tensor]:
        assert not any(each() is not None for each in alive)
        loss = model(torch.tensor(next(rows))).square().sum() / 2
        made = torch.autograd.grad(loss, [model.weight])
        alive.extend(map(weakref.ref, made))
        return made

    task = SimpleNamespace(
        model=model, device=torch.device("cpu"), lengths=np.ones(9), sample_gradients=gradients
    )
    norms = measure_gradients(task, progress.append, samples=4 * SMALL_BATCH)
    assert norms.small_squared_norms.tolist() == [[9.0, 1.0], [4.0, 8.0]]
    assert norms.big_squared_norms.tolist() == [4.0, 5.0]
    assert progress == [0.25, 0.5, 0.75, 1.0]


def test_gradients_are_those_of_a_step_and_the_mean_over_its_sentences(
    tiny: Corpus,
) -> None:
    """The noise scale needs the mean over samples; a loss per token would not give it."""
    task = tiny_task(tiny, dropout=0.0)
    engine = FusedEngine(task.model.double(), task.batches, Precision.FP32)
    lengths = task.batches.get_lengths(np.arange(len(tiny.training)))[1]
    pairs = np.argsort(lengths)[[0, 1, 2, -1]]
    assert lengths[pairs[0]] < lengths[pairs[-1]]
    forward = engine.forward(engine.make_batch(pairs), forced=True)
    torch.autograd.backward(forward.outputs, forward.gradient)
    together = task.sample_gradients(pairs)
    single = [task.sample_gradients(pair) for pair in pairs.reshape(4, 1)]
    for parameter, whole, *parts in zip(task.model.parameters(), together, *single, strict=True):
        torch.testing.assert_close(whole, parameter.grad)
        torch.testing.assert_close(whole, torch.stack(parts).mean(0))


@pytest.mark.parametrize("kind", [{}, {"engine": "article"}])
def test_training_is_not_changed(make_trainer: MakeTrainer, kind: dict[str, str]) -> None:
    checkpoints = []
    for measured in (False, True):
        trainer = make_trainer(**kind)
        torch.manual_seed(3)
        for number in range(8):
            trainer.step()
            if measured and number == 3:
                measure_gradients(trainer.task, [].append, samples=640)
                assert all(parameter.grad is None for parameter in trainer.task.model.parameters())
        checkpoints.append(trainer.checkpoint())
    one, two = checkpoints
    torch.testing.assert_close(one.weights | one.state, two.weights | two.state, rtol=0, atol=0)


def test_samples_are_drawn_from_the_seed_and_without_dropout(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(dropout=0.5)
    trainer.step()
    norms, again, other = (
        measure_gradients(trainer.task, [].append, samples=1000, seed=seed) for seed in (0, 0, 1)
    )
    assert (norms.small_batch, norms.big_batch) == (SMALL_BATCH, 3 * SMALL_BATCH)
    assert norms.small_squared_norms.shape == (BIG_BATCHES, 3)
    assert norms.small_squared_norms.tolist() == again.small_squared_norms.tolist()
    assert len({*norms.small_squared_norms.flatten(), *other.small_squared_norms.flatten()}) == 60
    assert (norms.big_squared_norms < norms.small_squared_norms.mean(1)).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_measures_the_same(tiny: Corpus) -> None:
    """cuDNN gives gradients of its GRU in training mode alone."""
    trainer = Trainer(tiny_task(tiny, device="cuda:0"))
    for _ in range(4):
        trainer.step()
    weights = {name: each.cpu() for name, each in trainer.task.model.state_dict().items()}
    on_cpu = TranslationTask(tiny_config(), tiny, torch.device("cpu"), weights)
    gpu, cpu = (measure_gradients(each, [].append, samples=640) for each in (trainer.task, on_cpu))
    np.testing.assert_allclose(gpu.small, cpu.small, rtol=1e-3)
    np.testing.assert_allclose(gpu.big, cpu.big, rtol=1e-3)
