"""Statistics of a corpus: worked out by hand on four pairs, and properties of any corpus."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from s2s.data import catalog, stats
from s2s.data.batches import BatchMaker
from s2s.data.corpus import VALIDATION_PAIRS, Corpus, Side
from s2s.records import EOS, PAD, SPECIAL_WORDS, UNK

FRENCH = ["je suis la", "je dors", "je suis je", "bof"]
ENGLISH = ["i am here", "i sleep", "i am i", "meh"]
FRENCH_WORDS = ["je", "suis", "la", "dors", "bof"]  # ids 4 to 8; the last one is unknown
ENGLISH_WORDS = ["i", "am", "here", "sleep", "meh"]


def make_side(sentences: list[str], words: list[str], vocabulary: int = 8) -> Side:
    ids = {word: id_ for id_, word in enumerate(words, len(SPECIAL_WORDS))}
    rows = [[*(ids[word] for word in sentence.split()), EOS] for sentence in sentences]
    tokens = np.array([token for row in rows for token in row], np.int32)
    return Side(tokens, np.cumsum([0, *map(len, rows)]), [*SPECIAL_WORDS, *words], vocabulary)


def make_corpus(source: Side, target: Side, *splits: int) -> Corpus:
    """Return a corpus with these numbers of training, validation and test pairs."""
    names = ("training_pairs", "validation_pairs", "test_pairs")
    info = SimpleNamespace(**dict(zip(names, splits, strict=True)))
    return Corpus(info, source, target)  # type: ignore[arg-type]


@pytest.fixture
def four_pairs() -> Corpus:
    return make_corpus(make_side(FRENCH, FRENCH_WORDS), make_side(ENGLISH, ENGLISH_WORDS), 3, 0, 1)


def test_length_percentiles_and_drawn_pairs(four_pairs: Corpus) -> None:
    histogram = stats.count_lengths(four_pairs.source)
    assert histogram.tolist() == [0, 1, 1, 2]
    percentiles = {25: 1, 26: 2, 50: 2, 51: 3, 100: 3}
    assert {
        each: stats.compute_length_percentile(histogram, each) for each in percentiles
    } == percentiles
    rows = stats.decode_rows(four_pairs.source, np.array([[4, EOS, PAD], [UNK, 7, EOS]]))
    assert rows == [["je", "EOS", "PAD"], ["UNK", "dors", "EOS"]]
    split = range(7, 30)
    assert sorted(stats.draw_pairs(split, 40, seed=1)) == list(split)
    assert stats.draw_pairs(split, 5, seed=1) == stats.draw_pairs(split, 5, seed=1)
    assert stats.draw_pairs(split, 5, seed=1) != stats.draw_pairs(split, 5, seed=2)


def test_frequent_words(four_pairs: Corpus) -> None:
    words = stats.list_frequent_words(four_pairs.source, 100)
    assert words[0] == stats.WordCount("je", 4, 4 / 9, True)
    assert words[1] == stats.WordCount("suis", 2, 2 / 9, True)
    assert [each.word for each in words] == FRENCH_WORDS
    assert not words[-1].in_vocabulary
    assert sum(each.share for each in words) == pytest.approx(1)
    assert stats.list_frequent_words(four_pairs.source, 2) == words[:2]


def test_padding_of_a_batch_by_hand() -> None:
    batch = stats.ExampleBatch(
        np.array([0, 1]), np.array([[4, 5, 2], [4, 2, 0]]), np.array([[4, 2], [5, 2]])
    )
    assert batch.padding_ratio == pytest.approx(1 / 10)
    assert batch.joint_shape == (2, 3)
    assert batch.joint_padding_ratio == pytest.approx(3 / 12)


def test_an_example_batch_is_what_training_would_see(four_pairs: Corpus) -> None:
    example = stats.draw_batch(four_pairs, 16, seed=3)
    assert set(example.pairs.tolist()) <= set(four_pairs.training)
    batches = BatchMaker(four_pairs, torch.device("cpu"))
    batch, joint = (batches.make_padded(example.pairs, joint=each) for each in (False, True))
    real_tokens = batch.source_tokens + batch.target_tokens
    assert example.padding_ratio == pytest.approx(1 - real_tokens / batch.padded_tokens)
    assert example.joint_padding_ratio == pytest.approx(1 - real_tokens / joint.padded_tokens)
    assert example.joint_shape == tuple(joint.source.T.shape)
    assert (example.source == batch.source.T.numpy()).all()
    assert (example.target == batch.target.T.numpy()).all()
    narrow = make_corpus(make_side(FRENCH, FRENCH_WORDS, 5), four_pairs.target, 3, 0, 1)
    assert set(np.unique(stats.draw_batch(narrow, 8, seed=0).source)) == {PAD, EOS, UNK, 4}


def test_real_text(test_data: Path, tmp_path: Path) -> None:
    catalog.add(tmp_path, test_data / "fra-3col-sample.txt", "sample")
    sample = catalog.open_corpus(tmp_path, "sample")
    for side in (sample.source, sample.target):
        counts = stats.list_frequent_words(side, 10**9)
        running_words = len(side.tokens) - sample.info.pairs_kept
        assert sum(each.count for each in counts) == running_words
        assert stats.count_lengths(side).sum() == sample.info.pairs_kept
        assert stats.measure_coverage(side)[-1] == (len(counts), pytest.approx(1))
    batch = stats.draw_batch(sample, 32, seed=0)
    assert 0 < batch.padding_ratio < batch.joint_padding_ratio < 1
    assert stats.pick_example_sentence(sample) in {sample.get_pair(pair)[0] for pair in sample.test}


def unigram_loss(training: list[str], validation: list[str]) -> float | None:
    side = make_side([*training, *validation], ["a", "b", "unknown"], vocabulary=6)
    return stats.compute_unigram_loss(make_corpus(side, side, len(training), len(validation), 0))


def test_the_unigram_loss_by_hand() -> None:
    """EOS, UNK, a, b occur 1, 0, 2, 1 times in training; with one added 2, 1, 3, 2 of 8."""
    expected = -(math.log(3 / 8) + math.log(1 / 8) + math.log(2 / 8)) / 3
    assert unigram_loss(["a a b"], ["a unknown"]) == pytest.approx(expected, rel=1e-12)
    assert unigram_loss(["a"], []) is None
    first = ["a"] * VALIDATION_PAIRS
    assert unigram_loss(["a"], [*first, "b b b"]) == unigram_loss(["a"], first)
