"""The output layer: its loss and its gradients, computed together in one pass over chunks of rows.

The gradient of the loss with respect to the logits x is softmax(x) - onehot(target). It is computed
while a chunk of logits is still in the cache.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK_ROWS = 384
"""Maximum number of rows per chunk on a CPU, where larger chunks are slower."""
_MIN_PROBABILITY = 1e-30
"""Smaller probabilities may have lost digits to underflow."""
_GPU_CHUNK_BYTES = 2**27
"""Maximum size of a chunk's logits on a GPU, where small matrix products are slow."""
_ONEDNN_DTYPES = {torch.float32} if hasattr(torch.ops.mkldnn, "_linear_pointwise") else set()
if _ONEDNN_DTYPES and torch.ops.mkldnn._is_mkldnn_bf16_supported():
    _ONEDNN_DTYPES.add(torch.bfloat16)


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return inputs @ weight.T + bias, computed by the fastest routine without autograd.

    torch uses MKL for float32 products. oneDNN, which torch contains too, takes half the time for a
    large vocabulary. The weight may be stored by rows or by columns.
    """
    if inputs.device.type == "cpu" and inputs.dtype in _ONEDNN_DTYPES:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
        return result
    return functional.linear(inputs, weight, bias)


def choose_chunk_rows(rows: int) -> int:
    """Return the number of rows per chunk on a CPU, given the number of all rows.

    It is rounded up by at most 3% to be one of few numbers. For each new number, oneDNN compiles a
    kernel, which takes up to 5 ms.
    """
    chunk_count = math.ceil(rows / CHUNK_ROWS)
    exact = math.ceil(rows / chunk_count)
    unit = 1 << max(0, exact.bit_length() - 6)
    return math.ceil(exact / unit) * unit


def choose_gpu_chunk_rows(
    vocabulary_size: int, dtype: torch.dtype, chunk_bytes: int = _GPU_CHUNK_BYTES
) -> int:
    """Return the number of rows per chunk on a GPU."""
    return max(1, chunk_bytes // (vocabulary_size * dtype.itemsize))


class ProjectionGradients:
    """Computes loss and gradients of the output layer on a CPU."""

    def __init__(self, out: nn.Linear, *, bf16: bool = False) -> None:
        """Store the layer's weight by columns, because its gradient is computed by columns.

        Args:
            bf16: Whether to compute the products, and the softmax between them, in bfloat16.
        """
        self._out = out
        out.weight.data = out.weight.data.t().contiguous().t()
        self._dtype = torch.bfloat16 if bf16 else out.weight.dtype
        self._cast_weight = torch.empty_like(out.weight, dtype=self._dtype)
        self._cast_bias = torch.empty_like(out.bias, dtype=self._dtype)

    @torch.no_grad()
    def __call__(self, hidden: Tensor, targets: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """Compute the loss, and set the gradients of the layer's weight and bias.

        Args:
            hidden: (N, H) decoder outputs at real positions.
            targets: (N,) word ids.
            scale: Factor for all gradients, but not for the loss.

        Returns:
            The scalar loss sum in nats, and the (N, H) gradient with respect to `hidden`.
        """
        weight, bias = self._out.weight.detach(), self._out.bias.detach()
        if self._dtype is not weight.dtype:
            weight, bias = self._cast_weight.copy_(weight), self._cast_bias.copy_(bias)
        rows, width = choose_chunk_rows(len(hidden)), hidden.shape[1]
        chunk_count = math.ceil(len(hidden) / rows)
        chunks = hidden.new_zeros(chunk_count, rows, width, dtype=self._dtype)
        chunks.view(-1, width)[: len(hidden)] = hidden
        # factor @ (softmax - onehot) is the weight's gradient and, in its last row, the bias's.
        factors = chunks.new_full((chunk_count, width + 1, rows), scale)
        torch.mul(chunks.mT, scale, out=factors[:, :width])
        starts = torch.arange(rows).unsqueeze(1) * len(weight)
        loss_sum, hidden_gradient = hidden.new_zeros(()), torch.empty_like(hidden)
        layer_gradient = None
        for chunk, factor, target, gradient in zip(
            chunks,
            factors,
            torch.split(targets.unsqueeze(1), rows),
            torch.split(hidden_gradient, rows),
            strict=True,
        ):
            real = len(target)  # the last chunk may have unused rows
            logits = linear(chunk, weight, bias)
            softmax = torch.softmax(logits, 1, out=logits)
            at_targets = starts[:real] + target
            likelihoods = softmax.view(-1)[at_targets]
            loss_sum += _log_loss(likelihoods.to(hidden.dtype), chunk[:real], weight, bias, target)
            softmax.view(-1)[at_targets] = likelihoods - 1
            softmax[real:] = 0
            gradient.copy_(linear(softmax, weight.t(), None)[:real]).mul_(scale)
            product = linear(factor, softmax.t(), None).to(hidden.dtype)
            layer_gradient = product if layer_gradient is None else layer_gradient.add_(product)
        assert layer_gradient is not None
        self._out.weight.grad, self._out.bias.grad = layer_gradient[:-1].t(), layer_gradient[-1]
        return loss_sum, hidden_gradient


def _log_loss(
    likelihoods: Tensor, rows: Tensor, weight: Tensor, bias: Tensor, target: Tensor
) -> Tensor:
    """Return the sum of -log(likelihood) for (N, 1) likelihoods; use the logits for tiny ones."""
    is_tiny = (likelihoods < _MIN_PROBABILITY).squeeze(1)
    if not is_tiny.any():
        return -likelihoods.log().sum()
    logits = linear(rows[is_tiny], weight, bias).to(likelihoods.dtype)
    from_logits = functional.cross_entropy(logits, target[is_tiny].squeeze(1), reduction="sum")
    return from_logits - likelihoods[~is_tiny].log().sum()


class FixedProjection:
    """Computes loss and gradients of the output layer by operations that a CUDA graph can capture.

    The operations depend on shapes alone, never on values, so a mask leaves rows out. Every call
    writes the gradients to the same place in memory.
    """

    def __init__(
        self, out: nn.Linear, *, bf16: bool = False, chunk_bytes: int = _GPU_CHUNK_BYTES
    ) -> None:
        self._out = out
        self._dtype = torch.bfloat16 if bf16 else out.weight.dtype
        self._chunk_rows = choose_gpu_chunk_rows(out.out_features, self._dtype, chunk_bytes)
        self._weight_gradient = torch.empty_like(out.weight)
        self._bias_gradient = torch.empty_like(out.bias)

    @torch.no_grad()
    def __call__(
        self, hidden: Tensor, targets: Tensor, scale: float, real: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the same as ProjectionGradients, but only for some rows if `real` is given.

        Args:
            real: (N,) bool, whether a row counts.
        """
        weight = self._out.weight.detach().to(self._dtype)
        bias = self._out.bias.detach().to(self._dtype)
        self._out.weight.grad, self._out.bias.grad = self._weight_gradient, self._bias_gradient
        if real is None:
            real = torch.ones_like(targets, dtype=torch.bool)
        mask = real.to(hidden.dtype).unsqueeze(1)
        self._bias_gradient.zero_()
        loss_sum, hidden_gradient = hidden.new_zeros(()), torch.empty_like(hidden)
        for start in range(0, len(hidden), self._chunk_rows):
            chunk = slice(start, start + self._chunk_rows)
            rows, target, is_real = hidden[chunk], targets[chunk].unsqueeze(1), mask[chunk]
            logits = functional.linear(rows.to(self._dtype), weight, bias)
            losses, gradient = _losses_and_gradients(logits, target)
            loss_sum += (losses.to(hidden.dtype) * is_real).sum()
            # Mask the small factors of the products, because `gradient` is large.
            torch.mul(gradient @ weight, is_real * scale, out=hidden_gradient[chunk])
            self._bias_gradient += (gradient.t() @ is_real.to(self._dtype)).squeeze(1)
            self._add_to_weight(gradient, (rows * is_real * scale).to(self._dtype), start == 0)
        self._bias_gradient.mul_(scale)
        return loss_sum, hidden_gradient

    def _add_to_weight(self, gradient: Tensor, rows: Tensor, is_first: bool) -> None:
        total = self._weight_gradient
        if self._dtype is total.dtype:
            torch.addmm(total, gradient.t(), rows, beta=0 if is_first else 1, out=total)
        elif is_first:
            total.copy_(gradient.t() @ rows)
        else:
            total += gradient.t() @ rows


def _losses_and_gradients(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (N, 1) cross entropies of (N, V) logits, and the (N, V) gradients.

    A target's probability may underflow, and testing for that would wait for the device. So the
    loss is log(sum(exp(logits))) minus the target's logit. The logarithm is the highest logit minus
    the logarithm of the highest probability, which is at least 1 / V.
    """
    highest, words = logits.max(1, keepdim=True)
    softmax = logits.softmax(1)
    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_sum = highest.to(dtype) - softmax.gather(1, words).to(dtype).log()
    losses = log_sum - logits.gather(1, target).to(dtype)
    return losses, softmax.scatter_(1, target, softmax.gather(1, target) - 1)
