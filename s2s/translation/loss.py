"""The masked loss: summed over real target tokens, divided once by the caller."""

import torch
from torch import Tensor, nn

from s2s.records import SOS
from s2s.translation.fast.products import linear

CHUNK_ROWS = 384
"""Rows of logits held at a time, at most. More is slower on a CPU, and takes more memory."""

_UNDERFLOWED = 1e-30
"""A probability below this has lost digits."""


def chunk_rows(rows: int) -> int:
    """How many of so many rows are computed at a time: as few different numbers as need be.

    A product of a new shape costs up to 5 ms once, because oneDNN compiles a kernel for it; so
    numbers are rounded up, by 3 % at most.
    """
    chunks = -(-rows // CHUNK_ROWS)
    most = -(-rows // chunks)
    unit = max(1, 1 << (most.bit_length() - 6)) if most > 32 else 1
    return -(-most // unit) * unit


def masked_loss_sum(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """-sum of the targets' log-probabilities, PAD and SOS left out: a scalar in nats.

    (B, V) log-probabilities, (B,) word ids. The article's loss is this over the batch size.
    """
    picked = log_probabilities.gather(1, targets.unsqueeze(1)).squeeze(1)
    return -(picked * (targets > SOS)).sum()


def projected_loss_sum(hidden: Tensor, out: nn.Linear, targets: Tensor) -> Tensor:
    """The same, from (N, H) decoder outputs at real positions, without gradients."""
    total = hidden.new_zeros(())
    with torch.no_grad():
        for start in range(0, len(hidden), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            total += nn.functional.cross_entropy(
                out(hidden[chunk]), targets[chunk], reduction="sum"
            )
    return total


class ProjectionGradients:
    """The loss through the output layer, with its gradients taken in the same pass.

    The gradient of a softmax needs the logits once more, so it is taken while a chunk of them is
    still in the cache: softmax(x) - onehot(target), row by row.
    """

    def __init__(self, out: nn.Linear, *, bf16: bool = False) -> None:
        """`bf16`: the three products, and the softmax between them, in bfloat16.

        Lays the layer's weights out anew, column by column: that is how their gradient comes when
        the largest factor of its product, the softmax, need not be transposed.
        """
        self._out = out
        out.weight.data = out.weight.data.t().contiguous().t()
        self._low = torch.bfloat16 if bf16 else out.weight.dtype
        self._weight_low = torch.empty_like(out.weight, dtype=self._low)
        self._bias_low = torch.empty_like(out.bias, dtype=self._low)
        self._sum = out.weight.new_empty(out.in_features + 1, out.out_features)
        """Of the chunks' gradients; kept, because memory afresh from the system is slow."""

    @torch.no_grad()
    def __call__(self, hidden: Tensor, targets: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """Loss sum (scalar, nats) and its gradient for `hidden`, times `scale`.

        (N, H) decoder outputs at real positions and their (N,) targets. Sets the layer's
        gradients, also times `scale`; they hold until the next call.
        """
        weight, bias = self._out.weight.detach(), self._out.bias.detach()
        if self._low is not weight.dtype:
            weight, bias = self._weight_low.copy_(weight), self._bias_low.copy_(bias)
        rows = chunk_rows(len(hidden))
        chunks, factors = self._chunks(hidden, rows, scale)
        starts = torch.arange(rows).unsqueeze(1) * len(weight)
        loss_sum, hidden_gradient = hidden.new_zeros(()), torch.empty_like(hidden)
        total, alone = None, len(chunks) == 1 and self._low is hidden.dtype
        for chunk, factor, target, gradient in zip(
            chunks,
            factors,
            torch.split(targets.unsqueeze(1), rows),
            torch.split(hidden_gradient, rows),
            strict=True,
        ):
            real = len(target)
            logits = linear(chunk, weight, bias)
            softmax = torch.softmax(logits, 1, out=logits)
            at_targets = starts[:real] + target
            likely = softmax.view(-1)[at_targets]
            loss_sum += _surprise(likely.to(hidden.dtype), chunk[:real], weight, bias, target)
            softmax.view(-1)[at_targets] = likely - 1
            softmax[real:] = 0
            gradient.copy_(linear(softmax, weight.t(), None)[:real]).mul_(scale)
            product = linear(factor, softmax.t(), None)
            if alone:
                total = product
            elif total is None:
                total = self._sum.copy_(product)
            else:
                total.add_(product)
        assert total is not None
        self._out.weight.grad, self._out.bias.grad = total[:-1].t(), total[-1]
        return loss_sum, hidden_gradient

    def _chunks(self, hidden: Tensor, rows: int, scale: float) -> tuple[Tensor, Tensor]:
        """(C, N, H) chunks of N rows, zeros behind the last, and the (C, H + 1, N) factors that
        make gradients of a softmax: the same times `scale`, and a line of `scale` for the bias."""
        width, count = hidden.shape[1], -(-len(hidden) // rows)
        chunks = hidden.new_zeros(count, rows, width, dtype=self._low)
        chunks.view(-1, width)[: len(hidden)] = hidden
        factors = chunks.new_full((count, width + 1, rows), scale)
        torch.mul(chunks.mT, scale, out=factors[:, :width])
        return chunks, factors


def _surprise(likely: Tensor, rows: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Sum of -log of the targets' probabilities: `likely` (N, 1), or where that underflowed,
    from the logits."""
    lost = (likely < _UNDERFLOWED).squeeze(1)
    if not lost.any():
        return -likely.log().sum()
    logits = linear(rows[lost], weight, bias).to(likely.dtype)
    at_lost = nn.functional.cross_entropy(logits, target[lost].squeeze(1), reduction="sum")
    return at_lost - likely[~lost].log().sum()
