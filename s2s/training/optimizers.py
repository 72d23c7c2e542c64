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

    On a CPU it is lazy in the rows of the embeddings, except for the article engine, which follows
    the article. On a GPU a dense step costs little, and for the graphed engine the optimizer counts
    its steps on the device, as a graph requires.
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
    """torch's Adam, given the transposes of parameters that are stored by columns.

    Its fused kernel iterates over rows, and takes three times as long for the columns.
    """

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        any_complex: bool = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        for tensors in lists:
            tensors[:] = [value if value.is_contiguous() else value.t() for value in tensors]
        return any_complex
