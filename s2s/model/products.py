"""Matrix products, by the fastest routine at hand."""

import torch
from torch import Tensor
from torch.nn import functional

_ONEDNN = hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(N, H) inputs, (V, H) weights, (V,) bias -> (N, V) inputs @ weights.T + bias, no autograd.

    torch asks MKL for products in float32; oneDNN, which ships with it as well, takes half the
    time where V is large.
    """
    if _ONEDNN and inputs.device.type == "cpu" and inputs.dtype is torch.float32:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
        return result
    return functional.linear(inputs, weight, bias)
