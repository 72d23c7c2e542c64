"""Summaries of a corpus: numbers worked out by hand on four pairs, and what holds for any."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import CorpusChoices
from s2s.data import catalog, corpus
from s2s.data import stats as describe
from s2s.data.batches import Batches
from s2s.data.corpus import Corpus, Side
from s2s.records import EOS, PAD, SPECIAL_WORDS, UNK, CorpusInfo

FRENCH = ["je suis la", "je dors", "je suis je", "bof"]
ENGLISH = ["i am here", "i sleep", "i am i", "meh"]
FRENCH_WORDS = ["je", "suis", "la", "dors", "bof"]  # ids 4 to 8; the last is not known
ENGLISH_WORDS = ["i", "am", "here", "sleep", "meh"]


def encoded(sentences: list[str], words: list[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    ids = {word: number for number, word in enumerate(words, len(SPECIAL_WORDS))}
    rows = [[*(ids[word] for word in sentence.split()), EOS] for sentence in sentences]
    return (
        np.array([token for row in rows for token in row], np.int32),
        np.cumsum([0, *(len(row) for row in rows)]),
        words,
    )


@pytest.fixture
def four_pairs(tmp_path: Path) -> Corpus:
    """Three pairs to train on, none to validate, one to test."""
    info = CorpusInfo(
        name="four",
        choices=CorpusChoices(),
        content_sha256="",
        source_language="French",
        target_language="English",
        attribution="",
        pairs_read=4,
        pairs_kept=4,
        bad_lines=0,
        bad_line_numbers=(),
        source_words=5,
        target_words=5,
        source_vocabulary=8,
        target_vocabulary=8,
        training_pairs=3,
        validation_pairs=0,
        test_pairs=1,
        seconds=0.0,
    )
    sides = [encoded(FRENCH, FRENCH_WORDS), encoded(ENGLISH, ENGLISH_WORDS)]
    (tmp_path / "four").mkdir()
    corpus.save(tmp_path / "four", info, sides)
    return corpus.load(tmp_path / "four")


def side_of_lengths(lengths: list[int]) -> Side:
    offsets = np.cumsum([0, *(length + 1 for length in lengths)])
    return Side(np.full(offsets[-1], EOS, np.int32), offsets, 4, Path(), "source")


def test_lengths_count_words_without_eos(four_pairs: Corpus) -> None:
    assert describe.length_histogram(four_pairs.source).tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize(("percent", "words"), [(25, 1), (26, 2), (50, 2), (51, 3), (100, 3)])
def test_a_percentile_is_a_length_that_so_many_do_not_exceed(
    four_pairs: Corpus, percent: float, words: int
) -> None:
    histogram = describe.length_histogram(four_pairs.source)
    assert describe.length_percentile(histogram, percent) == words


@given(st.lists(st.integers(1, 30), min_size=1), st.sampled_from([1, 50, 90, 99, 100]))
def test_a_percentile_is_the_least_such_length(lengths: list[int], percent: int) -> None:
    found = describe.length_percentile(describe.length_histogram(side_of_lengths(lengths)), percent)
    wanted = percent * len(lengths)
    assert 100 * sum(length <= found for length in lengths) >= wanted
    assert 100 * sum(length < found for length in lengths) < wanted


def test_most_frequent_words(four_pairs: Corpus) -> None:
    first, second = describe.most_frequent(four_pairs.source, 2)
    assert first == describe.WordCount(4, "je", 4, 4 / 9, True)
    assert second == describe.WordCount(5, "suis", 2, 2 / 9, True)
    everything = describe.most_frequent(four_pairs.source, 100)
    assert [each.word for each in everything] == FRENCH_WORDS
    assert not everything[-1].known
    assert sum(each.share for each in everything) == pytest.approx(1)


def test_a_search_gives_the_word_itself_first_then_the_frequent_ones(four_pairs: Corpus) -> None:
    english = four_pairs.target
    assert [each.word for each in describe.search_words(english, "e", 9)] == [
        "here",
        "sleep",
        "meh",
    ]
    assert [each.word for each in describe.search_words(english, " MEH ", 9)] == ["meh"]
    assert [each.word for each in describe.search_words(four_pairs.source, "s", 1)] == ["suis"]
    assert describe.search_words(english, "zebra", 9) == []
    assert describe.search_words(english, "PAD", 9) == []


def test_the_searched_word_comes_before_more_frequent_ones(tmp_path: Path) -> None:
    tokens, offsets, words = encoded(["here here", "he"], ["here", "he"])
    (tmp_path / "source_words.json").write_text('["here", "he"]', encoding="utf-8")
    side = Side(tokens, offsets, 6, tmp_path, "source")
    assert words == ["here", "he"]
    assert [each.word for each in describe.search_words(side, "he", 9)] == ["he", "here"]


def test_pairs_with_a_word(four_pairs: Corpus) -> None:
    je, bof = 4, 8
    assert describe.pairs_with(four_pairs.source, je, 9) == [0, 1, 2]
    assert describe.pairs_with(four_pairs.source, je, 2) == [0, 1]
    assert describe.pairs_with(four_pairs.source, bof, 9) == [3]


def test_the_share_kept_grows_with_the_vocabulary(four_pairs: Corpus) -> None:
    assert dict(describe.kept_shares(four_pairs.source)) == pytest.approx(
        {1: 4 / 9, 2: 6 / 9, 5: 1}
    )


@given(st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_sizes_end_with_all_words(counts: list[int]) -> None:
    tokens = np.repeat(np.arange(len(counts)) + len(SPECIAL_WORDS), counts)
    side = Side(tokens, np.array([0, len(tokens)]), 4, Path(), "source")
    sizes, shares = zip(*describe.kept_shares(side), strict=True)
    assert sizes[-1] == len(counts)
    assert shares[-1] == 1
    assert list(sizes) == sorted(set(sizes))
    assert list(shares) == sorted(shares)
    assert shares[0] == pytest.approx(counts[0] / sum(counts))


@given(st.integers(0, 50), st.integers(0, 30), st.integers(1, 40), st.integers(0, 9))
def test_drawn_pairs_are_of_the_part_and_differ(
    start: int, size: int, count: int, seed: int
) -> None:
    part = range(start, start + size)
    drawn = describe.draw_pairs(part, count, seed)
    assert len(drawn) == len(set(drawn)) == min(count, size)
    assert set(drawn) <= set(part)
    assert drawn == describe.draw_pairs(part, count, seed)


def test_another_seed_draws_others() -> None:
    assert describe.draw_pairs(range(1000), 5, 0) != describe.draw_pairs(range(1000), 5, 1)


def test_padding_of_a_batch_by_hand() -> None:
    batch = describe.DrawnBatch(
        np.array([0, 1]), np.array([[4, 5, 2], [4, 2, 0]]), np.array([[4, 2], [5, 2]])
    )
    assert batch.padding_ratio == pytest.approx(1 / 10)
    assert batch.joint_shape == (2, 3)
    assert batch.joint_padded_share == pytest.approx(3 / 12)


@pytest.mark.parametrize("joint", [False, True])
def test_a_drawn_batch_is_what_training_would_see(four_pairs: Corpus, *, joint: bool) -> None:
    drawn = describe.draw_batch(four_pairs, 16, seed=3)
    assert set(drawn.pairs.tolist()) <= set(four_pairs.training)
    batches = Batches(four_pairs, torch.device("cpu"))
    batch = batches.padded(drawn.pairs, joint=joint)
    real_tokens = batch.source_tokens + batch.target_tokens
    share = drawn.joint_padded_share if joint else drawn.padding_ratio
    assert share == pytest.approx(1 - real_tokens / batch.padded_tokens)
    if joint:
        assert drawn.joint_shape == tuple(batch.source.T.shape)
    else:
        assert (drawn.source == batch.source.T.numpy()).all()
        assert (drawn.target == batch.target.T.numpy()).all()


def test_words_of_a_batch_name_padding_and_unknown_words(four_pairs: Corpus) -> None:
    ids = np.array([[4, EOS, PAD], [UNK, 7, EOS]])
    assert describe.words_of(four_pairs.source, ids) == [
        ["je", "EOS", "PAD"],
        ["UNK", "dors", "EOS"],
    ]


def test_a_word_outside_the_vocabulary_is_unk_in_a_batch(four_pairs: Corpus) -> None:
    narrow = Corpus(
        four_pairs.info,
        Side(four_pairs.source.tokens, four_pairs.source.offsets, 5, Path(), "source"),
        four_pairs.target,
    )
    drawn = describe.draw_batch(narrow, 8, seed=0)
    assert set(np.unique(drawn.source)) == {PAD, EOS, UNK, 4}


def test_the_example_comes_from_the_test_part(four_pairs: Corpus) -> None:
    assert describe.example_sentence(four_pairs) == "bof"


def test_real_text(test_data: Path, tmp_path: Path) -> None:
    catalog.add(tmp_path, test_data / "fra-3col-sample.txt", "sample")
    sample = catalog.open_corpus(tmp_path, "sample")
    for side in (sample.source, sample.target):
        counts = describe.most_frequent(side, 10**9)
        running_words = len(side.tokens) - sample.info.pairs_kept
        assert sum(each.count for each in counts) == running_words
        assert describe.length_histogram(side).sum() == sample.info.pairs_kept
        assert describe.kept_shares(side)[-1] == (len(counts), pytest.approx(1))
    drawn = describe.draw_batch(sample, 32, seed=0)
    assert 0 < drawn.padding_ratio < drawn.joint_padded_share < 1
    assert describe.example_sentence(sample) in {sample.pair(pair)[0] for pair in sample.test}
