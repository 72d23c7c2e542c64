"""Whether what is in a checkpoint's file can be a checkpoint: types, names, shapes, numbers."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from s2s.config import OptimizerName, TrainConfig
from s2s.records import SPECIAL_WORDS

if TYPE_CHECKING:
    from s2s.training.checkpoint import Checkpoint

_OF_ROWS = {"rows", "missed", "rate"}
"""What a lazy optimizer keeps of an embedding, beside its other state."""


def check_outline(checkpoint: "Checkpoint") -> None:
    """All but the numbers: its tensors may be without memory, for it to be asked before reading.

    Raises ValueError or TypeError, with the reason, where training or translating would break. A
    fused kernel that is given a state of another shape than the weights' works in memory that is
    not its own.
    """
    for words in (checkpoint.source_words, checkpoint.target_words):
        _check_words(words)
    about = (checkpoint.corpus_sha256, checkpoint.source_language, checkpoint.target_language)
    if not all(isinstance(each, str) for each in about):
        raise TypeError("its corpus is not named")
    if isinstance(checkpoint.iteration, bool) or not isinstance(checkpoint.iteration, int):
        raise TypeError("its iteration is no whole number")
    if not 0 <= checkpoint.iteration < 2**62:
        raise ValueError("its iteration is out of range")
    model = checkpoint.model_without_weights()
    _check_weights(checkpoint.weights, model)
    if checkpoint.state:
        _check_state(checkpoint.state, checkpoint.config, model)


def check_numbers(checkpoint: "Checkpoint") -> None:
    """Of a checkpoint whose outline is sound. Raises ValueError or TypeError likewise."""
    if not all(bool(value.isfinite().all()) for value in checkpoint.weights.values()):
        raise ValueError("its weights are not all finite numbers")
    for name, value in checkpoint.state.items():
        missed = name.endswith(".missed")
        if not bool(value.isfinite().all()) or (missed and bool((value < 0).any())):
            raise ValueError("its optimizer's state does not fit its weights")
    if checkpoint.state:
        _check_random(checkpoint.state["random.cpu"])
        _check_sampler(checkpoint.sampler)


def _check_words(words: Any) -> None:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise TypeError("its vocabularies are no lists of words")
    if tuple(words[: len(SPECIAL_WORDS)]) != SPECIAL_WORDS:
        raise ValueError("its vocabularies lack the special symbols")


def _check_weights(weights: dict[str, Tensor], model: nn.Module) -> None:
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    if shapes != {name: value.shape for name, value in weights.items()}:
        raise ValueError("its weights do not fit its configuration and vocabularies")
    types = {value.dtype for value in weights.values()}
    if not types <= {torch.float32} and not types <= {torch.float64}:
        raise ValueError("its weights are of another type of number")


def _check_state(state: dict[str, Tensor], config: TrainConfig, model: nn.Module) -> None:
    parameters = list(model.named_parameters())
    entries: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        if found := re.fullmatch(r"optimizer\.([0-9]{1,6})\.(\w+)", name):
            entries.setdefault(int(found[1]), {})[found[2]] = value
        elif name not in ("random.cpu", "random.cuda"):
            raise ValueError("its state has a strange name")
        elif value.dtype != torch.uint8 or value.numel() > len(torch.get_rng_state()):
            raise ValueError("its random state is no such state")
    if "random.cpu" not in state:
        raise ValueError("its state lacks the random one")
    lazy = any("missed" in values for values in entries.values())
    for number, values in entries.items():
        if number >= len(parameters):
            raise ValueError("its optimizer's state is of other weights")
        name, parameter = parameters[number]
        by_rows = name.endswith("embedding.weight") and values.keys() >= _OF_ROWS
        _check_names(values.keys() - (_OF_ROWS if by_rows else set()), config, lazy, by_rows)
        if not all(_fits(value, entry, parameter) for entry, value in values.items()):
            raise ValueError("its optimizer's state does not fit its weights")


def _check_names(names: set[str], config: TrainConfig, lazy: bool, by_rows: bool) -> None:
    """Of one parameter's state. A lazy optimizer counts no steps, but keeps a count it was given,
    and has nothing else of an embedding before its first step."""
    kept = _kept(config)
    counted = kept if config.optimizer is OptimizerName.SGD else kept | {"step"}
    if names != counted and not (lazy and names == kept) and not (by_rows and not names):
        raise ValueError("its optimizer's state is of another optimizer")


def _kept(config: TrainConfig) -> set[str]:
    """What the configured optimizer keeps of each number that it trains."""
    if config.optimizer is OptimizerName.ADAM:
        return {"exp_avg", "exp_avg_sq"}
    buffer = {"momentum_buffer"} if config.momentum else set()
    return buffer | {"square_avg"} if config.optimizer is OptimizerName.RMSPROP else buffer


def _fits(value: Tensor, entry: str, parameter: Tensor) -> bool:
    if entry == "missed":  # steps of each row
        return value.shape == parameter.shape[:1] and value.dtype == torch.int64
    shape = () if entry in ("step", "rate") else parameter.shape
    return value.shape == shape and value.is_floating_point()


def _check_random(value: Tensor) -> None:
    try:
        torch.Generator().set_state(value)
    except RuntimeError as error:
        raise ValueError("its random state is no such state") from error


def _check_sampler(sampler: Any) -> None:
    """By trying it."""
    if not isinstance(sampler, dict):
        raise TypeError("its sampler's state is no such state")
    np.random.default_rng(0).bit_generator.state = {
        name: value for name, value in sampler.items() if name != "pool"
    }
    np.array(sampler.get("pool", []), np.int64)
