"""What the tests of training share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_config, tiny_corpus

from s2s.data.corpus import Corpus
from s2s.training.checkpoint import Checkpoint
from s2s.training.loop import Trainer

MakeTrainer = Callable[..., Trainer]


@pytest.fixture
def tiny(tmp_path: Path) -> Corpus:
    return tiny_corpus(tmp_path)


@pytest.fixture
def make_trainer(tiny: Corpus) -> MakeTrainer:
    """`make_trainer(start, **changes of the tiny configuration)`"""
    torch.set_num_threads(1)

    def make(start: Checkpoint | None = None, **changes: Any) -> Trainer:
        return Trainer(tiny_config(**changes), tiny, torch.device("cpu"), start)

    return make
