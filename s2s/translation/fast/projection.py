"""The loss through the output layer, with its gradients computed in the same pass.

The gradient of a softmax needs the logits once more, so it is computed while a chunk of them is
still in the cache: softmax(x) - onehot(target), row by row.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK_ROWS = 384
"""Maximum rows of logits in memory at a time. More is slower on a CPU."""
_UNDERFLOWED = 1e-30
"""A probability below this has lost digits."""
_GPU_CHUNK_BYTES = 2**27
"""Logits in memory at a time on a GPU, which needs large products; the peak is twice as much."""
_ONEDNN = {torch.float32} if hasattr(torch.ops.mkldnn, "_linear_pointwise") else set()
if _ONEDNN and torch.ops.mkldnn._is_mkldnn_bf16_supported():
    _ONEDNN.add(torch.bfloat16)


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return inputs @ weight.T + bias by the fastest routine, without autograd.

    torch uses MKL for products in float32; oneDNN, which it also ships, takes half the time if V is
    large. The (V, H) weight may be stored by rows or by columns.
    """
    if inputs.device.type == "cpu" and inputs.dtype in _ONEDNN:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
        return result
    return functional.linear(inputs, weight, bias)


def chunk_rows(rows: int) -> int:
    """Return how many rows to compute at a time, out of as few different numbers as possible.

    The first product of a shape costs up to 5 ms, because oneDNN compiles a kernel for it, so
    numbers are rounded up by at most 3%.
    """
    chunks = -(-rows // CHUNK_ROWS)
    most = -(-rows // chunks)
    unit = max(1, 1 << (most.bit_length() - 6)) if most > 32 else 1
    return -(-most // unit) * unit


def gpu_chunk_rows(vocabulary: int, dtype: torch.dtype, chunk_bytes: int = _GPU_CHUNK_BYTES) -> int:
    """Return the maximum rows of logits that a GPU computes at a time."""
    return max(1, chunk_bytes // (vocabulary * dtype.itemsize))


class ProjectionGradients:
    """Loss and gradients of the output layer on a CPU."""

    def __init__(self, out: nn.Linear, *, bf16: bool = False) -> None:
        """Store the layer's weights by columns, as their gradient comes out without a transpose.

        Args:
            bf16: Compute the three products, and the softmax between them, in bfloat16.
        """
        self._out = out
        out.weight.data = out.weight.data.t().contiguous().t()
        self._dtype = torch.bfloat16 if bf16 else out.weight.dtype
        self._cast_weight = torch.empty_like(out.weight, dtype=self._dtype)
        self._cast_bias = torch.empty_like(out.bias, dtype=self._dtype)
        self._sum = out.weight.new_empty(out.in_features + 1, out.out_features)
        """Sum of the chunks' gradients, reused because new memory from the system is slow."""

    @torch.no_grad()
    def __call__(self, hidden: Tensor, targets: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """Compute the loss and set the layer's gradients, which are valid until the next call.

        Args:
            hidden: (N, H) decoder outputs at real positions.
            targets: (N,) word ids.
            scale: Factor of all gradients.

        Returns:
            The loss sum (scalar, nats) and its gradient for `hidden`.
        """
        weight, bias = self._out.weight.detach(), self._out.bias.detach()
        if self._dtype is not weight.dtype:
            weight, bias = self._cast_weight.copy_(weight), self._cast_bias.copy_(bias)
        rows = chunk_rows(len(hidden))
        chunks, factors = self._chunks(hidden, rows, scale)
        starts = torch.arange(rows).unsqueeze(1) * len(weight)
        loss_sum, hidden_gradient = hidden.new_zeros(()), torch.empty_like(hidden)
        total, single = None, len(chunks) == 1 and self._dtype is hidden.dtype
        for chunk, factor, target, gradient in zip(
            chunks,
            factors,
            torch.split(targets.unsqueeze(1), rows),
            torch.split(hidden_gradient, rows),
            strict=True,
        ):
            real = len(target)
            logits = linear(chunk, weight, bias)
            softmax = torch.softmax(logits, 1, out=logits)
            at_targets = starts[:real] + target
            likelihoods = softmax.view(-1)[at_targets]
            loss_sum += _log_loss(likelihoods.to(hidden.dtype), chunk[:real], weight, bias, target)
            softmax.view(-1)[at_targets] = likelihoods - 1
            softmax[real:] = 0
            gradient.copy_(linear(softmax, weight.t(), None)[:real]).mul_(scale)
            product = linear(factor, softmax.t(), None)
            if single:
                total = product
            elif total is None:
                total = self._sum.copy_(product)
            else:
                total.add_(product)
        assert total is not None
        self._out.weight.grad, self._out.bias.grad = total[:-1].t(), total[-1]
        return loss_sum, hidden_gradient

    def _chunks(self, hidden: Tensor, rows: int, scale: float) -> tuple[Tensor, Tensor]:
        """Return (C, N, H) chunks of rows and (C, H + 1, N) factors of their softmaxes.

        Missing rows are zeros. The factors are the rows times `scale`, and `scale` for the bias.
        """
        width, count = hidden.shape[1], -(-len(hidden) // rows)
        chunks = hidden.new_zeros(count, rows, width, dtype=self._dtype)
        chunks.view(-1, width)[: len(hidden)] = hidden
        factors = chunks.new_full((count, width + 1, rows), scale)
        torch.mul(chunks.mT, scale, out=factors[:, :width])
        return chunks, factors


def _log_loss(
    likelihoods: Tensor, rows: Tensor, weight: Tensor, bias: Tensor, target: Tensor
) -> Tensor:
    """Return -log of the (N, 1) likelihoods, summed; from the logits where these underflowed."""
    underflowed = (likelihoods < _UNDERFLOWED).squeeze(1)
    if not underflowed.any():
        return -likelihoods.log().sum()
    logits = linear(rows[underflowed], weight, bias).to(likelihoods.dtype)
    from_logits = functional.cross_entropy(logits, target[underflowed].squeeze(1), reduction="sum")
    return from_logits - likelihoods[~underflowed].log().sum()


class FixedProjection:
    """The same as ProjectionGradients, as work that a GPU can queue and capture in a graph.

    Operations and memory depend on shapes alone, never on a value; rows are left out by a mask. The
    gradients stay at the same place in memory.
    """

    def __init__(
        self, out: nn.Linear, *, bf16: bool = False, chunk_bytes: int = _GPU_CHUNK_BYTES
    ) -> None:
        self._out = out
        self._dtype = torch.bfloat16 if bf16 else out.weight.dtype
        self._chunk_rows = gpu_chunk_rows(out.out_features, self._dtype, chunk_bytes)
        self._weight_gradient = torch.empty_like(out.weight)
        self._bias_gradient = torch.empty_like(out.bias)

    @torch.no_grad()
    def __call__(
        self, hidden: Tensor, targets: Tensor, scale: float, real: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Do the same as ProjectionGradients for the rows that are `real` (N,); None: all."""
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
            rows, target, counts = hidden[chunk], targets[chunk].unsqueeze(1), mask[chunk]
            logits = functional.linear(rows.to(self._dtype), weight, bias)
            losses, gradient = _losses_and_gradients(logits, target)
            loss_sum += (losses.to(hidden.dtype) * counts).sum()
            # The mask is applied to the small factors, not to the large one.
            torch.mul(gradient @ weight, counts * scale, out=hidden_gradient[chunk])
            self._bias_gradient += (gradient.t() @ counts.to(self._dtype)).squeeze(1)
            self._add_weight_gradient(gradient, (rows * counts * scale).to(self._dtype), start == 0)
        self._bias_gradient.mul_(scale)
        return loss_sum, hidden_gradient

    def _add_weight_gradient(self, gradient: Tensor, rows: Tensor, first: bool) -> None:
        total = self._weight_gradient
        if self._dtype is total.dtype:
            torch.addmm(total, gradient.t(), rows, beta=0 if first else 1, out=total)
        elif first:
            total.copy_(gradient.t() @ rows)
        else:
            total += gradient.t() @ rows


def _losses_and_gradients(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (N, 1) cross entropies of (N, V) logits, and their (N, V) gradients.

    A target's probability may underflow, and testing for that would wait for the device. The
    highest probability, which is at least 1 / V, never does; the highest logit minus its logarithm
    is the logarithm of the sum of all exponentials.
    """
    highest, words = logits.max(1, keepdim=True)
    softmax = logits.softmax(1)
    wide = torch.promote_types(logits.dtype, torch.float32)
    log_total = highest.to(wide) - softmax.gather(1, words).to(wide).log()
    losses = log_total - logits.gather(1, target).to(wide)
    return losses, softmax.scatter_(1, target, softmax.gather(1, target) - 1)
