"""Dropout from 16 random bits a value: torch's own draws one slow Bernoulli number each."""

import torch
from torch import Tensor

_STEPS = 1 << 16


def dropped(inputs: Tensor, share: float) -> Tensor:
    """`inputs` with about `share` of its values zero and the others scaled up to keep the mean.

    The share is rounded to a multiple of 2**-16. Draws from torch's generator of the device.
    """
    zeros = round(share * _STEPS)
    if not zeros:
        return inputs
    words = inputs.new_empty((inputs.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: inputs.numel()].view_as(inputs)
    keep = (bits >= zeros - _STEPS // 2).to(inputs.dtype)
    return inputs * keep.mul_(_STEPS / (_STEPS - zeros))
