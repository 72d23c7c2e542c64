"""Loss and gradients of the output layer, worked out by hand and against torch's cross entropy."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from s2s.translation.fast import projection
from s2s.translation.fast.projection import (
    CHUNK_ROWS,
    FixedProjection,
    ProjectionGradients,
    choose_chunk_rows,
)

ROWS, WIDTH, WORDS = 9, 5, 11
BOTH = pytest.mark.parametrize("kind", [ProjectionGradients, FixedProjection])
Kind = Callable[..., ProjectionGradients | FixedProjection]


def example(dtype: torch.dtype = torch.float64) -> tuple[nn.Linear, Tensor, Tensor]:
    torch.manual_seed(0)
    out = nn.Linear(WIDTH, WORDS, dtype=dtype)
    return out, torch.randn(ROWS, WIDTH, dtype=dtype), torch.randint(0, WORDS, (ROWS,))


def results(out: nn.Linear, loss_and_gradient: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    return {
        "loss": loss_and_gradient[0],
        "hidden": loss_and_gradient[1],
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


@BOTH
@pytest.mark.parametrize("rows_per_chunk", [1, 4, 100])
def test_it_is_torchs_cross_entropy_in_chunks_of_any_size(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, rows_per_chunk: int
) -> None:
    monkeypatch.setattr(projection, "CHUNK_ROWS", rows_per_chunk)
    out, hidden, targets = example()
    expected = by_torch(out, hidden, targets, 0.25)
    chunks = {"chunk_bytes": rows_per_chunk * WORDS * 8} if kind is FixedProjection else {}
    project = kind(out, **chunks)
    project(torch.rand_like(hidden), targets, 1.0)  # the call before leaves nothing over
    torch.testing.assert_close(results(out, project(hidden, targets, 0.25)), expected)


@pytest.mark.parametrize("rows_per_chunk", [2, 100])
def test_a_row_that_is_not_real_changes_nothing(rows_per_chunk: int) -> None:
    out, hidden, targets = example()
    real = torch.tensor([True, False, True, True, False, True, True, True, False])
    expected = by_torch(out, hidden[real], targets[real], 0.5)
    project = FixedProjection(out, chunk_bytes=rows_per_chunk * WORDS * 8)
    actual = results(out, project(hidden, targets, 0.5, real))
    assert not actual["hidden"][~real].any()
    actual["hidden"] = actual["hidden"][real]
    torch.testing.assert_close(actual, expected)


@BOTH
@pytest.mark.parametrize(("bf16", "rtol", "atol"), [(False, 1e-5, 1e-6), (True, 0.05, 0.01)])
def test_float32_and_bf16_are_close(kind: Kind, bf16: bool, rtol: float, atol: float) -> None:
    out, hidden, targets = example(torch.float32)
    expected = by_torch(out, hidden, targets, 0.25)
    actual = results(out, kind(out, bf16=bf16)(hidden, targets, 0.25))
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)
    assert {value.dtype for value in actual.values()} == {torch.float32}


@BOTH
@pytest.mark.parametrize("bf16", [False, True])
def test_a_probability_that_underflows_has_its_loss_and_nan_stays_nan(
    kind: Kind, bf16: bool
) -> None:
    out = nn.Linear(1, 2)
    with torch.no_grad():
        out.weight.copy_(torch.tensor([[0.0], [256.0]]))
        out.bias.zero_()
    project, targets = kind(out, bf16=bf16), torch.zeros(3, dtype=torch.int64)
    loss_sum, _ = project(torch.tensor([[1.0], [0.0], [-1.0]]), targets, scale=1.0)
    assert float(loss_sum) == pytest.approx(256 + math.log(2), rel=1e-2 if bf16 else 1e-6)
    loss_sum, _ = project(torch.full((3, 1), math.nan), targets, scale=1.0)
    assert math.isnan(float(loss_sum))


@given(st.integers(1, 100_000))
def test_chunks_hold_all_rows_and_waste_little(rows: int) -> None:
    chunk = choose_chunk_rows(rows)
    chunks = -(-rows // chunk)
    assert chunk <= CHUNK_ROWS
    assert chunks * chunk < rows + chunk
    assert chunk <= 1.04 * -(-rows // -(-rows // CHUNK_ROWS))


def test_chunks_have_few_shapes() -> None:
    assert len({choose_chunk_rows(rows) for rows in range(1, 10_000)}) < 32 * math.log2(CHUNK_ROWS)
