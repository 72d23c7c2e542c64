"""The loss that looks at no value, against torch's cross entropy and the chunked projection."""

import pytest
import torch
from torch import Tensor, nn

from s2s.translation.fast.fixed_projection import FixedProjection
from s2s.translation.loss import ProjectionGradients

ROWS, WIDTH, WORDS = 9, 5, 11


def made(dtype: torch.dtype = torch.float64) -> tuple[nn.Linear, Tensor, Tensor]:
    torch.manual_seed(0)
    out = nn.Linear(WIDTH, WORDS, dtype=dtype)
    return out, torch.randn(ROWS, WIDTH, dtype=dtype), torch.randint(0, WORDS, (ROWS,))


def results(out: nn.Linear, found: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    return {
        "loss": found[0],
        "hidden": found[1],
        "weight": out.weight.grad.clone(),
        "bias": out.bias.grad.clone(),
    }


def by_torch(out: nn.Linear, hidden: Tensor, targets: Tensor, scale: float) -> dict[str, Tensor]:
    hidden = hidden.clone().requires_grad_()
    out.zero_grad()
    loss_sum = nn.functional.cross_entropy(out(hidden), targets, reduction="sum")
    (loss_sum * scale).backward()
    assert hidden.grad is not None
    return results(out, (loss_sum.detach(), hidden.grad))


@pytest.mark.parametrize("rows_a_chunk", [1, 4, 9, 100])
def test_it_is_torchs_cross_entropy(rows_a_chunk: int) -> None:
    out, hidden, targets = made()
    expected = by_torch(out, hidden, targets, 0.25)
    project = FixedProjection(out, chunk_bytes=rows_a_chunk * WORDS * 8)
    for _ in range(2):  # what the first call left behind is no part of the second
        torch.testing.assert_close(results(out, project(hidden, targets, 0.25)), expected)


@pytest.mark.parametrize("rows_a_chunk", [2, 100])
def test_a_row_that_is_not_real_changes_nothing(rows_a_chunk: int) -> None:
    out, hidden, targets = made()
    real = torch.tensor([True, False, True, True, False, True, True, True, False])
    expected = by_torch(out, hidden[real], targets[real], 0.5)
    project = FixedProjection(out, chunk_bytes=rows_a_chunk * WORDS * 8)
    found = results(out, project(hidden, targets, 0.5, real))
    assert not found["hidden"][~real].any()
    found["hidden"] = found["hidden"][real]
    torch.testing.assert_close(found, expected)


def test_a_target_whose_probability_underflows_has_its_loss() -> None:
    out = nn.Linear(1, 2)
    with torch.no_grad():
        out.weight.copy_(torch.tensor([[0.0], [1.0]]))
        out.bias.zero_()
    hidden = torch.tensor([[300.0], [-300.0]])
    loss_sum, gradient = FixedProjection(out)(hidden, torch.tensor([0, 0]), 1.0)
    assert float(loss_sum) == pytest.approx(300)
    assert gradient.flatten().tolist() == pytest.approx([1, 0])


def test_bfloat16_is_near() -> None:
    out, hidden, targets = made(torch.float32)
    expected = by_torch(out, hidden, targets, 0.25)
    found = results(out, FixedProjection(out, bf16=True)(hidden, targets, 0.25))
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.01)
    assert {value.dtype for value in found.values()} == {torch.float32}


@pytest.mark.parametrize("bf16", [False, True])
def test_it_agrees_with_the_chunked_projection(bf16: bool) -> None:
    out, hidden, targets = made(torch.float32)
    expected = results(out, ProjectionGradients(out, bf16=bf16)(hidden, targets, 0.25))
    found = results(out, FixedProjection(out, bf16=bf16)(hidden, targets, 0.25))
    tolerance = {"rtol": 0.03, "atol": 0.01} if bf16 else {}
    torch.testing.assert_close(found, expected, **tolerance)
