import pytest
import torch
from tiny import tiny_config
from torch import nn

from s2s.training.optimizers import build_optimizer


def after_steps(name: str, momentum: float, steps: int) -> float:
    """A weight that began at 1 and whose gradient is always 2, with rate 0.1."""
    weight = nn.Parameter(torch.ones(1, dtype=torch.float64))
    config = tiny_config(optimizer=name, learning_rate=0.1, momentum=momentum)
    optimizer = build_optimizer(config, [weight])
    for _ in range(steps):
        weight.grad = torch.full_like(weight, 2.0)
        optimizer.step()
    return weight.item()


def test_sgd_by_hand() -> None:
    assert after_steps("sgd", 0.0, 2) == pytest.approx(1 - 0.1 * 2 - 0.1 * 2)
    assert after_steps("sgd", 0.5, 2) == pytest.approx(1 - 0.1 * 2 - 0.1 * (0.5 * 2 + 2))


def test_rmsprop_by_hand() -> None:
    # The mean square after a step is 0.01 * 4, after two 0.99 * 0.04 + 0.04 (alpha 0.99).
    first, second = 2 / 0.04**0.5, 2 / (0.99 * 0.04 + 0.04) ** 0.5
    assert after_steps("rmsprop", 0.0, 1) == pytest.approx(1 - 0.1 * first, abs=1e-6)
    assert after_steps("rmsprop", 0.9, 2) == pytest.approx(
        1 - 0.1 * first - 0.1 * (0.9 * first + second), abs=1e-6
    )


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_adam_by_hand_whatever_the_momentum(momentum: float) -> None:
    # With a constant gradient each step is the rate, up to epsilon.
    assert after_steps("adam", momentum, 3) == pytest.approx(1 - 3 * 0.1, abs=1e-6)
