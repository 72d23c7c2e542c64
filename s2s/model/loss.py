"""The masked loss: summed over real target tokens, divided once by the caller."""

import torch
from torch import Tensor, nn

from s2s.model.products import linear
from s2s.records import SOS

CHUNK_ROWS = 384
"""Rows of logits held at a time, at most. More is slower on a CPU, and takes more memory."""


_WORTH_TRANSPOSING_ROWS = 1000
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
    still in the cache: softmax(x) - onehot(target), row by row. Memory is kept from call to call,
    because getting it afresh from the system costs as much as the arithmetic.
    """

    def __init__(self, out: nn.Linear, *, bf16: bool = False) -> None:
        """`bf16`: the three products, and the softmax between them, in bfloat16."""
        self._out = out
        self._low = torch.bfloat16 if bf16 else out.weight.dtype
        self._weight_gradient = torch.empty_like(out.weight)
        self._bias_gradient = torch.empty_like(out.bias)
        self._weight_low = torch.empty_like(out.weight, dtype=self._low)
        self._bias_low = torch.empty_like(out.bias, dtype=self._low)

    @torch.no_grad()
    def __call__(self, hidden: Tensor, targets: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """Loss sum (scalar, nats) and its gradient for `hidden`, times `scale`.

        (N, H) decoder outputs at real positions and their (N,) targets. Sets the layer's
        gradients, also times `scale`; they hold until the next call.
        """
        weight, bias = self._out.weight.detach(), self._out.bias.detach()
        if self._low is not weight.dtype:
            weight, bias = self._weight_low.copy_(weight), self._bias_low.copy_(bias)
        self._out.weight.grad, self._out.bias.grad = self._weight_gradient, self._bias_gradient
        self._bias_gradient.zero_()
        weight_t = weight.t().contiguous() if self._worth_transposing(len(hidden)) else None
        rows = chunk_rows(len(hidden))
        chunks = -(-len(hidden) // rows)
        padded = hidden.new_zeros(chunks * rows, hidden.shape[1], dtype=self._low)
        padded[: len(hidden)] = hidden
        loss_sum, hidden_gradient = hidden.new_zeros(()), torch.empty_like(hidden)
        first = True
        for chunk, target, gradient in zip(
            torch.split(padded, rows),
            torch.split(targets.unsqueeze(1), rows),
            torch.split(hidden_gradient, rows),
            strict=True,
        ):
            real = len(target)
            logits = linear(chunk, weight, bias)
            softmax = torch.softmax(logits, 1, out=logits)
            likely = softmax[:real].gather(1, target)
            loss_sum += _surprise(likely.to(hidden.dtype), chunk[:real], weight, bias, target)
            softmax[:real].scatter_(1, target, likely - 1)
            softmax[real:] = 0
            product = softmax @ weight if weight_t is None else linear(softmax, weight_t, None)
            gradient.copy_(product[:real]).mul_(scale)
            self._bias_gradient += softmax.sum(0)
            self._add_weight_gradient(softmax, chunk * scale, first=first)
            first = False
        self._bias_gradient.mul_(scale)
        return loss_sum, hidden_gradient

    def _worth_transposing(self, rows: int) -> bool:
        """`linear` is faster than `@` here as well, by 15 % in float32, but a transposed copy of
        the weights costs as much as some 600 rows save."""
        return self._low is torch.float32 and rows >= _WORTH_TRANSPOSING_ROWS

    def _add_weight_gradient(self, gradient: Tensor, rows: Tensor, *, first: bool) -> None:
        total = self._weight_gradient
        if self._low is total.dtype:
            torch.addmm(total, gradient.t(), rows, beta=0 if first else 1, out=total)
        elif first:
            total.copy_(gradient.t() @ rows)
        else:
            total += gradient.t() @ rows


def _surprise(likely: Tensor, rows: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Sum of -log of the targets' probabilities: `likely` (N, 1), or where that underflowed,
    from the logits."""
    lost = (likely < _UNDERFLOWED).squeeze(1)
    if not lost.any():
        return -likely.log().sum()
    logits = linear(rows[lost], weight, bias).to(likely.dtype)
    at_lost = nn.functional.cross_entropy(logits, target[lost].squeeze(1), reduction="sum")
    return at_lost - likely[~lost].log().sum()
