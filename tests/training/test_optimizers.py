import pytest
import torch

from s2s.config import Engine, OptimizerName
from s2s.training.checkpoint import load_optimizer, optimizer_tensors
from s2s.training.optimizers import build_optimizer
from s2s.translation.model import Seq2Seq
from tests.tiny import tiny_config


def after_steps(name: str, momentum: float, steps: int, engine: Engine) -> float:
    """A weight that began at 1 and whose gradient is always 2, with rate 0.1."""
    model = Seq2Seq(4, 4, hidden_size=1).double()
    config = tiny_config(optimizer=name, engine=engine, learning_rate=0.1, momentum=momentum)
    optimizer = build_optimizer(config, model)
    weight = model.decoder.out.bias
    torch.nn.init.ones_(weight)
    for _ in range(steps):
        weight.grad = torch.full_like(weight, 2.0)
        optimizer.step()
    return weight[0].item()


@pytest.mark.parametrize("engine", Engine)
def test_sgd_by_hand(engine: Engine) -> None:
    assert after_steps("sgd", 0.0, 2, engine) == pytest.approx(1 - 0.1 * 2 - 0.1 * 2)
    assert after_steps("sgd", 0.5, 2, engine) == pytest.approx(1 - 0.1 * 2 - 0.1 * (0.5 * 2 + 2))


@pytest.mark.parametrize("engine", Engine)
def test_rmsprop_by_hand(engine: Engine) -> None:
    # The mean square after a step is 0.01 * 4, after two 0.99 * 0.04 + 0.04 (alpha 0.99).
    first, second = 2 / 0.04**0.5, 2 / (0.99 * 0.04 + 0.04) ** 0.5
    assert after_steps("rmsprop", 0.0, 1, engine) == pytest.approx(1 - 0.1 * first, abs=1e-6)
    assert after_steps("rmsprop", 0.9, 2, engine) == pytest.approx(
        1 - 0.1 * first - 0.1 * (0.9 * first + second), abs=1e-6
    )


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_adam_by_hand_whatever_the_momentum(momentum: float, engine: Engine) -> None:
    # With a constant gradient each step is the rate, up to epsilon.
    assert after_steps("adam", momentum, 3, engine) == pytest.approx(1 - 3 * 0.1, abs=1e-6)


@pytest.mark.parametrize("name", OptimizerName)
def test_how_weights_lie_in_memory_makes_no_difference(name: OptimizerName) -> None:
    """Three steps, another optimizer that goes on from there, and two more."""
    config = tiny_config(optimizer=name, learning_rate=0.1)
    found = []
    for by_columns in (False, True):
        torch.manual_seed(0)
        weight = (model := Seq2Seq(4, 6, hidden_size=3).double()).decoder.out.weight
        if by_columns:
            weight.data = weight.data.t().contiguous().t()
        optimizer = build_optimizer(config, model)
        for number in range(5):
            if number == 3:
                state = {
                    key: value.contiguous() for key, value in optimizer_tensors(optimizer).items()
                }
                load_optimizer(optimizer := build_optimizer(config, model), state)
            weight.grad = torch.empty_like(weight).copy_(torch.randn(weight.shape))
            optimizer.step()
        found.append(weight.detach().contiguous())
    assert torch.equal(*found)
