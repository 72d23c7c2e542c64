"""Losses worked out by hand, and the chunked projection against torch's own cross entropy."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from s2s.translation import loss
from s2s.translation.loss import (
    ProjectionGradients,
    chunk_rows,
    masked_loss_sum,
    projected_loss_sum,
)


def test_masked_loss_counts_real_tokens_only() -> None:
    halves = torch.tensor([[0.5, 0.25, 0.125, 0.125]] * 4).log()
    targets = torch.tensor([2, 0, 3, 1])  # EOS, PAD, UNK, SOS
    assert float(masked_loss_sum(halves, targets)) == pytest.approx(2 * math.log(8))


def test_projection_by_hand() -> None:
    """Logits (0, ln 3): probabilities 1/4 and 3/4; the target is the first word."""
    out = nn.Linear(1, 2).double()
    with torch.no_grad():
        out.weight.copy_(torch.tensor([[0.0], [math.log(3)]]))
        out.bias.zero_()
    hidden = torch.ones(1, 1, dtype=torch.float64)
    loss_sum, gradient = ProjectionGradients(out)(hidden, torch.tensor([0]), scale=0.5)
    assert float(loss_sum) == pytest.approx(math.log(4))
    assert out.bias.grad.tolist() == pytest.approx([-0.375, 0.375])
    assert out.weight.grad.flatten().tolist() == pytest.approx([-0.375, 0.375])
    assert float(gradient) == pytest.approx(0.375 * math.log(3))


@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8, 9])
def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(loss, "CHUNK_ROWS", 4)
    torch.manual_seed(rows)
    out = nn.Linear(5, 11).double()
    hidden = torch.randn(rows, 5, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 11, (rows,))
    expected = nn.functional.cross_entropy(out(hidden), targets, reduction="sum")
    (expected / 3).backward()
    weight_gradient, bias_gradient = out.weight.grad.clone(), out.bias.grad.clone()
    project = ProjectionGradients(out)
    project(torch.rand_like(hidden), targets, scale=1.0)  # nothing is left over from a call before
    loss_sum, hidden_gradient = project(hidden.detach(), targets, scale=1 / 3)
    torch.testing.assert_close(loss_sum, expected.detach())
    torch.testing.assert_close(projected_loss_sum(hidden, out, targets), expected.detach())
    torch.testing.assert_close(hidden_gradient, hidden.grad)
    torch.testing.assert_close(out.weight.grad, weight_gradient)
    torch.testing.assert_close(out.bias.grad, bias_gradient)


@pytest.mark.parametrize("bf16", [False, True])
def test_a_probability_that_underflows_keeps_its_loss(bf16: bool) -> None:
    out = nn.Linear(1, 2)
    with torch.no_grad():
        out.weight.copy_(torch.tensor([[0.0], [256.0]]))
        out.bias.zero_()
    loss_sum, _ = ProjectionGradients(out, bf16=bf16)(
        torch.tensor([[1.0], [0.0], [-1.0]]), torch.tensor([0, 0, 0]), scale=1.0
    )
    assert float(loss_sum) == pytest.approx(256 + math.log(2), rel=1e-2 if bf16 else 1e-6)


def test_a_loss_that_is_no_number_says_so() -> None:
    out = nn.Linear(1, 2)
    loss_sum, _ = ProjectionGradients(out)(
        torch.tensor([[float("nan")]]), torch.tensor([0]), scale=1.0
    )
    assert math.isnan(float(loss_sum))


@given(st.integers(1, 100_000))
def test_chunks_hold_all_rows_and_waste_little(rows: int) -> None:
    chunk = chunk_rows(rows)
    chunks = -(-rows // chunk)
    assert chunk <= loss.CHUNK_ROWS
    assert chunks * chunk < rows + chunk
    assert chunk <= 1.04 * -(-rows // -(-rows // loss.CHUNK_ROWS))


def test_few_shapes_of_chunks() -> None:
    assert len({chunk_rows(rows) for rows in range(1, 10_000)}) < 32 * math.log2(loss.CHUNK_ROWS)
