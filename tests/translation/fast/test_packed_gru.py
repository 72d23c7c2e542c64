"""The packed layer against torch's own, on the same packed sentences, compiled and not."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from s2s.translation.fast import packed_gru as gru
from s2s.translation.fast.kernels import kernels
from s2s.translation.fast.packed_gru import packed_gru
from s2s.translation.fast.products import linear

lengths = st.lists(st.integers(1, 6), min_size=1, max_size=20)
widths = st.sampled_from([1, 3, 16, 32, 45, 64, 130])


@pytest.fixture(params=["compiled", "by torch"])
def computed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by torch":
        monkeypatch.setattr(gru, "kernels", lambda _: "not now")
    elif isinstance(library := kernels(torch.float64), str):
        pytest.skip(library)


def _packed(lengths: list[int], width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, list[int]]:
    """Inputs, states, and how many sentences have a token at each step."""
    torch.manual_seed(sum(lengths))
    sizes = [sum(length > step for length in lengths) for step in range(max(lengths))]
    inputs = torch.randn(sum(lengths), width, dtype=dtype, requires_grad=True)
    return inputs, torch.randn(len(lengths), width, dtype=dtype, requires_grad=True), sizes


@pytest.mark.usefixtures("computed")
@given(lengths, widths)
def test_outputs_and_every_gradient_are_torchs(lengths: list[int], width: int) -> None:
    inputs, state, sizes = _packed(lengths, width, torch.float64)
    layer = nn.GRU(width, width).double()
    leaves = [inputs, state, *layer.parameters()]
    expected, _ = layer(PackedSequence(inputs, torch.tensor(sizes)), state.unsqueeze(0))
    found = packed_gru(layer, inputs, state, sizes)
    torch.testing.assert_close(found, expected.data)
    weights = torch.randn_like(found)
    torch.testing.assert_close(
        torch.autograd.grad(found, leaves, weights),
        torch.autograd.grad(expected.data, leaves, weights),
    )


@pytest.mark.usefixtures("computed")
@given(lengths, widths)
def test_in_float32_too(lengths: list[int], width: int) -> None:
    inputs, state, sizes = _packed(lengths, width, torch.float32)
    layer = nn.GRU(width, width)
    precise, _ = layer.double()(
        PackedSequence(inputs.double(), torch.tensor(sizes)), state.double().unsqueeze(0)
    )
    found = packed_gru(layer.float(), inputs, state, sizes)
    torch.testing.assert_close(found.double(), precise.data, rtol=1e-5, atol=2e-6)


@pytest.mark.usefixtures("computed")
def test_a_gradient_that_does_not_lie_by_rows() -> None:
    inputs, state, sizes = _packed([4, 2, 2, 1, 1, 1, 1, 1], 32, torch.float64)
    layer = nn.GRU(32, 32).double()
    found = packed_gru(layer, inputs, state, sizes)
    weights = torch.randn(32, len(inputs), dtype=torch.float64).t()
    torch.testing.assert_close(
        torch.autograd.grad(found, inputs, weights, retain_graph=True),
        torch.autograd.grad(found, inputs, weights.contiguous()),
    )


@pytest.mark.usefixtures("computed")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_out_gates_are_shut_or_open_and_no_number_stays_none(dtype: torch.dtype) -> None:
    layer = nn.GRU(1, 1).to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(0)
        layer.weight_ih_l0[:] = torch.tensor([[0.0], [-1.0], [1.0]])  # r = 1/2, z shut, n open
    inputs = torch.tensor([[1e4], [-1e4], [30.0], [1e30], [float("nan")]], dtype=dtype)
    found = packed_gru(layer, inputs, torch.full((5, 1), 0.25, dtype=dtype), [5]).squeeze(1)
    expected = torch.tensor([1.0, 0.25, 1.0, 1.0, float("nan")], dtype=dtype)
    torch.testing.assert_close(found, expected, equal_nan=True)


@pytest.mark.usefixtures("computed")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_infinite_state_times_a_shut_gate_is_no_number(dtype: torch.dtype) -> None:
    layer = nn.GRU(1, 1).to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(0)
        layer.weight_hh_l0[:] = torch.tensor([[1.0], [-1.0], [1.0]])  # r open, z shut, n open
    state = torch.tensor([[float("inf")]], dtype=dtype)
    assert packed_gru(layer, torch.zeros(1, 1, dtype=dtype), state, [1]).isnan().all()


def test_small_numbers_keep_their_digits() -> None:
    """tanh(x) is x where x is small; (1 - e) / (1 + e) would have lost it."""
    layer = nn.GRU(1, 1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(0)
        layer.weight_ih_l0[2] = 1.0
    inputs = torch.tensor([[1e-12], [-3e-7], [0.02]])
    found = packed_gru(layer, inputs, torch.zeros(3, 1), [3])
    torch.testing.assert_close(found, inputs.tanh() / 2, rtol=1e-6, atol=0)  # z = 1/2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("with_bias", [False, True])
def test_linear_is_torchs(dtype: torch.dtype, with_bias: bool) -> None:
    inputs, weight = torch.randn(5, 7, dtype=dtype), torch.randn(11, 7, dtype=dtype)
    bias = torch.randn(11, dtype=dtype) if with_bias else None
    torch.testing.assert_close(
        linear(inputs, weight, bias), nn.functional.linear(inputs, weight, bias)
    )
