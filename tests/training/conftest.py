"""What the tests of training share."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny import tiny_config

from s2s.data.corpus import Corpus
from s2s.training.checkpoint import Checkpoint
from s2s.training.loop import Trainer

MakeTrainer = Callable[..., Trainer]


@pytest.fixture
def make_trainer(tiny: Corpus) -> MakeTrainer:
    """`make_trainer(start, **changes of the tiny configuration)`"""
    torch.set_num_threads(1)

    def make(start: Checkpoint | None = None, **changes: Any) -> Trainer:
        return Trainer(tiny_config(**changes), tiny, torch.device("cpu"), start)

    return make
