"""A GRU layer and dropout over packed sentences, without computing any padding.

Packed: the tokens of sentences sorted from long to short, first all first tokens, then all
second ones, and so on. `sizes[t]` is the number of sentences that have a token at step t.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from s2s.translation.fast.kernels import call, kernels

_DROPOUT_STEPS = 1 << 16


def fast_dropout(inputs: Tensor, probability: float) -> Tensor:
    """Set values to zero with a probability, and scale the others up to keep the mean.

    Uses 16 random bits per value from torch's generator of the device; torch's own dropout is slow
    because it draws a Bernoulli number for each. The probability is rounded to multiples of 2**-16.
    """
    zeros = round(probability * _DROPOUT_STEPS)
    if not zeros:
        return inputs
    words = inputs.new_empty((inputs.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: inputs.numel()].view_as(inputs)
    keep = (bits >= zeros - _DROPOUT_STEPS // 2).to(inputs.dtype)
    return inputs * keep.mul_(_DROPOUT_STEPS / (_DROPOUT_STEPS - zeros))


def packed_gru(layer: nn.GRU, inputs: Tensor, state: Tensor, sizes: list[int]) -> Tensor:
    """Return the (P, H) packed outputs of a layer.

    Args:
        inputs: (P, H) packed.
        state: (B, H) states before the first token.
    """
    if inputs.is_cuda:
        packed, _ = layer(PackedSequence(inputs, torch.tensor(sizes)), state.unsqueeze(0))
        outputs: Tensor = packed.data
    else:
        weights = layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0
        outputs = _PackedGRU.apply(inputs, state, sizes, *weights)  # type: ignore[no-untyped-call]
    return outputs


class _PackedGRU(torch.autograd.Function):
    """torch.nn.GRU's equations, all steps in one call, and one product per weight's gradient.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), likewise z; n = tanh(W_in x + b_in + r * m) with
    m = W_hn h + b_hn; h' = (1 - z) * n + z * h (Cho et al. 2014, arXiv:1406.1078, with the reset
    gate after the product, as in cuDNN).
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, state: Tensor, sizes: list[int], *weights: Tensor
    ) -> Tensor:
        weight_input, weight_hidden, bias_input, bias_hidden = weights
        gates, state = torch.addmm(bias_input, inputs, weight_input.t()), state.contiguous()
        products, outputs = torch.empty_like(gates), torch.empty_like(inputs)
        weight_hidden_t = weight_hidden.t().contiguous()
        _run("gru_forward", sizes, weight_hidden_t, bias_hidden, state, gates, products, outputs)
        ctx.save_for_backward(inputs, state, weight_input, weight_hidden, gates, products, outputs)
        ctx.sizes = sizes
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, state, weight_input, weight_hidden, gates, products, outputs = ctx.saved_tensors
        before, carried = torch.empty_like(outputs), torch.zeros_like(state)
        to_hidden, to_input = torch.empty_like(gates), torch.empty_like(gates)
        arguments = (weight_hidden, state, gates, products, outputs, gradients.contiguous())
        _run("gru_backward", ctx.sizes, *arguments, before, to_hidden, to_input, carried)
        return (
            to_input @ weight_input,
            carried,
            None,
            to_input.t() @ inputs,
            to_hidden.t() @ before,
            to_input.sum(0),
            to_hidden.sum(0),
        )


def _run(name: str, sizes: list[int], *tensors: Tensor) -> None:
    """Call a function of kernels.c, or do the same with torch if there is no C compiler."""
    library = kernels(tensors[0].dtype)
    if not isinstance(library, str):
        width = tensors[-1].shape[1]
        call(getattr(library, name), len(sizes), width, torch.tensor(sizes), *tensors)
    elif name == "gru_forward":
        _forward(sizes, *tensors)
    else:
        _backward(sizes, *tensors)


def _forward(sizes: list[int], *tensors: Tensor) -> None:
    """Do the same as gru_forward in kernels.c, with few operations per step."""
    weights, bias, state, gates, products, outputs = tensors
    width = state.shape[1]
    steps = zip(
        torch.split(products, sizes),
        torch.split(products[:, : 2 * width], sizes),
        torch.split(products[:, 2 * width :], sizes),
        torch.split(gates[:, : 2 * width], sizes),
        *(torch.split(gate, sizes) for gate in gates.chunk(3, 1)),
        torch.split(outputs, sizes),
        strict=True,
    )
    hidden = state
    for product, product_ru, product_new, reset_update, reset, update, new, output in steps:
        hidden = hidden[: len(output)]
        torch.addmm(bias, hidden, weights, out=product)
        reset_update.add_(product_ru).sigmoid_()
        new.addcmul_(reset, product_new).tanh_()
        hidden = torch.lerp(new, hidden, update, out=output)


def _backward(sizes: list[int], *tensors: Tensor) -> None:
    """Do the same as gru_backward in kernels.c, with few operations per step."""
    weights, state, gates, products, outputs, gradients, *results = tensors
    before, to_hidden, to_input, carried = results
    width = state.shape[1]
    states = [state, *torch.split(outputs, sizes)[:-1]]
    torch.cat([last[:size] for last, size in zip(states, sizes, strict=True)], out=before)
    reset, update, new = gates.chunk(3, 1)
    # Factors of the gradient of h' on its way to each gate's product.
    to_new = (1 - update).mul_(1 - new * new)
    factors = torch.empty_like(gates)
    by_reset, by_update, by_hidden = factors.chunk(3, 1)
    torch.mul(to_new * products[:, 2 * width :], reset - reset * reset, out=by_reset)
    torch.mul(before - new, update - update * update, out=by_update)
    torch.mul(to_new, reset, out=by_hidden)
    totals = gradients.clone()
    for total, factor, gradient, gate in zip(
        reversed(torch.split(totals, sizes)),
        reversed(torch.split(factors.view(-1, 3, width), sizes)),
        reversed(torch.split(to_hidden, sizes)),
        reversed(torch.split(update, sizes)),
        strict=True,
    ):
        carry = carried[: len(total)]
        total.add_(carry)
        torch.mul(total.unsqueeze(1), factor, out=gradient.view(-1, 3, width))
        torch.addmm(total * gate, gradient, weights, out=carry)
    to_input.copy_(to_hidden)
    torch.mul(totals, to_new, out=to_input[:, 2 * width :])
