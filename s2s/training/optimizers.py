"""The optimizers that a configuration can name."""

from collections.abc import Iterable

import torch
from torch import nn

from s2s.config import OptimizerName, TrainConfig


def build_optimizer(
    config: TrainConfig, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    rate = config.learning_rate
    match config.optimizer:
        case OptimizerName.RMSPROP:
            return torch.optim.RMSprop(parameters, lr=rate, momentum=config.momentum)
        case OptimizerName.ADAM:
            return torch.optim.Adam(parameters, lr=rate, fused=True)
        case OptimizerName.SGD:
            return torch.optim.SGD(parameters, lr=rate, momentum=config.momentum)
