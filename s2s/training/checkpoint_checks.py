"""Checks of a checkpoint's content: names, shapes, types and values that training relies on.

Each raises an error with the reason. A fused kernel writes to memory that is not its own if a state
has another shape than its weights.
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
_ROW_ENTRIES = {"rows", "missed", "rate"}
"""State that a lazy optimizer keeps for an embedding in addition to the usual entries."""
_MISFIT = "its optimizer state does not fit its weights"


def check_outline(
    iteration: Any, config: TrainConfig, model: nn.Module, weights: Tensors, state: Tensors
) -> None:
    """Check everything but values; tensors may be on the meta device.

    Args:
        model: The model that the weights are for.
        state: May be empty.
    """
    check_integer(iteration, "its iteration", 0, 2**62)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    if shapes != {name: value.shape for name, value in weights.items()}:
        raise ValueError("its weights do not fit its configuration and vocabularies")
    types = {value.dtype for value in weights.values()}
    if types not in ({torch.float32}, {torch.float64}):
        raise ValueError("its weights have another type of number")
    if state:
        _check_state(state, config, model)


def check_values(weights: Tensors, state: Tensors, sampler: Any) -> None:
    """Check the values of tensors whose outline was checked, and the batch sampler's state."""
    if not all(bool(value.isfinite().all()) for value in weights.values()):
        raise ValueError("its weights are not all finite numbers")
    for name, value in state.items():
        missed = name.endswith(".missed")
        if not bool(value.isfinite().all()) or (missed and bool((value < 0).any())):
            raise ValueError(_MISFIT)
    if state:
        torch.Generator().set_state(state["random.cpu"])
        bits = {name: value for name, value in sampler.items() if name != "pool"}
        np.random.default_rng(0).bit_generator.state = bits
        np.array(sampler.get("pool", []), np.int64)


def _check_state(state: Tensors, config: TrainConfig, model: nn.Module) -> None:
    entries: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        if match := re.fullmatch(r"optimizer\.([0-9]{1,6})\.(\w+)", name):
            entries.setdefault(int(match[1]), {})[match[2]] = value
        elif name not in ("random.cpu", "random.cuda"):
            raise ValueError("its state has an unknown name")
        elif value.dtype != torch.uint8 or value.numel() > len(torch.get_rng_state()):
            raise ValueError("its random state is not valid")
    if "random.cpu" not in state:
        raise ValueError("it has no random state")
    parameters = list(model.parameters())
    embeddings = {each.weight for each in model.modules() if isinstance(each, nn.Embedding)}
    lazy = any("missed" in values for values in entries.values())
    for number, values in entries.items():
        if number >= len(parameters):
            raise ValueError(_MISFIT)
        parameter = parameters[number]
        by_rows = parameter in embeddings and values.keys() >= _ROW_ENTRIES
        names = values.keys() - (_ROW_ENTRIES if by_rows else set())
        moments = _moment_names(config)
        expected = moments if config.optimizer is OptimizerName.SGD else moments | {"step"}
        # A lazy optimizer counts no steps but keeps a count that it was given, and has no other
        # entry of an embedding before its first step.
        if names != expected and not (lazy and names == moments) and not (by_rows and not names):
            raise ValueError("its optimizer state is of another optimizer")
        if not all(_fits(value, entry, parameter) for entry, value in values.items()):
            raise ValueError(_MISFIT)


def _moment_names(config: TrainConfig) -> set[str]:
    """Return the names of the entries that the optimizer keeps for each weight."""
    if config.optimizer is OptimizerName.ADAM:
        return {"exp_avg", "exp_avg_sq"}
    buffer = {"momentum_buffer"} if config.momentum else set()
    return buffer | {"square_avg"} if config.optimizer is OptimizerName.RMSPROP else buffer


def _fits(value: Tensor, entry: str, parameter: Tensor) -> bool:
    if entry == "missed":  # steps per row
        return value.shape == parameter.shape[:1] and value.dtype == torch.int64
    shape = () if entry in ("step", "rate") else parameter.shape
    return value.shape == shape and value.is_floating_point()
