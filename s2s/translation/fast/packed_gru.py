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

    Takes 16 random bits per value from torch's generator of the device; torch's own dropout draws a
    slow Bernoulli number for each. The probability is rounded to a multiple of 2**-16.
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
        return outputs
    return _PackedGRU.apply(  # type: ignore[no-any-return, no-untyped-call]
        inputs,
        state,
        layer.weight_ih_l0,
        layer.weight_hh_l0,
        layer.bias_ih_l0,
        layer.bias_hh_l0,
        sizes,
    )


class _PackedGRU(torch.autograd.Function):
    """torch.nn.GRU's equations, all steps in one call, and one product per weight's gradient.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), likewise z; n = tanh(W_in x + b_in + r * m) with
    m = W_hn h + b_hn; h' = (1 - z) * n + z * h (Cho et al. 2014, arXiv:1406.1078, with the reset
    gate after the product, as in cuDNN).
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        state: Tensor,
        weight_input: Tensor,
        weight_hidden: Tensor,
        bias_input: Tensor,
        bias_hidden: Tensor,
        sizes: list[int],
    ) -> Tensor:
        gates, state = torch.addmm(bias_input, inputs, weight_input.t()), state.contiguous()
        products, outputs = torch.empty_like(gates), torch.empty_like(inputs)
        weights, library = weight_hidden.t().contiguous(), kernels(inputs.dtype)
        if isinstance(library, str):
            _forward_steps(sizes, weights, bias_hidden, state, gates, products, outputs)
        else:
            count, width, lengths = len(sizes), state.shape[1], torch.tensor(sizes)
            tensors = (lengths, weights, bias_hidden, state, gates, products, outputs)
            call(library.gru_forward, count, width, *tensors)
        ctx.save_for_backward(inputs, state, weight_input, weight_hidden, gates, products, outputs)
        ctx.sizes = sizes
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, state, weight_input, weight_hidden, gates, products, outputs = ctx.saved_tensors
        before, carried = torch.empty_like(outputs), torch.zeros_like(state)
        to_hidden, to_input = torch.empty_like(gates), torch.empty_like(gates)
        given = (weight_hidden, state, gates, products, outputs, gradients.contiguous())
        results, library = (before, to_hidden, to_input, carried), kernels(inputs.dtype)
        if isinstance(library, str):
            _backward_steps(ctx.sizes, *given, *results)
        else:
            count, width, lengths = len(ctx.sizes), state.shape[1], torch.tensor(ctx.sizes)
            call(library.gru_backward, count, width, lengths, *given, *results)
        return (
            to_input @ weight_input,
            carried,
            to_input.t() @ inputs,
            to_hidden.t() @ before,
            to_input.sum(0),
            to_hidden.sum(0),
            None,
        )


def _forward_steps(
    sizes: list[int],
    weights: Tensor,
    bias: Tensor,
    state: Tensor,
    gates: Tensor,
    products: Tensor,
    outputs: Tensor,
) -> None:
    """Compute what gru_forward in kernels.c does, with few operations per step."""
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


def _backward_steps(
    sizes: list[int],
    weights: Tensor,
    state: Tensor,
    gates: Tensor,
    products: Tensor,
    outputs: Tensor,
    gradients: Tensor,
    before: Tensor,
    to_hidden: Tensor,
    to_input: Tensor,
    carried: Tensor,
) -> None:
    """Compute what gru_backward in kernels.c does, with few operations per step."""
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
