"""The masked loss: summed over real target tokens, divided once by the caller."""

import torch
from torch import Tensor, nn

from s2s.records import SOS

CHUNK_ROWS = 256
"""Logits held at a time: rows x vocabulary. More is slower on a CPU, and takes more memory."""


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


def projection_gradients(
    hidden: Tensor, out: nn.Linear, targets: Tensor, scale: float, *, bf16: bool = False
) -> tuple[Tensor, Tensor]:
    """Loss sum (scalar, nats) and its gradient for `hidden`, times `scale`.

    (N, H) decoder outputs at real positions and their (N,) targets. Sets `out`'s gradients, also
    times `scale`. The gradient of a softmax needs the logits once more, so it is taken while a
    chunk of them is still in the cache: softmax(x) - onehot(target), row by row.
    """
    with torch.no_grad():
        weight, bias = out.weight, out.bias
        low = torch.bfloat16 if bf16 else weight.dtype
        weight_low, hidden_low = weight.to(low), hidden.to(low)
        loss_sum = hidden.new_zeros(())
        hidden_gradient = torch.empty_like(hidden)
        weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
        for start in range(0, len(hidden), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            target = targets[chunk].unsqueeze(1)
            if bf16:
                logits = (hidden_low[chunk] @ weight_low.t()).float().add_(bias)
            else:
                logits = torch.addmm(bias, hidden[chunk], weight.t())
            normalizer = logits.logsumexp(1, keepdim=True)
            loss_sum += (normalizer - logits.gather(1, target)).sum()
            gradient = logits.sub_(normalizer).exp_().mul_(scale)
            gradient.scatter_add_(1, target, gradient.new_full(target.shape, -scale))
            bias.grad += gradient.sum(0)
            gradient_low = gradient.to(low)
            hidden_gradient[chunk] = gradient_low @ weight_low
            if bf16:
                weight.grad += gradient_low.t() @ hidden_low[chunk]
            else:
                weight.grad.addmm_(gradient.t(), hidden[chunk])
    return loss_sum, hidden_gradient
