"""Checkpoints: one safetensors file with weights, configuration, task metadata and run state."""

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from s2s.config import TrainConfig
from s2s.errors import UserError, shorten
from s2s.paths import CHECKPOINT
from s2s.task import Metadata, task_class
from s2s.training.checkpoint_checks import check_outline, check_values
from s2s.validation import parse_dataclass

_FORMAT = 1
_WEIGHTS, _STATE = "weights.", "state."
"""Prefixes of the tensors' names."""
_TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "U8": torch.uint8}
"""Number types of a checkpoint, by their names in safetensors."""


class _NewerFormatError(Exception):
    """A later version of s2s wrote the file."""


@dataclass
class Position:
    """The state of a run's loop, beyond its iteration."""

    first_iteration: int
    """Above 0 if the run continues another."""
    training_seconds: float = 0.0
    """Wall time of all steps so far, without evaluations."""
    evaluated_at: int | None = None
    """Iteration of the last evaluation; None before the first."""
    evaluated_tenths: int = 0
    """Tenths of the run that were done at the last evaluation."""
    target_reached: bool = False


@dataclass
class Checkpoint:
    """Everything needed to use a model and, with `state`, to resume its training exactly."""

    config: TrainConfig
    task: Metadata
    iteration: int
    position: Position
    weights: dict[str, Tensor]
    state: dict[str, Tensor] = field(default_factory=dict)
    """Optimizer and random states; empty if they were not stored."""
    sampler: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in an existing folder; after an OSError the old one is still there."""
    header = {
        "format": _FORMAT,
        "config": checkpoint.config.to_json(),
        "task": checkpoint.task,
        "iteration": checkpoint.iteration,
        "sampler": checkpoint.sampler,
        "position": dataclasses.asdict(checkpoint.position),
    }
    tensors = {f"{_WEIGHTS}{name}": value for name, value in checkpoint.weights.items()}
    tensors |= {f"{_STATE}{name}": value for name, value in checkpoint.state.items()}
    temporary = folder / f".{CHECKPOINT}.{os.getpid()}"
    try:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            temporary,
            metadata={"s2s": json.dumps(header)},
        )
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(folder / CHECKPOINT)
        _sync_folder(folder)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the file's new name survive a power failure."""
    if not hasattr(os, "O_DIRECTORY"):  # such a system cannot sync folders
        return
    descriptor = os.open(folder, os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_checkpoint(folder: Path, *, with_state: bool = False) -> Checkpoint:
    """Read and check the checkpoint in a run's folder.

    Raises:
        UserError: There is no checkpoint, or it cannot be read.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        raise UserError(f"Run {folder.name} has no checkpoint.")
    try:
        if not path.is_file():  # opening a pipe would block forever
            raise ValueError("it is not a file")
        return _load(path, with_state)
    except _NewerFormatError:
        raise UserError(
            f"The checkpoint of run {folder.name} was written by a newer s2s. Update s2s."
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # reading a damaged file can raise almost anything
        raise UserError(
            f"The checkpoint of run {folder.name} is damaged ({shorten(str(error), 200)}). "
            "Delete it and train a new run."
        ) from error


def _load(path: Path, with_state: bool) -> Checkpoint:
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["s2s"])
        if header["format"] > _FORMAT:
            raise _NewerFormatError
        config = TrainConfig.from_json(header["config"])
        model = task_class().outline(config, header["task"])
        names = file.keys()  # safe_open is not a mapping
        keys = [key for key in names if with_state or not key.startswith(_STATE)]
        # Shapes are checked before any memory is allocated for them.
        outlines = _split({key: _outline(file.get_slice(key)) for key in keys})
        check_outline(header["iteration"], config, model, *outlines)
        # Copied: a mapped tensor ends the program when another one truncates the file.
        weights, state = _split({key: file.get_tensor(key).clone() for key in keys})
    check_values(weights, state, header["sampler"])
    return Checkpoint(
        config,
        header["task"],
        header["iteration"],
        parse_dataclass(Position, header["position"]),
        weights,
        state,
        header["sampler"],
    )


def _outline(tensor: Any) -> Tensor:
    """Return shape and type of a tensor in a file, on the meta device."""
    return torch.empty(tensor.get_shape(), dtype=_TYPES[tensor.get_dtype()], device="meta")


def _split(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return weights and state from tensors named as in the file."""
    weights, state = (
        {name.removeprefix(kind): value for name, value in tensors.items() if name.startswith(kind)}
        for kind in (_WEIGHTS, _STATE)
    )
    if len(weights) + len(state) < len(tensors):
        raise ValueError("it has an unknown tensor")
    return weights, state


def drop_state(folder: Path) -> None:
    """Rewrite the checkpoint without optimizer and random states, most of its size."""
    save_checkpoint(folder, load_checkpoint(folder))


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state by flat names, `optimizer.<parameter number>.<entry>`."""
    return {
        f"optimizer.{number}.{name}": torch.as_tensor(value)
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Restore the result of optimizer_tensors; learning rate and the like stay as built."""
    values: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if name.startswith("optimizer."):
            _, number, entry = name.split(".", 2)
            values.setdefault(int(number), {})[entry] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": values})
    # Fused kernels assume that an entry lies in memory as its parameter does.
    for parameter, entries in optimizer.state.items():
        for name, entry in entries.items():
            if entry.shape == parameter.shape:
                entries[name] = torch.empty_like(parameter).copy_(entry)
