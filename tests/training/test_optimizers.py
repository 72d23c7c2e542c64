"""Optimizer steps worked out by hand, for every engine and memory layout."""

import pytest
import torch

from s2s.config import Engine, OptimizerName
from s2s.training.checkpoint import load_optimizer, optimizer_tensors
from s2s.training.optimizers import build_optimizer
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
    weight = model.decoder.out.bias
    torch.nn.init.ones_(weight)
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
                state = {
                    key: value.contiguous() for key, value in optimizer_tensors(optimizer).items()
                }
                load_optimizer(optimizer := build(model, name), state)
            weight.grad = torch.empty_like(weight).copy_(torch.randn(weight.shape))
            optimizer.step()
        results.append(weight.detach().contiguous())
    assert torch.equal(*results)
