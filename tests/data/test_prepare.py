"""From lines to word ids: a corpus worked out by hand, and properties of any corpus."""

import itertools
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data import prepare as prepare_module
from s2s.data.corpus import Side
from s2s.data.prepare import Prepared, prepare
from s2s.data.reader import Chunk
from s2s.data.text import split_sentence
from s2s.errors import UserError
from s2s.records import EOS, SPECIAL_WORDS

FIRST = len(SPECIAL_WORDS)
HAND = [
    "Go.\tVa !",
    "Go on.\tContinue !\tCC-BY 2.0 (France) Attribution: tatoeba.org #1",
    "no tab",
    "Go on, go on, go on.\tVa va va va va !",
    "\tVa",
    "Run!\tVa\ufffd !",
    "",
    "Stop.\t \t",
    "Run!\tCours !",
]
WORD = st.sampled_from([*"abcdefg", "h.", "i'm", "été"])
SENTENCE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
PAIRS = st.lists(st.tuples(SENTENCE, SENTENCE), min_size=1, max_size=60)


def prepare_lines(lines: list[str], **choices: object) -> Prepared:
    return prepare([Chunk(1, lines)], CorpusChoices(**choices), id)  # type: ignore[arg-type]


def decode(side: Side) -> list[tuple[str, ...]]:
    sentences = []
    for start, end in pairwise(side.offsets):
        assert side.tokens[end - 1] == EOS
        ids = side.tokens[start : end - 1]
        sentences.append(tuple(side.words[word] for word in ids.tolist()))
    return sentences


def contents(prepared: Prepared) -> list[object]:
    """Return everything in it, in a form that == compares."""
    sides = [
        (side.tokens.tolist(), side.offsets.tolist(), side.words, side.vocabulary_size)
        for side in (prepared.source, prepared.target)
    ]
    return [sides, prepared.pairs_read, prepared.bad_lines, prepared.bad_line_numbers]


def test_by_hand() -> None:
    prepared = prepare_lines(HAND, max_length=5)
    # The third pair has a side of nine words.
    assert (prepared.pairs_read, prepared.pairs_kept) == (4, 3)
    assert (prepared.bad_lines, prepared.bad_line_numbers) == (4, (3, 5, 6, 8))
    assert (prepared.training_pairs, prepared.validation_pairs, prepared.test_pairs) == (3, 0, 0)
    source, target = prepared.source, prepared.target
    assert source.words[FIRST:] == ["!", "va", "continue", "cours"]
    assert source.tokens.tolist() == [5, 4, EOS, 6, 4, EOS, 7, 4, EOS]
    assert source.offsets.tolist() == [0, 3, 6, 9]
    assert source.vocabulary_size == 8
    assert target.words[FIRST:] == ["go", ".", "on", "run", "!"]
    assert target.tokens.tolist() == [4, 5, EOS, 4, 6, 5, EOS, 7, 8, EOS]
    assert (target.tokens.dtype, target.offsets.dtype) == (np.int32, np.int64)
    kept = {2: 2, 3: 3, 8: 3, 9: 4}  # by the words of the longer side
    assert {each: prepare_lines(HAND, max_length=each).pairs_kept for each in kept} == kept
    other = prepare_lines(HAND, max_length=5, direction=Direction.FIRST_TO_SECOND)
    other.source, other.target = other.target, other.source
    assert contents(other) == contents(prepared)


@pytest.mark.parametrize(
    ("choices", "vocabulary"),
    [
        ({}, 6),
        ({"min_count": 2}, 2),
        ({"min_count": 4}, 0),
        ({"max_vocabulary": 99}, 6),
        ({"min_count": 3, "max_vocabulary": 2}, 1),
    ],
)
def test_rare_words_are_outside_the_vocabulary(choices: dict[str, int], vocabulary: int) -> None:
    prepared = prepare_lines(["x\tc b a", "x\ta b d", "y\ta e f"], **choices)
    assert prepared.source.words[FIRST:] == [*"abcdef"]
    assert prepared.source.vocabulary_size == FIRST + vocabulary
    assert decode(prepared.source) == [(*"cba",), (*"abd",), (*"aef",)]


@given(PAIRS)
def test_properties_of_any_corpus(pairs: list[tuple[str, str]]) -> None:
    pairs = [*pairs, ("a", "b")]
    prepared = prepare_lines([f"{first}\t{second}" for first, second in pairs], max_length=5)
    words = [
        tuple(tuple(split_sentence(each, Normalizer.UNICODE)) for each in reversed(pair))
        for pair in pairs
    ]
    kept = Counter(pair for pair in words if max(map(len, pair)) <= 5)
    decoded = zip(decode(prepared.source), decode(prepared.target), strict=True)
    assert Counter(decoded) == kept
    assert_splits_share_no_sentence(prepared)
    for side in (prepared.source, prepared.target):
        sentences = decode(side)
        vocabulary = side.words[FIRST : side.vocabulary_size]
        counts = Counter(itertools.chain(*sentences[: prepared.training_pairs]))
        assert set(vocabulary) == set(counts)
        assert [counts[word] for word in vocabulary] == sorted(counts.values(), reverse=True)
        assert sorted(side.words[FIRST:]) == sorted(set(itertools.chain(*sentences)))


def assert_splits_share_no_sentence(prepared: Prepared) -> None:
    ends = np.cumsum([0, prepared.training_pairs, prepared.validation_pairs, prepared.test_pairs])
    for side in (prepared.source, prepared.target):
        sentences = decode(side)
        assert len(sentences) == ends[-1]
        splits = [set(sentences[start:end]) for start, end in pairwise(ends)]
        assert sum(map(len, splits)) == len(set.union(*splits))


@given(
    lines=st.lists(
        st.one_of(st.tuples(SENTENCE, SENTENCE).map("\t".join), st.just("bad"), st.just(""))
    ).map(lambda lines: [*lines, "a\tb"]),
    cuts=st.lists(st.integers(0, 60)).map(sorted),
)
def test_chunks_make_no_difference(lines: list[str], cuts: list[int]) -> None:
    ends = [0, *cuts, len(lines)]  # a cut after the last line makes an empty chunk
    chunks = [Chunk(a + 1, lines[a:b]) for a, b in pairwise(ends)]
    progress: list[int] = []
    assert contents(prepare(chunks, CorpusChoices(), progress.append)) == contents(
        prepare_lines(lines)
    )
    assert progress[-1] == len(lines)
    assert progress == sorted(progress)


def test_the_validation_and_test_splits() -> None:
    for pairs, size in ((9, 0), (10, 1), (4999, 499), (20_000, 500)):
        prepared = prepare_lines([f"{n}\t{n}" for n in range(pairs)])
        assert prepared.validation_pairs == prepared.test_pairs == size
        assert prepared.pairs_kept == pairs
    numbers = [int(words[0]) for words in decode(prepared.source)]
    assert max(numbers[-1000:]) > 15_000 > 5000 > min(numbers[-1000:])
    lines = [f"go {n}\tva {n // 10}" for n in range(200)] + [f"{n}\t{n}" for n in range(200)]
    prepared = prepare_lines(lines)
    assert prepared.validation_pairs == prepared.test_pairs == 40
    assert not any("va" in each for each in decode(prepared.source)[prepared.training_pairs :])


@pytest.mark.parametrize(
    ("lines", "choices", "words"),
    [
        ([], {}, "no lines"),
        (["one column", "\tsecond", "first\t "], {}, "None of the 3 lines"),
        (["a b\ta"], {"max_length": 1}, "longer than 1 words"),
        (["a\t\u200b"], {}, "empty"),
        ([f"x\t{n}" for n in range(200)], {}, "1 distinct sentences of 200"),
        (
            [f"I see {n}.\t{'あいうえおかきくけこ'[n % 10]}が。" for n in range(200)],
            {"normalizer": Normalizer.ARTICLE},
            "choose the unicode normalizer",
        ),
    ],
)
def test_lines_without_useful_pairs(lines: list[str], choices: dict[str, int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        prepare_lines(lines, **choices)


@pytest.mark.parametrize(("line", "max_chunks"), [("a\ta", 1000), ("{0:0999}\t.", 400)])
def test_a_corpus_that_takes_too_much_memory_is_rejected(
    monkeypatch: pytest.MonkeyPatch, line: str, max_chunks: int
) -> None:
    chunks_read = list[int]()

    def endless() -> Iterator[Chunk]:
        for number in itertools.count(1):
            chunks_read.append(number)
            yield Chunk(number, [line.format(number)] * 10)

    monkeypatch.setattr(prepare_module, "_MAX_BYTES", 10**6)
    with pytest.raises(UserError, match="memory"):
        prepare(endless(), CorpusChoices(), id)
    assert len(chunks_read) < max_chunks
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=2 * 10**5))
    chunks_read.clear()
    with pytest.raises(UserError, match="memory"):
        prepare(endless(), CorpusChoices(), id)
    assert len(chunks_read) < max_chunks / 5
