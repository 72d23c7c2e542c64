"""The masked loss: summed over real target tokens; the caller divides it."""

import torch
from torch import Tensor, nn

from s2s.records import SOS
from s2s.translation.fast.projection import CHUNK_ROWS


def masked_loss_sum(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return -sum of the targets' log-probabilities without PAD and SOS: a scalar in nats.

    The article's loss is this divided by the batch size.

    Args:
        log_probabilities: (B, V).
        targets: (B,) word ids.
    """
    at_targets = log_probabilities.gather(1, targets.unsqueeze(1)).squeeze(1)
    return -(at_targets * (targets > SOS)).sum()


def projected_loss_sum(hidden: Tensor, out: nn.Linear, targets: Tensor) -> Tensor:
    """Return the same from (N, H) decoder outputs at real positions, without gradients."""
    total = hidden.new_zeros(())
    with torch.no_grad():
        for start in range(0, len(hidden), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            total += nn.functional.cross_entropy(
                out(hidden[chunk]), targets[chunk], reduction="sum"
            )
    return total
