"""Build an optimizer from its configuration."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from s2s.config import Engine, OptimizerName, TrainConfig
from s2s.training.lazy_optimizers import LazyRMSprop, LazySGD


def build_optimizer(
    config: TrainConfig, model: nn.Module, embeddings: Sequence[nn.Embedding]
) -> torch.optim.Optimizer:
    """Build the optimizer of all parameters.

    On a CPU embeddings get lazy updates, except under the article engine. On a GPU an update of all
    rows costs little. The graphed engine needs an optimizer that counts its steps on the device.
    """
    parameters = list(model.parameters())
    rate, momentum = config.learning_rate, config.momentum
    on_cpu = parameters[0].device.type == "cpu"
    lazy = on_cpu and config.engine is not Engine.ARTICLE
    captured = not on_cpu and config.engine is Engine.GRAPHED
    match config.optimizer:
        case OptimizerName.RMSPROP if lazy:
            return LazyRMSprop(parameters, embeddings, lr=rate, momentum=momentum)
        case OptimizerName.RMSPROP:
            return torch.optim.RMSprop(parameters, lr=rate, momentum=momentum, capturable=captured)
        case OptimizerName.ADAM if on_cpu:
            return RowsAdam(parameters, lr=rate, fused=True)
        case OptimizerName.ADAM:
            return torch.optim.Adam(parameters, lr=rate, fused=True, capturable=captured)
        case OptimizerName.SGD if lazy:
            return LazySGD(parameters, embeddings, lr=rate, momentum=momentum)
        case OptimizerName.SGD:
            return torch.optim.SGD(parameters, lr=rate, momentum=momentum)


class RowsAdam(torch.optim.Adam):
    """torch's Adam, applied to the transposes of parameters that are stored by columns.

    The fused kernel iterates over rows, and would take three times as long.
    """

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        any_complex: bool = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        for tensors in lists:
            tensors[:] = [value if value.is_contiguous() else value.t() for value in tensors]
        return any_complex
