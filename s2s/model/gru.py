"""A GRU layer over packed sentences: no step is spent on padding.

Packed: the tokens of sentences sorted from long to short, first all first tokens, then all
second ones, and so on. `batch_sizes[t]` says how many sentences have a token at step t.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from s2s.model.products import linear


def packed_gru(
    layer: nn.GRU, inputs: Tensor, state: Tensor, batch_sizes: Sequence[int]
) -> Tensor:
    """(P, H) packed inputs, (B, H) states before them -> (P, H) packed outputs."""
    if inputs.is_cuda:
        sizes = torch.tensor(batch_sizes)
        packed, _ = layer(PackedSequence(inputs, sizes), state.unsqueeze(0))
        return packed.data
    outputs: Tensor = _PackedGRU.apply(
        inputs,
        state,
        layer.weight_ih_l0,
        layer.weight_hh_l0,
        layer.bias_ih_l0,
        layer.bias_hh_l0,
        batch_sizes,
    )
    return outputs


class _PackedGRU(torch.autograd.Function):
    """torch.nn.GRU's equations, with few operations a step and one product a weight's gradient.

    r, z = sigmoid(W_ir x + b_ir + W_hr h + b_hr), likewise z; n = tanh(W_in x + b_in + r * m)
    with m = W_hn h + b_hn; h' = (1 - z) * n + z * h (Cho et al. 2014, arXiv:1406.1078, with the
    reset gate after the product, as in cuDNN).
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        inputs: Tensor,
        state: Tensor,
        weight_input: Tensor,
        weight_hidden: Tensor,
        bias_input: Tensor,
        bias_hidden: Tensor,
        batch_sizes: Sequence[int],
    ) -> Tensor:
        size = state.shape[1]
        gates = linear(inputs, weight_input, bias_input)
        from_hidden, outputs = torch.empty_like(gates), torch.empty_like(inputs)
        weight_t, hidden = weight_hidden.t(), state
        for count, product, product_ru, product_new, reset_update, reset, update, new, output in zip(
            batch_sizes,
            *(
                part.split(batch_sizes)
                for part in (
                    from_hidden,
                    from_hidden[:, : 2 * size],
                    from_hidden[:, 2 * size :],
                    gates[:, : 2 * size],
                    *gates.chunk(3, 1),
                    outputs,
                )
            ),
            strict=True,
        ):
            if count < len(hidden):
                hidden = hidden[:count]
            torch.addmm(bias_hidden, hidden, weight_t, out=product)
            reset_update.add_(product_ru).sigmoid_()
            new.addcmul_(reset, product_new).tanh_()
            torch.lerp(new, hidden, update, out=output)
            hidden = output
        ctx.save_for_backward(
            inputs, state, weight_input, weight_hidden, gates, from_hidden[:, 2 * size :], outputs
        )
        ctx.batch_sizes = batch_sizes
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        inputs, state, weight_input, weight_hidden, gates, from_hidden, outputs = ctx.saved_tensors
        batch_sizes = ctx.batch_sizes
        before = torch.cat(
            [state, *(o[:c] for o,c in zip(outputs.split(batch_sizes), batch_sizes[1:]))])
        reset, update, new = gates.chunk(3, 1)
        # What a gradient of h' is multiplied with on its way to each gate's product.
        to_new = (1 - update).mul_(1 - new * new)
        factors = torch.empty_like(gates)
        to_reset, to_update, to_hidden = factors.chunk(3, 1)
        torch.mul(to_new * from_hidden, reset - reset * reset, out=to_reset)
        torch.mul(before - new, update - update * update, out=to_update)
        torch.mul(to_new, reset, out=to_hidden)
        gradients = gradient.clone()
        hidden_gates = torch.empty_like(gates)
        carried = gradient.new_zeros(0, gradient.shape[1])
        for total, factor, step_gates, gate, count in zip(
            reversed(gradients.split(batch_sizes)),
            reversed(factors.unflatten(1, (3, -1)).split(batch_sizes)),
            reversed(hidden_gates.split(batch_sizes)),
            reversed(update.split(batch_sizes)),
            reversed(batch_sizes),
            strict=True,
        ):
            total[: len(carried)].add_(carried)
            torch.mul(total.unsqueeze(1), factor, out=step_gates.view(count, 3, -1))
            carried = torch.addmm(total * gate, step_gates, weight_hidden)
        bias_hidden_gradient = hidden_gates.sum(0)
        weight_hidden_gradient = hidden_gates.t() @ before
        torch.mul(gradients, to_new, out=hidden_gates[:, -gradient.shape[1] :])
        input_gates = hidden_gates
        return (
            input_gates @ weight_input,
            carried,
            input_gates.t() @ inputs,
            weight_hidden_gradient,
            input_gates.sum(0),
            bias_hidden_gradient,
            None,
        )
