"""Checkpoints. Each is a safetensors file: weights, configuration, task metadata, run state."""

import dataclasses
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from s2s.config import OptimizerName, TrainConfig
from s2s.errors import UserError, shorten
from s2s.paths import CHECKPOINT
from s2s.task import Metadata, task_class
from s2s.validation import check_integer, parse_dataclass

_FORMAT = 1
_WEIGHTS, _STATE = "weights.", "state."
"""Prefixes of the names of tensors in the file."""
_DTYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "U8": torch.uint8}
"""torch's dtypes by their names in safetensors."""
_LAZY_NAMES = {"rows", "missed", "rate"}
"""Entries that a lazy optimizer adds to the state of an embedding."""
_MOMENT_NAMES = {
    OptimizerName.ADAM: {"exp_avg", "exp_avg_sq"},
    OptimizerName.RMSPROP: {"square_avg"},
    OptimizerName.SGD: set[str](),
}
_MISMATCH = "its optimizer state does not fit its weights"
_Tensors = dict[str, Tensor]


class _NewerFormatError(UserError):
    """The checkpoint was written by a later version of s2s."""


@dataclass
class Position:
    """Progress of a training loop. Its iteration is in the Checkpoint."""

    first_iteration: int
    """Iteration at which the run began. It is above 0 if the run continues another one."""
    training_seconds: float = 0.0
    """Total time of the steps so far, without evaluations."""
    evaluated_at: int | None = None
    """Iteration of the last evaluation, or `None` before the first."""
    evaluated_tenths: int = 0
    """Whole tenths of the run that were done at the last evaluation."""
    target_reached: bool = False


@dataclass
class Checkpoint:
    """Everything needed to use a model. With `state`, its training can be resumed exactly."""

    config: TrainConfig
    task: Metadata
    iteration: int
    position: Position
    weights: dict[str, Tensor]
    state: dict[str, Tensor] = field(default_factory=dict)
    """State of the optimizer and of torch's random numbers. Empty if it was dropped or not read."""
    sampler: dict[str, Any] = field(default_factory=dict)
    """State of the batch sampler."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in an existing folder. If writing it fails, the old one stays."""
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
        # The new name survives a power failure only if its folder is synced too.
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(folder: Path, *, with_state: bool = False) -> Checkpoint:
    """Read and check the checkpoint in a run's folder. Leave out its state by default.

    Raises:
        UserError: The checkpoint is missing, damaged, or written by a newer s2s.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        raise UserError(f"Run {folder.name} has no checkpoint.")
    try:
        if not path.is_file():  # opening a pipe would block forever
            raise ValueError("it is not a file")
        return _load(path, with_state)
    except (_NewerFormatError, MemoryError):
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
            raise _NewerFormatError(
                f"The checkpoint of run {path.parent.name} was written by a newer s2s. Update s2s."
            )
        config = TrainConfig.from_json(header["config"])
        model = task_class().outline(config, header["task"])
        all_names = file.keys()  # safe_open is not a mapping
        names = [name for name in all_names if with_state or not name.startswith(_STATE)]
        # Shapes are checked before any memory is allocated for the tensors.
        meta_weights, meta_state = _separate_state(
            {name: _build_meta_tensor(file.get_slice(name)) for name in names}
        )
        _check_outline(header["iteration"], config, model, meta_weights, meta_state)
        # Copied, because a memory-mapped tensor would crash the program if the file were truncated.
        weights, state = _separate_state({name: file.get_tensor(name).clone() for name in names})
    _check_values(weights, state, header["sampler"])
    return Checkpoint(
        config,
        header["task"],
        header["iteration"],
        parse_dataclass(Position, header["position"]),
        weights,
        state,
        header["sampler"],
    )


def _build_meta_tensor(tensor: Any) -> Tensor:
    """Return a tensor without memory that has the shape and dtype of a tensor in the file."""
    return torch.empty(tensor.get_shape(), dtype=_DTYPES[tensor.get_dtype()], device="meta")


def _separate_state(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the weights and the state, with the prefixes removed from their names."""
    groups: dict[str, dict[str, Tensor]] = {_WEIGHTS: {}, _STATE: {}}
    for name, tensor in tensors.items():
        prefix, dot, rest = name.partition(".")
        groups[prefix + dot][rest] = tensor
    return groups[_WEIGHTS], groups[_STATE]


def _check_outline(
    iteration: Any, config: TrainConfig, model: nn.Module, weights: _Tensors, state: _Tensors
) -> None:
    """Check names, shapes and dtypes, on tensors that have no memory yet.

    Fused kernels do not check the shapes of a state. With a wrong one they overwrite other memory.
    """
    check_integer(iteration, "its iteration", 0, 2**62)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    if shapes != {name: value.shape for name, value in weights.items()}:
        raise ValueError("its weights do not fit its configuration and vocabularies")
    dtypes = {value.dtype for value in weights.values()}
    if dtypes not in ({torch.float32}, {torch.float64}):
        raise ValueError("its weights are neither float32 nor float64")
    if state:
        _check_state(state, config, model)


def _check_values(weights: _Tensors, state: _Tensors, sampler: Any) -> None:
    """Check the values of tensors that passed `_check_outline`, and the sampler's state."""
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


def _check_state(state: _Tensors, config: TrainConfig, model: nn.Module) -> None:
    entries_by_number: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        if match := re.fullmatch(r"optimizer\.([0-9]{1,6})\.(\w+)", name):
            entries_by_number.setdefault(int(match[1]), {})[match[2]] = value
        elif name not in ("random.cpu", "random.cuda"):
            raise ValueError("its state has an unknown entry")
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
        if is_lazy:  # it has no step count, except one from a dense optimizer that it continued
            allowed.append(moments)
        if parameter in embeddings and names >= _LAZY_NAMES:
            names -= _LAZY_NAMES
            allowed.append(set())  # before the first step
        if names not in allowed:
            raise ValueError("its optimizer state belongs to another optimizer")
        if not all(_is_valid_entry(entry, name, parameter) for name, entry in entries.items()):
            raise ValueError(_MISMATCH)


def _is_valid_entry(entry: Tensor, name: str, parameter: Tensor) -> bool:
    if name == "missed":  # number of missed steps per row
        return entry.shape == parameter.shape[:1] and entry.dtype == torch.int64
    shape = () if name in ("step", "rate") else parameter.shape
    return entry.shape == shape and entry.is_floating_point()


def drop_state(folder: Path) -> None:
    """Rewrite the checkpoint without its state, to shrink the file."""
    save_checkpoint(folder, load_checkpoint(folder))


def get_optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state under flat names, `optimizer.<parameter number>.<entry>`."""
    return {
        f"optimizer.{number}.{name}": torch.as_tensor(value)
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Load the state that `get_optimizer_state` returned. Settings such as the rate stay."""
    entries_by_number: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if name.startswith("optimizer."):
            _, number, entry_name = name.split(".", 2)
            entries_by_number.setdefault(int(number), {})[entry_name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": entries_by_number})
    # Fused kernels assume that an entry has the memory layout of its parameter.
    for parameter, entries in optimizer.state.items():
        for name, entry in entries.items():
            if entry.shape == parameter.shape:
                entries[name] = torch.empty_like(parameter).copy_(entry)
