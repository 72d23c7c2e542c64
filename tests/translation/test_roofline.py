"""The roofline of a step, by hand and against operations counted by torch."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from s2s.translation.roofline import roofline_seconds

SIZES = {"hidden_size": 2, "layers": 1, "vocabulary": 3, "source_tokens": 5, "target_tokens": 4}


def test_by_hand() -> None:
    # Products: 6*3*2*4 = 144 and 36*4*(5+4) = 1296. Bytes: 4*(7*9 + 2*3*4) = 348.
    assert roofline_seconds(**SIZES, product_rate=10, copy_rate=1e99) == 144.0
    assert roofline_seconds(**SIZES, product_rate=1e99, copy_rate=2) == 174.0
    assert roofline_seconds(**SIZES, product_rate=10, copy_rate=2) == 318.0


def test_an_optimizer_of_fewer_passes() -> None:
    seconds = roofline_seconds(**SIZES, product_rate=1e99, copy_rate=1, optimizer_passes=5)
    assert seconds == 4 * (5 * 9 + 24)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_products_are_those_of_a_model(layers: int) -> None:
    """Forward and backward of two GRUs and an output layer, with every input gradient."""
    hidden_size, vocabulary, sentences, source, target = 8, 50, 3, 5, 4
    sides = [(torch.nn.GRU(hidden_size, hidden_size, layers), steps) for steps in (source, target)]
    out = torch.nn.Linear(hidden_size, vocabulary)
    with FlopCounterMode(display=False) as counter:
        for gru, steps in sides:
            words = torch.randn(steps, sentences, hidden_size, requires_grad=True)
            start = torch.zeros(layers, sentences, hidden_size, requires_grad=True)
            hidden, _ = gru(words, start)
            (out(hidden) if steps == target else hidden).sum().backward()
    assert counter.get_total_flops() == pytest.approx(
        roofline_seconds(
            hidden_size=hidden_size,
            layers=layers,
            vocabulary=vocabulary,
            source_tokens=sentences * source,
            target_tokens=sentences * target,
            product_rate=1,
            copy_rate=1e99,
        )
    )
