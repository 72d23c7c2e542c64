"""The packed layer against torch's own, on the same packed sentences."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from s2s.model.gru import packed_gru
from s2s.model.products import linear

lengths = st.lists(st.integers(1, 6), min_size=1, max_size=5)


@given(lengths)
def test_outputs_and_every_gradient_are_torchs(lengths: list[int]) -> None:
    torch.manual_seed(len(lengths))
    sizes = [sum(length > step for length in lengths) for step in range(max(lengths))]
    layer = nn.GRU(3, 3).double()
    inputs = torch.randn(sum(lengths), 3, dtype=torch.float64, requires_grad=True)
    state = torch.randn(len(lengths), 3, dtype=torch.float64, requires_grad=True)
    leaves = [inputs, state, *layer.parameters()]
    expected, _ = layer(PackedSequence(inputs, torch.tensor(sizes)), state.unsqueeze(0))
    found = packed_gru(layer, inputs, state, sizes)
    torch.testing.assert_close(found, expected.data)
    weights = torch.randn_like(found)
    torch.testing.assert_close(
        torch.autograd.grad(found, leaves, weights),
        torch.autograd.grad(expected.data, leaves, weights),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("with_bias", [False, True])
def test_linear_is_torchs(dtype: torch.dtype, with_bias: bool) -> None:
    inputs, weight = torch.randn(5, 7, dtype=dtype), torch.randn(11, 7, dtype=dtype)
    bias = torch.randn(11, dtype=dtype) if with_bias else None
    torch.testing.assert_close(
        linear(inputs, weight, bias), nn.functional.linear(inputs, weight, bias)
    )
