"""The optimizers that a configuration can name."""

from typing import Any

import torch
from torch import Tensor

from s2s.config import Engine, OptimizerName, TrainConfig
from s2s.training.lazy_optimizers import LazyRMSprop, LazySGD
from s2s.translation.model import Seq2Seq


def build_optimizer(config: TrainConfig, model: Seq2Seq) -> torch.optim.Optimizer:
    """Dense for `article`, as in the article, and on a GPU, where a dense step costs little.

    There `graphed` gets what a graph can hold: steps counted on the device. SGD counts none.
    """
    parameters = model.parameters()
    rate, momentum = config.learning_rate, config.momentum
    on_cpu = model.decoder.out.weight.device.type == "cpu"
    lazy = on_cpu and config.engine is not Engine.ARTICLE
    captured = not on_cpu and config.engine is Engine.GRAPHED
    embeddings = [model.encoder.embedding, model.decoder.embedding]
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
    """torch's, given parameters that lie by columns as their transposes.

    Its fused kernel goes through rows, and takes three times as long over columns.
    """

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        any_complex: bool = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        for tensors in lists:
            tensors[:] = [value if value.is_contiguous() else value.t() for value in tensors]
        return any_complex
