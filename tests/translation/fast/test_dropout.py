import pytest
import torch

from s2s.translation.fast.dropout import dropped


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.95])
def test_the_share_is_dropped_and_the_mean_kept(share: float) -> None:
    torch.manual_seed(0)
    values = dropped(torch.ones(1000, 1000), share)
    assert float((values == 0).float().mean()) == pytest.approx(share, abs=3e-3)
    assert float(values.mean()) == pytest.approx(1.0, abs=2e-2)
    kept = values[values != 0]
    assert float(kept.min()) == float(kept.max()) == pytest.approx(1 / (1 - share), rel=1e-3)


def test_each_bit_of_a_word_is_used_alike() -> None:
    """Four values are drawn from each 64-bit word; none of the four is dropped more often."""
    torch.manual_seed(0)
    zeros = (dropped(torch.ones(250_000, 4), 0.5) == 0).float().mean(0)
    torch.testing.assert_close(zeros, torch.full((4,), 0.5), atol=5e-3, rtol=0)


def test_no_share_no_change() -> None:
    values = torch.randn(3, 5)
    assert dropped(values, 0.0) is values


def test_gradients_pass_where_values_do() -> None:
    torch.manual_seed(0)
    values = torch.ones(101, requires_grad=True)
    out = dropped(values, 0.5)
    out.sum().backward()
    assert torch.equal(values.grad, out.detach())
