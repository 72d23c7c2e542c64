"""Checks of a checkpoint's content: names, shapes, dtypes and values that training relies on.

Each raises a ValueError with the reason. They matter because a fused kernel does not check shapes:
given state of another shape than its weights, it overwrites memory of something else.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from s2s.config import OptimizerName, TrainConfig
from s2s.validation import check_integer

Tensors = Mapping[str, Tensor]
_LAZY_NAMES = {"rows", "missed", "rate"}
"""State that a lazy optimizer has for an embedding in addition to the usual entries."""
_MOMENT_NAMES = {
    OptimizerName.ADAM: {"exp_avg", "exp_avg_sq"},
    OptimizerName.RMSPROP: {"square_avg"},
    OptimizerName.SGD: set[str](),
}
_MISMATCH = "its optimizer state does not fit its weights"


def check_outline(
    iteration: Any, config: TrainConfig, model: nn.Module, weights: Tensors, state: Tensors
) -> None:
    """Check everything but values. Tensors may be on the meta device."""
    check_integer(iteration, "its iteration", 0, 2**62)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    if shapes != {name: value.shape for name, value in weights.items()}:
        raise ValueError("its weights do not fit its configuration and vocabularies")
    dtypes = {value.dtype for value in weights.values()}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise ValueError("its weights have another dtype")
    if state:
        _check_state(state, config, model)


def check_values(weights: Tensors, state: Tensors, sampler: Any) -> None:
    """Check the values of tensors that passed `check_outline`, and the batch sampler's state."""
    if not all(bool(value.isfinite().all()) for value in weights.values()):
        raise ValueError("its weights are not all finite numbers")
    for name, value in state.items():
        has_negative_count = name.endswith(".missed") and bool((value < 0).any())
        if has_negative_count or not bool(value.isfinite().all()):
            raise ValueError(_MISMATCH)
    if state:
        torch.Generator().set_state(state["random.cpu"])
        bits = {name: value for name, value in sampler.items() if name != "pool"}
        np.random.default_rng(0).bit_generator.state = bits
        np.array(sampler.get("pool", []), np.int64)


def _check_state(state: Tensors, config: TrainConfig, model: nn.Module) -> None:
    entries_by_number: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        if match := re.fullmatch(r"optimizer\.([0-9]{1,6})\.(\w+)", name):
            entries_by_number.setdefault(int(match[1]), {})[match[2]] = value
        elif name not in ("random.cpu", "random.cuda"):
            raise ValueError("its state has an unknown name")
        elif value.dtype != torch.uint8 or value.numel() > len(torch.get_rng_state()):
            raise ValueError("its random state is not valid")
    if "random.cpu" not in state:
        raise ValueError("it has no random state")
    parameters = list(model.parameters())
    embeddings = {each.weight for each in model.modules() if isinstance(each, nn.Embedding)}
    is_lazy = any("missed" in entries for entries in entries_by_number.values())
    moments = _MOMENT_NAMES[config.optimizer]
    if config.momentum and config.optimizer is not OptimizerName.ADAM:
        moments = moments | {"momentum_buffer"}
    for number, entries in entries_by_number.items():
        if number >= len(parameters):
            raise ValueError(_MISMATCH)
        parameter, names = parameters[number], set(entries)
        allowed = [moments if config.optimizer is OptimizerName.SGD else moments | {"step"}]
        if is_lazy:  # it counts no steps, but keeps the count of a dense optimizer it continued
            allowed.append(moments)
        if parameter in embeddings and names >= _LAZY_NAMES:
            names -= _LAZY_NAMES
            allowed.append(set())  # before the first step
        if names not in allowed:
            raise ValueError("its optimizer state is of another optimizer")
        if not all(_has_right_shape(entry, name, parameter) for name, entry in entries.items()):
            raise ValueError(_MISMATCH)


def _has_right_shape(entry: Tensor, name: str, parameter: Tensor) -> bool:
    if name == "missed":  # steps per row
        return entry.shape == parameter.shape[:1] and entry.dtype == torch.int64
    shape = () if name in ("step", "rate") else parameter.shape
    return entry.shape == shape and entry.is_floating_point()
