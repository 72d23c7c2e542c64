"""The lazy optimizers against torch's dense ones, in float64."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from s2s.training.lazy_optimizers import LazyRMSprop, LazySGD

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
def test_200_steps_with_a_change_of_rate_and_checkpoints_between(
    lazy: Any, dense: Any, momentum: float
) -> None:
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
