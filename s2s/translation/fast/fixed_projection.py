"""The loss through the output layer without a look at any value: for a GPU, and for its graphs."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_CHUNK_BYTES = 2**27
"""Of logits held at a time. A GPU wants large products; twice this much is held at the peak."""


class FixedProjection:
    """What loss.ProjectionGradients computes, as work that a GPU can queue.

    Which operations run, and on what memory, depends on shapes alone; a row can be left out by
    its mark in `real`. The gradients' memory stays the same from call to call.
    """

    def __init__(
        self, out: nn.Linear, *, bf16: bool = False, chunk_bytes: int = _CHUNK_BYTES
    ) -> None:
        """`bf16`: the three products, and the softmax between them, in bfloat16."""
        self._out = out
        self._low = torch.bfloat16 if bf16 else out.weight.dtype
        self._chunk_rows = max(1, chunk_bytes // (out.out_features * self._low.itemsize))
        self._weight_gradient = torch.empty_like(out.weight)
        self._bias_gradient = torch.empty_like(out.bias)

    @torch.no_grad()
    def __call__(
        self, hidden: Tensor, targets: Tensor, scale: float, real: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Loss sum (scalar, nats) and its gradient for `hidden`, times `scale`.

        (N, H) decoder outputs, their (N,) targets, and (N,) which rows count; all by default.
        Sets the layer's gradients, also times `scale`; they hold until the next call.
        """
        weight = self._out.weight.detach().to(self._low)
        bias = self._out.bias.detach().to(self._low)
        self._out.weight.grad, self._out.bias.grad = self._weight_gradient, self._bias_gradient
        if real is None:
            real = torch.ones_like(targets, dtype=torch.bool)
        counted = real.to(hidden.dtype).unsqueeze(1)
        self._bias_gradient.zero_()
        loss_sum, hidden_gradient = hidden.new_zeros(()), torch.empty_like(hidden)
        for start in range(0, len(hidden), self._chunk_rows):
            chunk = slice(start, start + self._chunk_rows)
            rows, target, count = hidden[chunk], targets[chunk].unsqueeze(1), counted[chunk]
            logits = functional.linear(rows.to(self._low), weight, bias)
            losses, gradient = _losses(logits, target)
            loss_sum += (losses.to(hidden.dtype) * count).sum()
            # A row that does not count is left out of the small factors, not of the large one.
            torch.mul(gradient @ weight, count * scale, out=hidden_gradient[chunk])
            self._bias_gradient += (gradient.t() @ count.to(self._low)).squeeze(1)
            self._add_weight_gradient(gradient, (rows * count * scale).to(self._low), start == 0)
        self._bias_gradient.mul_(scale)
        return loss_sum, hidden_gradient

    def _add_weight_gradient(self, gradient: Tensor, rows: Tensor, first: bool) -> None:
        total = self._weight_gradient
        if self._low is total.dtype:
            torch.addmm(total, gradient.t(), rows, beta=0 if first else 1, out=total)
        elif first:
            total.copy_(gradient.t() @ rows)
        else:
            total += gradient.t() @ rows


def _losses(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(N, V) logits, (N, 1) word ids -> (N, 1) cross entropies and their (N, V) gradients.

    A target's probability may underflow, and asking whether one did would wait for the device.
    The likeliest word's never does (it is 1 / V or more), and tells the logarithm of the sum of
    all exponentials, which is that word's logit less its log-probability.
    """
    highest, likeliest = logits.max(1, keepdim=True)
    softmax = logits.softmax(1)
    wide = torch.promote_types(logits.dtype, torch.float32)
    log_total = highest.to(wide) - softmax.gather(1, likeliest).to(wide).log()
    losses = log_total - logits.gather(1, target).to(wide)
    return losses, softmax.scatter_(1, target, softmax.gather(1, target) - 1)
