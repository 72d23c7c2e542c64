"""The roofline: a lower bound of a step's time, from its operations and the bytes it moves."""

from collections.abc import Callable

import torch

from s2s.config import OptimizerName, Precision, TrainConfig
from s2s.data.corpus import Corpus
from s2s.task import Roofline
from s2s.training.device import matmul_precision
from s2s.translation.fast.projection import choose_chunk_rows, choose_gpu_chunk_rows, linear

_OPTIMIZER_PASSES = {OptimizerName.RMSPROP: 7, OptimizerName.ADAM: 7, OptimizerName.SGD: 5}
"""Values read and written per parameter by an optimizer step with momentum."""


class TranslationRoofline(Roofline):
    """The roofline of the GRU translator."""

    def __init__(self, config: TrainConfig, corpus: Corpus, device: torch.device) -> None:
        self._config, self._device = config, device
        self._dtype = torch.bfloat16 if config.precision is Precision.BF16 else torch.float32
        self._vocabulary_size = corpus.target.vocabulary_size
        training = slice(corpus.training.start, corpus.training.stop)
        self._target_tokens = float(corpus.target.lengths[training].mean())

    def count_matmul_rows(self, batch_size: int) -> int:
        rows = max(1, round(batch_size * self._target_tokens))
        if self._device.type == "cuda":
            return min(rows, choose_gpu_chunk_rows(self._vocabulary_size, self._dtype))
        return choose_chunk_rows(rows)

    def measure_matmul_rate(
        self, rows: int, measure_seconds: Callable[[Callable[[], None]], float]
    ) -> float:
        """Measure operations per second, on the output layer's products for N rows.

        These are three products of 2*N*H*V operations each, with H and V as in `step_seconds`.
        """
        hidden_size, vocabulary_size = self._config.hidden_size, self._vocabulary_size
        with torch.device(self._device):
            hidden = torch.randn(rows, hidden_size, dtype=self._dtype)
            weight_t = torch.randn(hidden_size, vocabulary_size, dtype=self._dtype)
            bias = torch.zeros(vocabulary_size, dtype=self._dtype)
            gradient = torch.randn(rows, vocabulary_size, dtype=self._dtype)

        def multiply() -> None:
            linear(hidden, weight_t.t(), bias)
            linear(gradient, weight_t, None)
            linear(hidden.t(), gradient.t(), None)

        with torch.no_grad(), matmul_precision(self._config.precision, self._device):
            return 6 * rows * hidden_size * vocabulary_size / measure_seconds(multiply)

    def step_seconds(
        self, source_tokens: float, target_tokens: float, matmul_rate: float, copy_rate: float
    ) -> float:
        """Return the lower bound in seconds for a step on this many real tokens, EOS included.

        With hidden size H, L layers per side, V target words, g operations per second and c bytes
        per second (read and write both counted), a step with RMSprop takes at least

            (6*V*H*target + 36*H**2*L*(source + target)) / g + 4*(7*(V*H + V) + 2*V*target) / c

        A weight takes part in three products per token, with 2 operations in each. The output layer
        has V*H weights, and a GRU layer has 6*H**2. For the output layer, the optimizer reads
        weight, gradient and two moments in float32, and writes all but the gradient. The logits
        of each target token are written and read once. All other work is left out, such as the
        overhead of calls. So no step reaches 100% of the roofline, least of all a small one.
        """
        config, vocabulary_size = self._config, self._vocabulary_size
        hidden_size, tokens = config.hidden_size, source_tokens + target_tokens
        operations = 6 * vocabulary_size * hidden_size * target_tokens
        operations += 36 * hidden_size**2 * config.layers * tokens
        passes = _OPTIMIZER_PASSES[config.optimizer]
        values = passes * vocabulary_size * (hidden_size + 1) + 2 * vocabulary_size * target_tokens
        return operations / matmul_rate + 4 * values / copy_rate
