"""Whether what was read from a checkpoint's file can be a checkpoint: types, shapes, numbers."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from s2s.records import SPECIAL_WORDS

if TYPE_CHECKING:
    from s2s.training.checkpoint import Checkpoint


def check_sound(checkpoint: "Checkpoint") -> None:
    """Raises ValueError or TypeError, with the reason, where training or translating would break.

    A fused kernel that is given a state of another shape than the weights' writes into memory
    that is not its own.
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
    _check_state(checkpoint.state, list(model.parameters()))
    if checkpoint.state:
        if "random.cpu" not in checkpoint.state:
            raise ValueError("its state lacks the random one")
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
    if not all(bool(value.isfinite().all()) for value in weights.values()):
        raise ValueError("its weights are not all finite numbers")


def _check_state(state: dict[str, Tensor], parameters: list[nn.Parameter]) -> None:
    for name, value in state.items():
        if found := re.fullmatch(r"optimizer\.([0-9]{1,6})\.(\w+)", name):
            if int(found[1]) >= len(parameters):
                raise ValueError("its optimizer's state is of other weights")
            shape = parameters[int(found[1])].shape
            missed = found[2] == "missed"  # steps of each row
            fits = value.shape in (shape, shape[:1] if missed else ())
            fits &= value.dtype == torch.int64 if missed else value.is_floating_point()
            if not fits or not bool(value.isfinite().all()) or (missed and bool((value < 0).any())):
                raise ValueError("its optimizer's state does not fit its weights")
        elif name == "random.cpu":
            _check_random(value)
        elif name.startswith("optimizer."):
            raise ValueError("its optimizer's state has a strange name")


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
