"""The packed GRU layer, compiled and not, against torch's; and its dropout."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from s2s.translation.fast import packed_gru as module
from s2s.translation.fast.kernels import get_kernels
from s2s.translation.fast.packed_gru import fast_dropout, packed_gru

lengths = st.lists(st.integers(1, 6), min_size=1, max_size=20)
widths = st.sampled_from([1, 3, 16, 32, 45, 64, 130])
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


@pytest.fixture(params=["compiled", "by torch"])
def computed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by torch":
        monkeypatch.setattr(module, "get_kernels", lambda _: "not available")
    elif isinstance(library := get_kernels(torch.float64), str):
        pytest.skip(library)


def example(lengths: list[int], width: int) -> tuple[nn.GRU, Tensor, Tensor, list[int]]:
    """Return a layer, packed inputs, states, and how many sentences have a token at each step."""
    torch.manual_seed(sum(lengths))
    sizes = [sum(length > step for length in lengths) for step in range(max(lengths))]
    inputs = torch.randn(sum(lengths), width, dtype=torch.float64, requires_grad=True)
    state = torch.randn(len(lengths), width, dtype=torch.float64, requires_grad=True)
    return nn.GRU(width, width).double(), inputs, state, sizes


@pytest.mark.usefixtures("computed")
@given(lengths, widths)
def test_outputs_and_every_gradient_are_torchs(lengths: list[int], width: int) -> None:
    layer, inputs, state, sizes = example(lengths, width)
    leaves = [inputs, state, *layer.parameters()]
    expected = layer(PackedSequence(inputs, torch.tensor(sizes)), state.unsqueeze(0))[0].data
    outputs = packed_gru(layer, inputs, state, sizes)
    torch.testing.assert_close(outputs, expected)
    weights = torch.randn(width, len(inputs), dtype=torch.float64).t()  # stored by columns
    torch.testing.assert_close(
        torch.autograd.grad(outputs, leaves, weights),
        torch.autograd.grad(expected, leaves, weights),
    )
    single = packed_gru(layer.float(), inputs.float(), state.float(), sizes)
    torch.testing.assert_close(single.double(), expected, rtol=1e-5, atol=2e-6)


def cell(dtype: torch.dtype, inputs: list[float], hidden: list[float]) -> nn.GRU:
    """Return a layer of width 1 with these weights of the gates r, z and n, and no bias."""
    layer = nn.GRU(1, 1).to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(0)
        layer.weight_ih_l0[:] = torch.tensor(inputs).unsqueeze(1)
        layer.weight_hh_l0[:] = torch.tensor(hidden).unsqueeze(1)
    return layer


@pytest.mark.usefixtures("computed")
@DTYPES
def test_extreme_numbers_saturate_the_gates_and_nan_stays_nan(dtype: torch.dtype) -> None:
    layer = cell(dtype, [0.0, -1.0, 1.0], [0.0, 0.0, 0.0])
    inputs = torch.tensor([[1e4], [-1e4], [30.0], [1e30], [float("nan")]], dtype=dtype)
    outputs = packed_gru(layer, inputs, torch.full((5, 1), 0.25, dtype=dtype), [5]).squeeze(1)
    expected = torch.tensor([1.0, 0.25, 1.0, 1.0, float("nan")], dtype=dtype)
    torch.testing.assert_close(outputs, expected, equal_nan=True)
    # An infinite state times a closed gate is NaN.
    layer = cell(dtype, [0.0, 0.0, 0.0], [1.0, -1.0, 1.0])
    state = torch.tensor([[float("inf")]], dtype=dtype)
    assert packed_gru(layer, torch.zeros(1, 1, dtype=dtype), state, [1]).isnan().all()


def test_small_numbers_keep_their_digits() -> None:
    """tanh(x) is x for small x; (1 - e) / (1 + e) would lose it."""
    layer = cell(torch.float32, [0.0, 0.0, 1.0], [0.0, 0.0, 0.0])
    inputs = torch.tensor([[1e-12], [-3e-7], [0.02]])
    outputs = packed_gru(layer, inputs, torch.zeros(3, 1), [3])
    torch.testing.assert_close(outputs, inputs.tanh() / 2, rtol=1e-6, atol=0)  # z = 1/2


@pytest.mark.parametrize("probability", [0.1, 0.2, 0.5, 0.95])
def test_dropout_keeps_the_mean(probability: float) -> None:
    torch.manual_seed(0)
    ones = torch.ones(250_000, 4, requires_grad=True)
    fast_dropout(ones, probability).sum().backward()
    torch.manual_seed(0)
    values = fast_dropout(ones.detach(), probability)
    assert torch.equal(ones.grad, values)
    # Four values come from each 64-bit word; each of the four is dropped equally often.
    zeros = (values == 0).float().mean(0)
    torch.testing.assert_close(zeros, torch.full((4,), probability), atol=5e-3, rtol=0)
    assert float(values.mean()) == pytest.approx(1.0, abs=2e-2)
    rest = values[values != 0]
    assert float(rest.min()) == float(rest.max())
    assert float(rest.max()) == pytest.approx(1 / (1 - probability), rel=1e-3)
    assert fast_dropout(ones, 0.0) is ones
