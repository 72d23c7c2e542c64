"""A GRU layer and dropout for packed sentences, which have no padding.

Packed sentences are sorted from long to short. All first tokens come first, then all second tokens,
and so on: P tokens of B sentences. At step t, `sizes[t]` sentences have a token.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from s2s.translation.fast.kernels import call_kernel, get_kernels

_DROPOUT_STEPS = 1 << 16


def fast_dropout(inputs: Tensor, probability: float) -> Tensor:
    """Set values to zero with this probability, and scale the others up to keep the mean.

    This takes 16 random bits per value. torch's own dropout is slow, because it draws a whole
    random number per value. The probability is rounded to a multiple of 2**-16.
    """
    zeros = round(probability * _DROPOUT_STEPS)
    if not zeros:
        return inputs
    words = inputs.new_empty((inputs.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: inputs.numel()].view_as(inputs)
    keep = (bits >= zeros - _DROPOUT_STEPS // 2).to(inputs.dtype)
    return inputs * keep.mul_(_DROPOUT_STEPS / (_DROPOUT_STEPS - zeros))


def packed_gru(layer: nn.GRU, inputs: Tensor, state: Tensor, sizes: list[int]) -> Tensor:
    """Return the layer's (P, H) packed outputs for (P, H) inputs and (B, H) initial states."""
    if inputs.is_cuda:
        packed, _ = layer(PackedSequence(inputs, torch.tensor(sizes)), state.unsqueeze(0))
        outputs: Tensor = packed.data
    else:
        weights = layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0
        outputs = _PackedGRU.apply(inputs, state, sizes, *weights)  # type: ignore[no-untyped-call]
    return outputs


class _PackedGRU(torch.autograd.Function):
    """torch.nn.GRU's equations, with all steps in one call and one product per weight gradient.

    From the input x and the state h, the next state h' is computed by
    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), likewise z; n = tanh(W_in x + b_in + r * m) with
    m = W_hn h + b_hn; h' = (1 - z) * n + z * h (Cho et al. 2014, arXiv:1406.1078, with the reset
    gate after the product, as in cuDNN).

    Tensors of shape (P, 3H) hold three values side by side: `gates` holds r, z and n, and
    `hidden_products` holds the products of h plus their biases, for r, z and n.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, state: Tensor, sizes: list[int], *weights: Tensor
    ) -> Tensor:
        weight_input, weight_hidden, bias_input, bias_hidden = weights
        # At first `gates` holds the products of the inputs.
        gates, state = torch.addmm(bias_input, inputs, weight_input.t()), state.contiguous()
        hidden_products, outputs = torch.empty_like(gates), torch.empty_like(inputs)
        weight_hidden_t = weight_hidden.t().contiguous()
        results = gates, hidden_products, outputs
        _run("gru_forward", sizes, weight_hidden_t, bias_hidden, state, *results)
        ctx.save_for_backward(inputs, state, weight_input, weight_hidden, *results)
        ctx.sizes = sizes
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        inputs, state, weight_input, weight_hidden, *results = ctx.saved_tensors
        gates, _, outputs = results
        grad_hidden, grad_input = torch.empty_like(gates), torch.empty_like(gates)
        previous, grad_state = torch.empty_like(outputs), torch.zeros_like(state)
        arguments = weight_hidden, state, *results, grad_outputs.contiguous()
        _run("gru_backward", ctx.sizes, *arguments, previous, grad_hidden, grad_input, grad_state)
        return (
            grad_input @ weight_input,
            grad_state,
            None,
            grad_input.t() @ inputs,
            grad_hidden.t() @ previous,
            grad_input.sum(0),
            grad_hidden.sum(0),
        )


def _run(name: str, sizes: list[int], *tensors: Tensor) -> None:
    """Call a function of kernels.c, or its replacement if there is no C compiler."""
    library = get_kernels(tensors[0].dtype)
    if not isinstance(library, str):
        width = tensors[-1].shape[1]
        call_kernel(getattr(library, name), len(sizes), width, torch.tensor(sizes), *tensors)
    elif name == "gru_forward":
        _forward(sizes, *tensors)
    else:
        _backward(sizes, *tensors)


def _forward(sizes: list[int], *tensors: Tensor) -> None:
    """Compute the same as gru_forward in kernels.c, with torch's operations."""
    weights, bias, state, *results = tensors
    width = state.shape[1]
    steps = zip(*(torch.split(each, sizes) for each in results), strict=True)
    for gates, hidden_products, output in steps:
        state = state[: len(output)]
        torch.addmm(bias, state, weights, out=hidden_products)
        gates[:, : 2 * width].add_(hidden_products[:, : 2 * width]).sigmoid_()
        reset, update, new = gates.chunk(3, 1)
        new.addcmul_(reset, hidden_products[:, 2 * width :]).tanh_()
        state = torch.lerp(new, state, update, out=output)


def _backward(sizes: list[int], *tensors: Tensor) -> None:
    """Compute the same as gru_backward in kernels.c, with torch's operations."""
    weights, state, gates, hidden_products, outputs, grad_outputs, *results = tensors
    previous, grad_hidden, grad_input, grad_state = results
    width = state.shape[1]
    states = [state, *torch.split(outputs, sizes)[:-1]]
    torch.cat([each[:size] for each, size in zip(states, sizes, strict=True)], out=previous)
    reset, update, new = gates.chunk(3, 1)
    # Derivatives of h' by the arguments of tanh and of both sigmoids; by_new * reset is that by m.
    by_new = (1 - update).mul_(1 - new * new)
    by_reset = by_new * hidden_products[:, 2 * width :] * (reset - reset * reset)
    by_update = (previous - new) * (update - update * update)
    derivatives = torch.stack([by_reset, by_update, by_new * reset], 1)
    totals = grad_outputs.clone()
    columns = totals, derivatives, grad_hidden.view(-1, 3, width), update
    steps = zip(*(reversed(torch.split(each, sizes)) for each in columns), strict=True)
    for total, derivative, grad_products, update_gate in steps:
        carried = grad_state[: len(total)]
        total.add_(carried)
        torch.mul(total.unsqueeze(1), derivative, out=grad_products)
        torch.addmm(total * update_gate, grad_products.flatten(1), weights, out=carried)
    grad_input.copy_(grad_hidden)
    torch.mul(totals, by_new, out=grad_input[:, 2 * width :])
