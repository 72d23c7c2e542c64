"""A GRU layer over packed sentences: no step is spent on padding.

Packed: the tokens of sentences sorted from long to short, first all first tokens, then all
second ones, and so on. `sizes[t]` says how many sentences have a token at step t.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence


def packed_gru(layer: nn.GRU, inputs: Tensor, state: Tensor, sizes: list[int]) -> Tensor:
    """(P, H) packed inputs, (B, H) states before them -> (P, H) packed outputs."""
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
    """torch.nn.GRU's equations, with few operations a step and one product a weight's gradient.

    r, z = sigmoid(W_ir x + b_ir + W_hr h + b_hr), likewise z; n = tanh(W_in x + b_in + r * m)
    with m = W_hn h + b_hn; h' = (1 - z) * n + z * h (Cho et al. 2014, arXiv:1406.1078, with the
    reset gate after the product, as in cuDNN).
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
        width = state.shape[1]
        gates = torch.addmm(bias_input, inputs, weight_input.t())
        from_hidden, outputs = torch.empty_like(gates), torch.empty_like(inputs)
        steps = zip(
            torch.split(from_hidden, sizes),
            torch.split(from_hidden[:, : 2 * width], sizes),
            torch.split(from_hidden[:, 2 * width :], sizes),
            torch.split(gates[:, : 2 * width], sizes),
            *(torch.split(gate, sizes) for gate in gates.chunk(3, 1)),
            torch.split(outputs, sizes),
            strict=True,
        )
        weight_t, hidden, before = weight_hidden.t(), state, []
        for product, product_ru, product_new, reset_update, reset, update, new, output in steps:
            if len(output) < len(hidden):
                hidden = hidden[: len(output)]
            before.append(hidden)
            torch.addmm(bias_hidden, hidden, weight_t, out=product)
            reset_update.add_(product_ru).sigmoid_()
            new.addcmul_(reset, product_new).tanh_()
            hidden = torch.lerp(new, hidden, update, out=output)
        ctx.save_for_backward(
            inputs,
            weight_input,
            weight_hidden,
            gates,
            from_hidden[:, 2 * width :],
            torch.cat(before),
        )
        ctx.sizes = sizes
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight_input, weight_hidden, gates, from_hidden, before = ctx.saved_tensors
        width, sizes = gradient.shape[1], ctx.sizes
        reset, update, new = gates.chunk(3, 1)
        # What a gradient of h' is multiplied with on its way to each gate's product.
        to_new = (1 - update).mul_(1 - new * new)
        factors = torch.empty_like(gates)
        to_reset, to_update, to_hidden = factors.chunk(3, 1)
        torch.mul(to_new * from_hidden, reset - reset * reset, out=to_reset)
        torch.mul(before - new, update - update * update, out=to_update)
        torch.mul(to_new, reset, out=to_hidden)
        gradients, gate_gradients = gradient.clone(), torch.empty_like(gates)
        carried = gradient.new_zeros(0, width)
        for total, factor, gate_gradient, kept in zip(
            reversed(torch.split(gradients, sizes)),
            reversed(torch.split(factors.view(-1, 3, width), sizes)),
            reversed(torch.split(gate_gradients, sizes)),
            reversed(torch.split(update, sizes)),
            strict=True,
        ):
            total[: len(carried)].add_(carried)
            torch.mul(total.unsqueeze(1), factor, out=gate_gradient.view(-1, 3, width))
            carried = torch.addmm(total * kept, gate_gradient, weight_hidden)
        bias_hidden_gradient = gate_gradients.sum(0)
        weight_hidden_gradient = gate_gradients.t() @ before
        # From here on those of the inputs' products: the new gate's comes without the reset.
        torch.mul(gradients, to_new, out=gate_gradients[:, 2 * width :])
        return (
            gate_gradients @ weight_input,
            carried,
            gate_gradients.t() @ inputs,
            weight_hidden_gradient,
            gate_gradients.sum(0),
            bias_hidden_gradient,
            None,
        )
