"""The roofline of a training step: the least time that its arithmetic and its bytes need."""

from collections.abc import Callable

import torch

from s2s.config import OptimizerName, Precision, TrainConfig
from s2s.data.corpus import Corpus
from s2s.task import Roofline
from s2s.training.device import matmul_precision
from s2s.translation.fast.projection import chunk_rows, gpu_chunk_rows, linear

_OPTIMIZER_PASSES = {OptimizerName.RMSPROP: 7, OptimizerName.ADAM: 7, OptimizerName.SGD: 5}
"""Reads and writes of each parameter per step, with momentum: weight, gradient and moments."""


class TranslationRoofline(Roofline):
    """The roofline of the GRU translator."""

    def __init__(self, config: TrainConfig, corpus: Corpus, device: torch.device) -> None:
        self._config, self._device = config, device
        self._dtype = torch.bfloat16 if config.precision is Precision.BF16 else torch.float32
        self._vocabulary = corpus.target.vocabulary_size
        training = slice(corpus.training.start, corpus.training.stop)
        self._target_tokens = float(corpus.target.lengths[training].mean())

    def product_rows(self, batch_size: int) -> int:
        rows = max(1, round(batch_size * self._target_tokens))
        if self._device.type == "cuda":
            return min(rows, gpu_chunk_rows(self._vocabulary, self._dtype))
        return chunk_rows(rows)

    def product_rate(
        self, rows: int, seconds_per_call: Callable[[Callable[[], None]], float]
    ) -> float:
        """Measure the output layer's three products alone, on N rows.

        (N, H) @ (H, V) + bias, (N, V) @ (V, H), and (H, N) @ (N, V), by the routine that training
        uses, from weights stored by columns; 2*N*H*V operations each.
        """
        hidden_size, vocabulary = self._config.hidden_size, self._vocabulary
        with torch.device(self._device):
            hidden = torch.randn(rows, hidden_size, dtype=self._dtype)
            weight_t = torch.randn(hidden_size, vocabulary, dtype=self._dtype)
            bias = torch.zeros(vocabulary, dtype=self._dtype)
            gradient = torch.randn(rows, vocabulary, dtype=self._dtype)

        def products() -> None:
            linear(hidden, weight_t.t(), bias)
            linear(gradient, weight_t, None)
            linear(hidden.t(), gradient.t(), None)

        with torch.no_grad(), matmul_precision(self._config.precision, self._device):
            return 6 * rows * hidden_size * vocabulary / seconds_per_call(products)

    def step_seconds(
        self, source_tokens: float, target_tokens: float, product_rate: float, copy_rate: float
    ) -> float:
        """Return the least seconds of a step on real tokens, EOS included, padding left out.

        With hidden size H, L layers per side, V target words, products at g operations per second
        and memory at c bytes per second (read and write both counted):

            (6*V*H*target + 36*H**2*L*(source + target)) / g + 4*(7*(V*H + V) + 2*V*target) / c

        A product of (N, H) by (H, V) is 2*N*H*V operations, and each weight takes part in three:
        the forward one, the gradient of the inputs and that of the weights; so 6*V*H per target
        token for the output layer. A GRU layer holds 6*H**2 weights, so 36*H**2 per token and
        layer, counted at the rate of the output products, which are larger and faster. The bytes:
        the optimizer passes over the output layer's float32 parameters 7 times (reads weight,
        gradient and two moments, writes all but the gradient, as RMSprop with momentum and Adam
        do; SGD 5 times); the logits of each real position are written once and read once.

        Left out, because a good program can hide or avoid it: embeddings (rows of absent words
        need no update), the GRUs' own update, exponentials, sampling the batch, the overhead of
        each call. So 100% cannot be reached, and at small batch sizes overhead is most of a step.
        """
        config, vocabulary = self._config, self._vocabulary
        hidden_size, tokens = config.hidden_size, source_tokens + target_tokens
        products = 6 * vocabulary * hidden_size * target_tokens
        products += 36 * hidden_size**2 * config.layers * tokens
        passes = _OPTIMIZER_PASSES[config.optimizer]
        values = passes * vocabulary * (hidden_size + 1) + 2 * vocabulary * target_tokens
        return products / product_rate + 4 * values / copy_rate
