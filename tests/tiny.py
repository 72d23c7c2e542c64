"""A corpus of 60 pairs and runs that take milliseconds."""

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from s2s.config import CorpusChoices, TrainConfig
from s2s.data import catalog
from s2s.data.batches import BatchMaker
from s2s.data.corpus import Corpus, Side
from s2s.paths import corpora_folder
from s2s.training.trainer import Trainer
from s2s.translation.task import TranslationTask

MakeTrainer = Callable[..., Trainer]
BeforeStep = Callable[[Callable[[int], object]], None]

_SUBJECTS = {"i": "je", "you": "tu", "he": "il", "she": "elle"}
_VERBS = {"eat": "mange", "see": "vois", "take": "prend", "like": "aime", "want": "veux"}
_THINGS = {"bread": "du pain", "water": "leau", "a cat": "un chat"}


def write_tiny(path: Path) -> Path:
    """Write a corpus file of 60 lines, English first."""
    triples = itertools.product(_SUBJECTS.items(), _VERBS.items(), _THINGS.items())
    pairs = (tuple(zip(*triple, strict=True)) for triple in triples)
    lines = (f"{' '.join(english)}.\t{' '.join(french)}." for english, french in pairs)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tiny_corpus(folder: Path, name: str = "tiny", **choices: Any) -> Corpus:
    """Write a corpus file to `folder`, prepare it in this test's home and open it."""
    catalog.add(corpora_folder(), write_tiny(folder / "tiny.txt"), name, CorpusChoices(**choices))
    return catalog.open_corpus(corpora_folder(), name)


def tiny_config(**changes: Any) -> TrainConfig:
    values = {"corpus": "tiny", "batch_size": 4, "iterations": 10, "hidden_size": 8, "threads": 1}
    return TrainConfig(**{**values, "device": "cpu", **changes})


def tiny_task(corpus: Corpus, /, device: str = "cpu", **changes: Any) -> TranslationTask:
    return TranslationTask(tiny_config(device=device, **changes), corpus, torch.device(device))


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until the condition holds; fail after that time, far longer than on a busy machine."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition does not hold"
        threading.Event().wait(0.01)


def batches_of(
    sources: list[list[int]], targets: list[list[int]], device: str = "cpu"
) -> BatchMaker:
    """Return batches of sentences given as word ids, EOS included; pair i is at index i."""
    sides = [
        Side(
            np.array([word for sentence in sentences for word in sentence]),
            np.cumsum([0, *map(len, sentences)]),
            words=[],
            vocabulary_size=1_000,
        )
        for sentences in (sources, targets)
    ]
    return BatchMaker(SimpleNamespace(source=sides[0], target=sides[1]), torch.device(device))
