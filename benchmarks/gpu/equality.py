"""The equality section: do the engines compute the same losses in float64?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.gpu.setup import Setup
from s2s.config import Engine, Precision
from s2s.data.batches import BatchMaker
from s2s.data.corpus import Corpus
from s2s.training.optimizers import build_optimizer
from s2s.translation.engines import ENGINES
from s2s.translation.model import Seq2Seq

TOLERANCE = 1e-6
"""Relative, over all steps. RMSprop divides by the size of a gradient, however small, and so
amplifies rounding: on a CPU 50 float64 steps of `article` and `fused` agree within 5e-9."""
_BATCH_SIZE = 32

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Training:
    losses: npt.NDArray[np.float64]
    replayed: int
    """Steps that did no one-off work, a capture for example."""
    notes: list[str]


def compare_engines(setup: Setup) -> Iterator[dict[str, Any]]:
    """Train each engine on the same batches and yield how far its losses are from `fused`.

    `article` runs through the padding of both sides, so it takes part only where all sentences of
    a batch have one length.
    """
    corpus = setup.corpus()
    batches = BatchMaker(corpus, setup.torch_device)
    training = np.arange(corpus.training.start, corpus.training.stop)
    cases = [
        ("one length", _pairs_of_one_length(corpus), (Engine.ARTICLE, Engine.GRAPHED)),
        ("mixed lengths", training, (Engine.GRAPHED,)),
    ]
    for case, pairs, engines in cases:
        draws = np.random.default_rng(0).choice(pairs, (setup.steps, _BATCH_SIZE))
        expected = _train(Engine.FUSED, setup, corpus, batches, draws)
        for engine in engines:
            found = _train(engine, setup, corpus, batches, draws)
            differences = np.abs(found.losses / expected.losses - 1)
            yield {
                "case": case,
                "engines": [engine.value, "fused"],
                "steps": setup.steps,
                "first_loss": float(expected.losses[0]),
                "last_loss": float(expected.losses[-1]),
                "first_relative_difference": float(differences[0]),
                "largest_relative_difference": float(differences.max()),
                "equal": bool((differences < TOLERANCE).all()),
                "replayed_steps": found.replayed if engine is Engine.GRAPHED else None,
                "notes": found.notes,
            }


def _pairs_of_one_length(corpus: Corpus) -> Indices:
    """Return the training pairs whose both sides have the length that most such pairs have."""
    training = slice(corpus.training.start, corpus.training.stop)
    source, target = (np.asarray(side.lengths[training]) for side in (corpus.source, corpus.target))
    same = source[source == target]
    length = np.bincount(same).argmax()
    return corpus.training.start + np.flatnonzero((source == length) & (target == length))


def _train(
    engine: Engine, setup: Setup, corpus: Corpus, batches: BatchMaker, draws: Indices
) -> _Training:
    """Train a fresh float64 model on the batches of `draws` (steps, B)."""
    torch.manual_seed(0)
    config = setup.config(engine=engine, dropout=0.0)
    model = Seq2Seq(
        corpus.source.vocabulary_size,
        corpus.target.vocabulary_size,
        config.hidden_size,
        dropout=0.0,
    ).to(setup.torch_device, torch.float64)
    computing = ENGINES[engine](model, batches, Precision.FP32)
    optimizer = build_optimizer(config, model, model.embeddings)
    losses, replayed = [], 0
    for indices in draws:
        _, loss_sum = computing.step(optimizer, indices, True, lambda: None)
        losses.append(loss_sum)
        replayed += not computing.is_warming_up
    if computing.remarks:  # no graph could be captured, and `fused` computed from then on
        replayed = 0
    notes = [remark.detail for remark in computing.remarks]
    return _Training(torch.stack(losses).cpu().numpy(), replayed, notes)
