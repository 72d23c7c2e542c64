"""Gradient norms worked out by hand, and that measuring them leaves no trace in a training."""

import copy
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_config
from torch import Tensor, nn

from s2s.config import Precision
from s2s.data.batches import Batches
from s2s.data.corpus import Corpus
from s2s.training.engines import FusedEngine
from s2s.training.gradient_noise import (
    BIG_BATCHES,
    MICRO_BATCH,
    denominator,
    gradient_norms,
    measure_gradients,
    sentence_gradients,
)
from s2s.training.lazy import LazyRMSprop
from s2s.training.loop import Trainer

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


def stepped(model: nn.Linear, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """After a step on the gradient (4, 2)."""
    model(torch.tensor([4.0, 2.0], dtype=torch.float64)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


def test_two_big_batches_of_two_by_hand() -> None:
    model = linear()
    raw, preconditioned = gradient_norms(gradients_of(model), [model.weight], None, (2, 2))
    assert raw.small.tolist() == [[9.0, 1.0], [4.0, 8.0]]
    assert raw.big.tolist() == [4.0, 5.0]
    assert preconditioned is None


@pytest.mark.parametrize(
    ("kind", "divisor"),
    [(torch.optim.RMSprop, (0.4, 0.2)), (torch.optim.Adam, (4.0, 2.0))],  # 0.01 * 16 and 0.01 * 4
)
def test_preconditioned_by_hand(kind: Any, divisor: tuple[float, float]) -> None:
    model = linear()
    optimizer = stepped(model, kind(model.parameters(), lr=1e-3))
    raw, scaled = gradient_norms(
        gradients_of(model), [model.weight], denominator(optimizer), (2, 2)
    )
    assert raw.big.tolist() == [4.0, 5.0]
    assert scaled is not None
    inputs = np.array(SAMPLES).reshape(2, 2, 2) / divisor
    np.testing.assert_allclose(scaled.small, (inputs**2).sum(2), rtol=1e-6)
    np.testing.assert_allclose(scaled.big, (inputs.mean(1) ** 2).sum(1), rtol=1e-6)


def test_no_square_average_no_preconditioned_norms() -> None:
    model = linear()
    assert denominator(stepped(model, torch.optim.SGD(model.parameters(), momentum=0.9))) is None
    assert denominator(torch.optim.RMSprop(model.parameters())) is None


def test_sparse_gradients_of_rows() -> None:
    """A word that stands twice has one gradient; the row that it divides by is its own."""
    embedding = nn.Embedding(3, 1)
    optimizer = LazyRMSprop(embedding.parameters(), [embedding], lr=0.1, momentum=0.0)
    (embedding(torch.tensor([1, 2])).flatten() * torch.tensor([10.0, 20.0])).sum().backward()
    optimizer.step()

    def gradients() -> Sequence[Tensor]:
        return torch.autograd.grad(embedding(torch.tensor([1, 1, 2])).sum(), [embedding.weight])

    raw, scaled = gradient_norms(gradients, [embedding.weight], denominator(optimizer), (1, 2))
    assert scaled is not None
    assert raw.small.tolist() == [[5.0, 5.0]]
    assert raw.big.tolist() == [5.0]
    assert scaled.small[0] == pytest.approx([(2 / 1) ** 2 + (1 / 2) ** 2] * 2)
    assert scaled.big == pytest.approx([4.25])


def test_one_set_of_gradients_at_a_time() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def gradients() -> Sequence[Tensor]:
        assert [each() for each in alive] == [None] * len(alive)
        made = [torch.ones(3), torch.ones(2)]
        alive.extend(map(weakref.ref, made))
        return made

    shares: list[float] = []
    gradient_norms(gradients, [torch.zeros(3), torch.zeros(2)], None, (2, 3), shares.append)
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


KINDS = [
    {"optimizer": "rmsprop"},
    {"optimizer": "rmsprop", "momentum": 0.0},
    {"optimizer": "adam"},
    {"optimizer": "sgd"},
    {"engine": "article"},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_a_training_goes_on_as_if_nobody_had_looked(
    make_trainer: MakeTrainer, tiny: Corpus, kind: dict[str, Any]
) -> None:
    watched, other = make_trainer(**kind), make_trainer(**kind)
    torch.manual_seed(3)
    for _ in range(4):
        watched.step()
    random, modes = torch.get_rng_state(), [each.training for each in watched.model.modules()]
    found = measure_gradients(watched.model, tiny, watched.optimizer, sentences=640)
    assert torch.equal(torch.get_rng_state(), random)
    assert [each.training for each in watched.model.modules()] == modes
    assert all(parameter.grad is None for parameter in watched.model.parameters())
    assert (found.preconditioned is None) == (kind.get("optimizer") == "sgd")
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
    assert found.raw.small.shape == (BIG_BATCHES, 3)
    assert found.preconditioned is None
    assert found.raw.small.tolist() == again.raw.small.tolist()
    assert len({*found.raw.small.flatten(), *other.raw.small.flatten()}) == 60
    assert (found.raw.big < found.raw.small.mean(1)).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_a_gpu_measures_the_same(tiny: Corpus, optimizer: str) -> None:
    """cuDNN gives gradients of its GRU in training mode alone."""
    trainer = Trainer(
        tiny_config(optimizer=optimizer, device="cuda:0"), tiny, torch.device("cuda:0")
    )
    for _ in range(4):
        trainer.step()
    there = measure_gradients(trainer.model, tiny, trainer.optimizer, sentences=640)
    here = measure_gradients(copy.deepcopy(trainer.model).cpu(), tiny, sentences=640)
    np.testing.assert_allclose(there.raw.small, here.raw.small, rtol=1e-3)
    np.testing.assert_allclose(there.raw.big, here.raw.big, rtol=1e-3)
    assert there.preconditioned is not None
    assert np.isfinite(there.preconditioned.small).all()


def rows_left_behind(trainer: Trainer) -> Iterator[int]:
    assert isinstance(trainer.optimizer, LazyRMSprop)
    for seen in trainer.optimizer._seen.values():
        yield int((seen < trainer.optimizer._steps).sum())


def test_rows_left_behind_are_read_as_if_caught_up(make_trainer: MakeTrainer, tiny: Corpus) -> None:
    """As the same gradients are, once the rows have been brought up to date."""
    trainer = make_trainer(batch_size=1, dropout=0.0)
    for _ in range(6):
        trainer.step()
    assert all(rows_left_behind(trainer))
    lazy = measure_gradients(trainer.model, tiny, trainer.optimizer, sentences=640)
    caught_up = copy.deepcopy(trainer.model.state_dict())
    for embedding in (trainer.model.encoder.embedding, trainer.model.decoder.embedding):
        embedding.train()(torch.arange(embedding.num_embeddings))
    assert not any(rows_left_behind(trainer))
    torch.testing.assert_close(trainer.model.state_dict(), caught_up)
    after = measure_gradients(trainer.model, tiny, trainer.optimizer, sentences=640)
    assert lazy.preconditioned is not None
    assert after.preconditioned is not None
    np.testing.assert_allclose(lazy.raw.small, after.raw.small, rtol=1e-4)
    np.testing.assert_allclose(lazy.preconditioned.big, after.preconditioned.big, rtol=1e-3)
