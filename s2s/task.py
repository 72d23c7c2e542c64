"""The Task protocol: everything that the lab needs to know about the model that it trains.

The lab (trainer, recorder, sweeps, bench) never imports the implementation.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from s2s.config import TrainConfig
from s2s.data.sampler import BatchSampler
from s2s.records import Remark, SampleTranslation

Indices = npt.NDArray[np.int64]
Metadata = Mapping[str, Any]
"""The task's own entry in a checkpoint, ready for JSON."""
Start = tuple[Metadata, Mapping[str, Tensor]]
"""Metadata and weights of a checkpoint."""


class BatchCounts(Protocol):
    """Counts of a batch, for the record of its step. Only `padded_tokens` includes padding."""

    @property
    def samples(self) -> int: ...
    @property
    def source_tokens(self) -> int: ...
    @property
    def target_tokens(self) -> int: ...
    @property
    def padded_tokens(self) -> int: ...


class Roofline(Protocol):
    """A lower bound of the time of a training step, from rates measured on the machine."""

    def count_matmul_rows(self, batch_size: int) -> int:
        """Return the number of rows in the step's largest matrix products."""

    def measure_matmul_rate(
        self, rows: int, measure_seconds: Callable[[Callable[[], None]], float]
    ) -> float:
        """Measure the operations per second of these matrix products.

        Args:
            measure_seconds: Returns how many seconds a call of the given function takes.
        """

    def step_seconds(
        self, source_tokens: float, target_tokens: float, matmul_rate: float, copy_rate: float
    ) -> float:
        """Return the lower bound for a step on that many tokens.

        Args:
            copy_rate: Bytes per second, read and write both counted.
        """


@dataclass(frozen=True)
class Quality:
    """Quality of a model's outputs on the test split, by sacrebleu's defaults."""

    bleu: float
    """0 to 100 (Papineni et al. 2002)."""
    chrf: float
    """0 to 100 (Popović 2015), chrF2."""
    sentences: int


class Task(Protocol):
    """A data set and a model in training on one device."""

    config: TrainConfig
    device: torch.device
    model: nn.Module
    embeddings: Sequence[nn.Embedding]
    """The embedding layers: a batch touches only a few rows of each."""
    lengths: Indices
    """(samples,) tokens of each training sample."""
    roofline: Roofline
    metadata: Metadata
    remarks: list[Remark]
    """Notes for the user on how the steps were computed so far."""

    @property
    def is_warming_up(self) -> bool:
        """Whether the last step included one-off work, such as a graph capture."""

    @classmethod
    def open(cls, config: TrainConfig, device: torch.device, start: Start | None) -> Self:
        """Open the data set and build the model; see `open_task`."""

    @staticmethod
    def outline(config: TrainConfig, metadata: Metadata) -> nn.Module:
        """Build the model on the meta device, where its weights have shapes but no memory."""

    @staticmethod
    def measure_quality(
        run_folder: Path, max_samples: int, progress: Callable[[float], object]
    ) -> Quality:
        """Measure the quality of a run's checkpoint on the test split.

        Args:
            progress: Called with the finished fraction, several times per second; may raise.
        """

    def check_start(self, config: TrainConfig, metadata: Metadata, *, same_data: bool) -> None:
        """Raise UserError if training cannot start from the weights of another run.

        Args:
            config: Configuration of that run.
            metadata: Metadata of that run's checkpoint.
            same_data: Whether that run must also have used the same data set.
        """

    def step(
        self, optimizer: torch.optim.Optimizer, sampler: BatchSampler, mark: Callable[[], None]
    ) -> tuple[BatchCounts, Tensor]:
        """Draw a batch, compute its gradients and take an optimizer step.

        Args:
            mark: Called at the end of each phase of `records.PHASES` except the last; never called
                if the phases cannot be distinguished.

        Returns:
            The batch's counts and its loss, a scalar in nats summed over its target tokens.
        """

    def validate(self, check_stop: Callable[[], object]) -> float | None:
        """Return the validation loss per target token in nats, `None` without a validation split.

        Args:
            check_stop: Called several times per second; may raise.
        """

    def sample_outputs(self) -> tuple[SampleTranslation, ...]:
        """Return the model's outputs for a few samples, for people to read."""

    def sample_gradients(self, indices: Indices) -> Sequence[Tensor]:
        """Return the gradient of the mean loss of these samples, one tensor per parameter."""


def task_class() -> type[Task]:
    """Return the implementation. It is imported by name, because the lab must not depend on it."""
    return cast(type[Task], importlib.import_module("s2s.translation.task").TranslationTask)


def open_task(config: TrainConfig, device: torch.device, start: Start | None = None) -> Task:
    """Open the data set and build the model.

    Args:
        start: A checkpoint trained on the same data; `None` for new weights from the seed.

    Raises:
        UserError: The data set is missing or is not that of `start`, or the device cannot compute
            in the configured precision.
    """
    return task_class().open(config, device, start)
