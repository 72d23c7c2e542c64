"""The settings of a GPU benchmark, shared by all its sections."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from s2s.config import TrainConfig
from s2s.data.corpus import Corpus

CORPUS = "benchmark"
"""The name under which the corpus section prepares --data."""


@dataclass(frozen=True)
class Setup:
    """The options of one benchmark, as given on the command line."""

    folder: str
    """Folder of the prepared corpus."""
    device: str = "cuda:0"
    batch_sizes: tuple[int, ...] = (2, 8, 32, 128, 512, 2048, 4096)
    seconds: float = 0.4
    """Training time per round of each combination of engine, precision and batch size."""
    steps: int = 50
    """Training steps per engine in the equality section."""
    hidden_size: int = 128
    data: str | None = None
    """Corpus file for s2s and plain PyTorch. Without it, s2s trains on the starter corpus."""
    plain: str | None = None
    """Path of the program that times plain PyTorch, or `None` to leave it out."""

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device)

    def config(self, **changes: Any) -> TrainConfig:
        """Return the configuration that the sections train, with `changes`."""
        corpus = CORPUS if self.data else "starter"
        values: dict[str, Any] = {
            "corpus": corpus,
            "device": self.device,
            "hidden_size": self.hidden_size,
        }
        return TrainConfig(**values | changes)

    def corpus(self) -> Corpus:
        """Open the prepared corpus.

        Raises:
            UserError: The corpus section failed.
        """
        from s2s.data.catalog import open_corpus  # needs wheels that the command line does without

        return open_corpus(Path(self.folder), self.config().corpus)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Setup":
        values = json.loads(text)
        return cls(**values | {"batch_sizes": tuple(values["batch_sizes"])})
