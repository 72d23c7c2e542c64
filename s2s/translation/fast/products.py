"""Matrix products, by the fastest routine at hand."""

import torch
from torch import Tensor
from torch.nn import functional

_ONEDNN = {torch.float32} if hasattr(torch.ops.mkldnn, "_linear_pointwise") else set()
if _ONEDNN and torch.ops.mkldnn._is_mkldnn_bf16_supported():
    _ONEDNN.add(torch.bfloat16)


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(N, H) inputs, (V, H) weights, (V,) bias -> (N, V) inputs @ weights.T + bias, no autograd.

    torch asks MKL for products in float32; oneDNN, which ships with it as well, takes half the
    time where V is large. The weights may lie in memory by rows or by columns.
    """
    if inputs.device.type == "cpu" and inputs.dtype in _ONEDNN:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
        return result
    return functional.linear(inputs, weight, bias)
