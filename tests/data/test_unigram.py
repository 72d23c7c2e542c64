"""A guess by word frequencies alone, worked out by hand on a few tokens."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from s2s.data.corpus import VALIDATION_PAIRS, Corpus, Side
from s2s.data.unigram import unigram_loss_per_token
from s2s.records import EOS

A, B, UNKNOWN_WORD = 4, 5, 6
VOCABULARY = 6


def corpus_of(training: list[list[int]], validation: list[list[int]]) -> Corpus:
    sentences = [*training, *validation]
    side = Side(
        np.array([word for each in sentences for word in each]),
        np.cumsum([0, *map(len, sentences)]),
        VOCABULARY,
        Path(),
        "target",
    )
    info = SimpleNamespace(training_pairs=len(training), validation_pairs=len(validation))
    return Corpus(info, side, side)  # type: ignore[arg-type]  # all that is read of it


def test_by_hand() -> None:
    """Of EOS, UNK, a, b the training part has 1, 0, 2, 1; with one added 2, 1, 3, 2 of 8."""
    corpus = corpus_of([[A, A, B, EOS]], [[A, UNKNOWN_WORD, EOS]])
    expected = -(math.log(3 / 8) + math.log(1 / 8) + math.log(2 / 8)) / 3
    assert unigram_loss_per_token(corpus) == pytest.approx(expected, rel=1e-12)


def test_only_the_pairs_that_evaluations_take() -> None:
    few = corpus_of([[A, EOS]], [[A, EOS]] * VALIDATION_PAIRS)
    more = corpus_of([[A, EOS]], [*[[A, EOS]] * VALIDATION_PAIRS, [B, B, B, EOS]])
    assert unigram_loss_per_token(more) == unigram_loss_per_token(few)


def test_no_validation_part() -> None:
    assert unigram_loss_per_token(corpus_of([[A, EOS]], [])) is None
