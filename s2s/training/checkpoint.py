"""Checkpoints: one safetensors file with weights, configuration, both vocabularies, and state."""

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from s2s.config import CorpusChoices, TrainConfig, UserError
from s2s.training.sound import check_numbers, check_outline
from s2s.translation.model import Seq2Seq
from s2s.validation import shortened

FILE_NAME = "checkpoint.safetensors"
_FORMAT = 1
_WEIGHTS, _STATE = "weights.", "state."
"""What the names of its tensors begin with."""
_TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "U8": torch.uint8}
"""Of numbers in a checkpoint, by safetensors' names."""
_UNREADABLE = (
    SafetensorError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    OSError,
    RuntimeError,
)
"""What reading raises where a file is damaged or no checkpoint."""


class _NewerError(Exception):
    """The file is of a later format."""


@dataclass(frozen=True)
class Position:
    """Where in its course a run stood, beyond its iteration: without it none is resumed."""

    first_iteration: int
    """Above 0 where the run continues another."""
    training_seconds: float
    evaluated_at: int | None
    """None before the first evaluation."""
    evaluated_tenths: int
    target_reached: bool


@dataclass
class Checkpoint:
    """All that translating needs; with `state`, all that training on exactly needs as well."""

    config: TrainConfig
    choices: CorpusChoices
    """How the corpus's text became words."""
    corpus_sha256: str
    """Of the corpus's content: another one under the same name may hold other sentences."""
    source_language: str
    target_language: str
    source_words: list[str]
    """Of each id, special symbols first."""
    target_words: list[str]
    iteration: int
    position: Position
    weights: dict[str, Tensor]
    state: dict[str, Tensor] = field(default_factory=dict)
    """Optimizer and random states; empty where they were not kept."""
    sampler: dict[str, Any] = field(default_factory=dict)
    """State of the generator that draws batches, and that decides on teacher forcing."""

    def model(self) -> Seq2Seq:
        """A model with these weights, on the CPU."""
        model = self.model_without_weights()
        model.load_state_dict(self.weights, assign=True)
        return model

    def model_without_weights(self) -> Seq2Seq:
        """On no device: first weights would be drawn for nothing, from the random numbers of a
        training run in this process."""
        with torch.device("meta"):
            return Seq2Seq(
                len(self.source_words),
                len(self.target_words),
                self.config.hidden_size,
                self.config.layers,
                self.config.dropout,
            )


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint in a folder that is there: a reader sees the old or the new one.

    Raises OSError where the disk is full, say; the old checkpoint is then still there.
    """
    about = {
        "format": _FORMAT,
        "config": checkpoint.config.to_json(),
        "choices": checkpoint.choices.to_json(),
        "corpus_sha256": checkpoint.corpus_sha256,
        "source_language": checkpoint.source_language,
        "target_language": checkpoint.target_language,
        "source_words": checkpoint.source_words,
        "target_words": checkpoint.target_words,
        "iteration": checkpoint.iteration,
        "sampler": checkpoint.sampler,
        "position": dataclasses.asdict(checkpoint.position),
    }
    tensors = {f"{_WEIGHTS}{name}": value for name, value in checkpoint.weights.items()}
    tensors |= {f"{_STATE}{name}": value for name, value in checkpoint.state.items()}
    beside = folder / f".{FILE_NAME}.{os.getpid()}"
    try:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            beside,
            metadata={"s2s": json.dumps(about)},
        )
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(folder / FILE_NAME)
        _sync(folder)
    finally:
        beside.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """So that the file is under its name even after the power failed."""
    if not hasattr(os, "O_DIRECTORY"):  # such a system syncs no folders
        return
    descriptor = os.open(folder, os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_checkpoint(folder: Path, *, with_state: bool = False) -> Checkpoint:
    """Raises UserError where there is none, or one that cannot be read."""
    path = folder / FILE_NAME
    if not path.exists():
        raise UserError(f"Run {folder.name} has no checkpoint (yet, or any more).")
    try:
        if not path.is_file():  # to open a pipe would wait for ever
            raise ValueError("it is no file")
        with safe_open(path, framework="pt") as file:
            checkpoint = _without_tensors(json.loads(file.metadata()["s2s"]))
            names = file.keys()  # safe_open is no mapping
            keys = [key for key in names if with_state or not key.startswith(_STATE)]
            _put(checkpoint, {key: _outline(file.get_slice(key)) for key in keys})
            check_outline(checkpoint)
            # A copy: what is only mapped ends the program when another one cuts the file short.
            _put(checkpoint, {key: file.get_tensor(key).clone() for key in keys})
        check_numbers(checkpoint)
        return checkpoint
    except _NewerError:
        raise UserError(
            f"The checkpoint of run {folder.name} was written by a newer s2s; update this one."
        ) from None
    except (UserError, *_UNREADABLE) as error:
        raise UserError(
            f"The checkpoint of run {folder.name} cannot be read ({shortened(str(error), 200)}); "
            "delete it and train again."
        ) from error


def _without_tensors(about: dict[str, Any]) -> Checkpoint:
    if about["format"] > _FORMAT:
        raise _NewerError
    return Checkpoint(
        TrainConfig.from_json(about["config"]),
        CorpusChoices.from_json(about["choices"]),
        about["corpus_sha256"],
        about["source_language"],
        about["target_language"],
        about["source_words"],
        about["target_words"],
        about["iteration"],
        Position(**about["position"]),
        weights={},
        sampler=about["sampler"],
    )


def _outline(tensor: Any) -> Tensor:
    """Its shape and type, without memory, from safetensors' view of one in a file."""
    if tensor.get_dtype() not in _TYPES:
        raise TypeError("it has another type of number than any checkpoint")
    return torch.empty(tensor.get_shape(), dtype=_TYPES[tensor.get_dtype()], device="meta")


def _put(checkpoint: Checkpoint, tensors: dict[str, Tensor]) -> None:
    """In the place of those that it has, by the names that they have in the file."""
    checkpoint.weights, checkpoint.state = {}, {}
    for key, tensor in tensors.items():
        if key.startswith(_STATE):
            checkpoint.state[key.removeprefix(_STATE)] = tensor
        elif key.startswith(_WEIGHTS):
            checkpoint.weights[key.removeprefix(_WEIGHTS)] = tensor
        else:
            raise ValueError("it holds what no checkpoint does")


def drop_state(folder: Path) -> None:
    """Rewrites the checkpoint without optimizer and random states: a third of the size or less."""
    save_checkpoint(folder, load_checkpoint(folder))


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Its state as flat names: `optimizer.<parameter's number>.<name>`."""
    return {
        f"optimizer.{number}.{name}": torch.as_tensor(value)
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """The reverse; rates and the like stay as the optimizer was built with."""
    values: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if name.startswith("optimizer."):
            _, number, entry = name.split(".", 2)
            values.setdefault(int(number), {})[entry] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": values})
    # Fused kernels take each entry's memory for the parameter's, whatever the strides say.
    for parameter, entries in optimizer.state.items():
        for name, entry in entries.items():
            if entry.shape == parameter.shape:
                entries[name] = torch.empty_like(parameter).copy_(entry)
