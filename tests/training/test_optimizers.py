"""Optimizers: steps worked out by hand, and lazy updates against torch's dense ones."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from s2s.config import Engine, OptimizerName
from s2s.training.checkpoint import get_optimizer_state, load_optimizer_state
from s2s.training.optimizers import LazyRMSprop, LazySGD, build_optimizer
from s2s.translation.model import Seq2Seq
from tests.tiny import tiny_config


def build(model: Seq2Seq, name: str, **changes: object) -> torch.optim.Optimizer:
    config = tiny_config(optimizer=name, learning_rate=0.1, **changes)
    return build_optimizer(config, model, model.embeddings)


# RMSprop's mean square is 0.01 * 4 after a step, and 0.99 * 0.04 + 0.04 after two (alpha 0.99).
FIRST, SECOND = 2 / 0.04**0.5, 2 / (0.99 * 0.04 + 0.04) ** 0.5


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize(
    ("name", "momentum", "steps", "expected"),
    [
        ("sgd", 0.0, 2, 1 - 0.1 * 2 - 0.1 * 2),
        ("sgd", 0.5, 2, 1 - 0.1 * 2 - 0.1 * (0.5 * 2 + 2)),
        ("rmsprop", 0.0, 1, 1 - 0.1 * FIRST),
        ("rmsprop", 0.9, 2, 1 - 0.1 * FIRST - 0.1 * (0.9 * FIRST + SECOND)),
        # With a constant gradient each of Adam's steps is the learning rate, up to epsilon.
        ("adam", 0.0, 3, 1 - 3 * 0.1),
        ("adam", 0.9, 3, 1 - 3 * 0.1),
    ],
)
def test_a_weight_of_1_with_gradient_2(
    name: str, momentum: float, steps: int, expected: float, engine: Engine
) -> None:
    model = Seq2Seq(4, 4, hidden_size=1).double()
    optimizer = build(model, name, momentum=momentum, engine=engine)
    weight = nn.init.ones_(model.decoder.out.bias)
    for _ in range(steps):
        weight.grad = torch.full_like(weight, 2.0)
        optimizer.step()
    assert weight[0].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", OptimizerName)
def test_memory_layout_makes_no_difference(name: OptimizerName) -> None:
    """Three steps, and two more by another optimizer with the first one's state."""
    results = []
    for by_columns in (False, True):
        torch.manual_seed(0)
        weight = (model := Seq2Seq(4, 6, hidden_size=3).double()).decoder.out.weight
        if by_columns:
            weight.data = weight.data.t().contiguous().t()
        optimizer = build(model, name)
        for number in range(5):
            if number == 3:
                state = get_optimizer_state(optimizer)
                state = {key: value.contiguous() for key, value in state.items()}
                load_optimizer_state(optimizer := build(model, name), state)
            weight.grad = torch.empty_like(weight).copy_(torch.randn(weight.shape))
            optimizer.step()
        results.append(weight.detach().contiguous())
    assert torch.equal(*results)


# Lazy updates, in float64

KINDS = [(LazyRMSprop, torch.optim.RMSprop), (LazySGD, torch.optim.SGD)]
WORDS = 50


def net() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Embedding(WORDS, 6), nn.Linear(6, 3)).double()


def step(model: nn.Sequential, optimizer: Any, words: Tensor, outputs: Tensor) -> None:
    optimizer.zero_grad()
    (model(words) - outputs).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize(("lazy", "dense"), KINDS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_200_lazy_steps_equal_dense_ones(lazy: Any, dense: Any, momentum: float) -> None:
    """It continues from the dense optimizer's state, and later from its own."""
    ours, theirs = net(), net()
    optimizer = reference = dense(theirs.parameters(), lr=1e-2, momentum=momentum)
    for number in range(200):
        if number in (20, 150):
            source = theirs if number == 20 else ours
            weights, state = copy.deepcopy((source.state_dict(), optimizer.state_dict()))
            ours = net()
            ours.load_state_dict(weights)
            optimizer = lazy(ours.parameters(), [ours[0]], lr=1.0, momentum=momentum)
            optimizer.load_state_dict(state)
        if number == 80:
            optimizer.param_groups[0]["lr"] = reference.param_groups[0]["lr"] = 3e-3
        words, outputs = torch.randint(0, WORDS, (7,)), torch.randn(7, 3, dtype=torch.float64)
        step(theirs, reference, words, outputs)
        if optimizer is not reference:
            step(ours, optimizer, words, outputs)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-5, atol=1e-8)


def test_a_row_that_missed_steps_is_updated_when_it_is_read() -> None:
    """Word 3 misses three of four steps. Only reading it in training mode changes the weight."""
    ours, theirs = net(), net()
    optimizer = LazyRMSprop(ours.parameters(), [ours[0]], lr=1e-2, momentum=0.9)
    reference = torch.optim.RMSprop(theirs.parameters(), lr=1e-2, momentum=0.9)
    for word in (3, 4, 4, 4):
        outputs = torch.ones(1, 3, dtype=torch.float64)
        step(ours, optimizer, torch.tensor([word]), outputs)
        step(theirs, reference, torch.tensor([word]), outputs)
    before, words = ours[0].weight.detach().clone(), torch.tensor([[3, 3], [9, 4]])
    assert not torch.allclose(before[3], theirs[0].weight[3])
    torch.testing.assert_close(ours.eval()(words), theirs(words))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    state = optimizer.state_dict()["state"]
    assert torch.equal(ours[0].weight, before)

    again = net()  # the missed steps keep their learning rate
    again.load_state_dict(ours.state_dict())
    continued = LazyRMSprop(again.parameters(), [again[0]], lr=5.0, momentum=0.9)
    continued.load_state_dict({**continued.state_dict(), "state": state})
    assert torch.equal(again[0].weight, before)
    torch.testing.assert_close(again.state_dict(), theirs.state_dict())

    torch.testing.assert_close(ours.train()(words), theirs(words))
    torch.testing.assert_close(ours[0].weight, theirs[0].weight)


def test_gradients_of_a_repeated_word_are_summed_and_no_gradient_is_no_step() -> None:
    model = nn.Sequential(nn.Embedding(3, 1)).double()
    nn.init.ones_(model[0].weight)
    optimizer = LazySGD(model.parameters(), [model[0]], lr=0.5, momentum=0.0)
    optimizer.step()
    assert model[0].weight.flatten().tolist() == [1.0, 1.0, 1.0]
    model(torch.tensor([1, 1, 2])).sum().backward()
    optimizer.step()
    assert model[0].weight.flatten().tolist() == [1.0, 0.0, 0.5]
