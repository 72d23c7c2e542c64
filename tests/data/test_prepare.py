"""From lines to word ids: a corpus worked by hand, and what holds for any corpus."""

import itertools
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice, pairwise, permutations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data.prepare import Prepared, PreparedSide, prepare
from s2s.data.reader import Chunk, read_chunks
from s2s.data.text import split_sentence
from s2s.records import EOS, SPECIAL_WORDS

Refused = Callable[[str], AbstractContextManager[None]]
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


def prepared_from(lines: list[str], **choices: object) -> Prepared:
    return prepare([Chunk(1, lines)], CorpusChoices(**choices))  # type: ignore[arg-type]


def sentences(side: PreparedSide) -> list[tuple[str, ...]]:
    decoded = []
    for start, end in pairwise(side.offsets):
        assert side.tokens[end - 1] == EOS
        ids = side.tokens[start : end - 1]
        decoded.append(tuple(side.words[word - FIRST] for word in ids.tolist()))
    return decoded


def same(one: Prepared, other: Prepared) -> bool:
    return all(
        np.array_equal(mine.tokens, yours.tokens)
        and np.array_equal(mine.offsets, yours.offsets)
        and (mine.words, mine.vocabulary) == (yours.words, yours.vocabulary)
        for mine, yours in ((one.source, other.source), (one.target, other.target))
    ) and (one.pairs_read, one.bad_lines, one.bad_line_numbers) == (
        other.pairs_read,
        other.bad_lines,
        other.bad_line_numbers,
    )


def test_by_hand() -> None:
    prepared = prepared_from(HAND, max_length=5)
    # The third pair has a side of nine words.
    assert (prepared.pairs_read, prepared.pairs_kept) == (4, 3)
    assert (prepared.bad_lines, prepared.bad_line_numbers) == (4, (3, 5, 6, 8))
    assert (prepared.training_pairs, prepared.validation_pairs, prepared.test_pairs) == (3, 0, 0)
    source, target = prepared.source, prepared.target
    assert source.words == ["!", "va", "continue", "cours"]
    assert source.tokens.tolist() == [5, 4, EOS, 6, 4, EOS, 7, 4, EOS]
    assert source.offsets.tolist() == [0, 3, 6, 9]
    assert source.vocabulary == 8
    assert target.words == ["go", ".", "on", "run", "!"]
    assert target.tokens.tolist() == [4, 5, EOS, 4, 6, 5, EOS, 7, 8, EOS]
    assert target.offsets.tolist() == [0, 3, 7, 10]
    assert (target.tokens.dtype, target.offsets.dtype) == (np.int32, np.int64)


def test_by_hand_in_the_other_direction() -> None:
    one = prepared_from(HAND, max_length=5)
    other = prepared_from(HAND, max_length=5, direction=Direction.FIRST_TO_SECOND)
    one.source, one.target = one.target, one.source
    assert same(one, other)


@pytest.mark.parametrize(("max_length", "kept"), [(2, 2), (3, 3), (8, 3), (9, 4), (1000, 4)])
def test_length_counts_words_of_the_longer_side(max_length: int, kept: int) -> None:
    assert prepared_from(HAND, max_length=max_length).pairs_kept == kept


@pytest.mark.parametrize(
    ("choices", "vocabulary"),
    [
        ({}, 6),
        ({"min_count": 2}, 2),
        ({"min_count": 3}, 1),
        ({"min_count": 4}, 0),
        ({"max_vocabulary": 2}, 2),
        ({"max_vocabulary": 99}, 6),
        ({"min_count": 3, "max_vocabulary": 2}, 1),
    ],
)
def test_the_rarer_words_lie_beyond_the_vocabulary(
    choices: dict[str, int], vocabulary: int
) -> None:
    prepared = prepared_from(["x\tc b a", "x\ta b d", "y\ta e f"], **choices)
    assert prepared.source.words == [*"abcdef"]
    assert prepared.source.vocabulary == FIRST + vocabulary
    assert sentences(prepared.source) == [(*"cba",), (*"abd",), (*"aef",)]


def test_the_article_normaliser_keeps_empty_words() -> None:
    prepared = prepared_from(["7:30\tÀ 7:30"], normalizer=Normalizer.ARTICLE)
    assert (prepared.source.words, prepared.target.words) == (["a", ""], [""])
    assert sentences(prepared.source) == [("a", "")]
    assert sentences(prepared.target) == [("", "")]


@given(PAIRS)
def test_tokens_decode_to_the_words_of_the_pairs(pairs: list[tuple[str, str]]) -> None:
    pairs = [*pairs, ("a", "b")]
    prepared = prepared_from([f"{first}\t{second}" for first, second in pairs], max_length=5)
    split = [
        tuple(tuple(split_sentence(each, Normalizer.UNICODE)) for each in reversed(pair))
        for pair in pairs
    ]
    kept = Counter(pair for pair in split if max(map(len, pair)) <= 5)
    decoded = zip(sentences(prepared.source), sentences(prepared.target), strict=True)
    assert Counter(decoded) == kept


@given(PAIRS)
def test_no_sentence_stands_in_two_parts(pairs: list[tuple[str, str]]) -> None:
    prepared = prepared_from([f"{first}\t{second}" for first, second in pairs])
    _assert_parts_share_nothing(prepared)


def _assert_parts_share_nothing(prepared: Prepared) -> None:
    ends = np.cumsum([0, prepared.training_pairs, prepared.validation_pairs, prepared.test_pairs])
    for side in (prepared.source, prepared.target):
        every = sentences(side)
        assert len(every) == ends[-1]
        parts = [set(every[start:end]) for start, end in pairwise(ends)]
        assert sum(map(len, parts)) == len(set.union(*parts))


@given(PAIRS)
def test_the_model_knows_the_words_of_the_training_part(pairs: list[tuple[str, str]]) -> None:
    prepared = prepared_from([f"{first}\t{second}" for first, second in pairs])
    for side in (prepared.source, prepared.target):
        training = sentences(side)[: prepared.training_pairs]
        known = side.words[: side.vocabulary - FIRST]
        counts = Counter(word for sentence in training for word in sentence)
        assert set(known) == set(counts)
        assert [counts[word] for word in known] == sorted(counts.values(), reverse=True)
        assert set(side.words) == {word for sentence in sentences(side) for word in sentence}
        assert len(set(side.words)) == len(side.words)


@given(
    lines=st.lists(
        st.one_of(st.tuples(SENTENCE, SENTENCE).map("\t".join), st.just("bad"), st.just(""))
    ).map(lambda lines: [*lines, "a\tb"]),
    cuts=st.lists(st.integers(0, 60)).map(sorted),
)
def test_chunks_make_no_difference(lines: list[str], cuts: list[int]) -> None:
    ends = [0, *cuts, len(lines)]
    chunks = [Chunk(a + 1, lines[a:b]) for a, b in pairwise(ends)]
    told: list[int] = []
    # A cut beyond the last line makes an empty chunk.
    chunked = prepare(chunks, CorpusChoices(), told.append)
    assert same(chunked, prepared_from(lines))
    assert told[-1] == len(lines)
    assert told == sorted(told)


def test_the_same_lines_give_the_same_split() -> None:
    lines = [f"I see {n} cats.\tJe vois {n} chats." for n in range(3000)]
    one, other = prepared_from(lines), prepared_from(lines)
    assert same(one, other)
    assert (one.validation_pairs, one.test_pairs) == (300, 300)
    numbers = [int(words[2]) for words in sentences(one.source)]
    assert numbers[:2400] != list(range(2400)), "held-out pairs are drawn from everywhere"
    assert max(numbers[2400:]) > 2000 > 1000 > min(numbers[2400:])


@pytest.mark.parametrize(
    ("pairs", "held_out"), [(9, 0), (10, 1), (4999, 499), (20_000, 500), (60_000, 600)]
)
def test_size_of_the_held_out_parts(pairs: int, held_out: int) -> None:
    prepared = prepared_from([f"{n}\t{n}" for n in range(pairs)])
    assert prepared.validation_pairs == prepared.test_pairs == held_out
    assert prepared.pairs_kept == pairs


def test_the_same_words_in_another_order_are_another_sentence() -> None:
    orders = [" ".join(each) for each in islice(permutations("abcdef"), 200)]
    prepared = prepared_from([f"{each}\t{each}" for each in orders])
    assert prepared.validation_pairs == prepared.test_pairs == 20


def test_large_groups_stay_in_training() -> None:
    lines = [f"go {n}\tva {n // 10}" for n in range(200)] + [f"{n}\t{n}" for n in range(200)]
    prepared = prepared_from(lines)
    held_out = sentences(prepared.source)[prepared.training_pairs :]
    assert prepared.validation_pairs == prepared.test_pairs == 40
    assert not any("va" in sentence for sentence in held_out)


def test_a_real_file_of_three_columns(test_data: Path) -> None:
    prepared = prepare(read_chunks(test_data / "fra-3col-sample.txt"), CorpusChoices())
    assert (prepared.pairs_read, prepared.bad_lines) == (5000, 0)
    assert prepared.validation_pairs <= 500
    assert 950 < prepared.validation_pairs + prepared.test_pairs <= 1000
    assert "bouge" in prepared.source.words
    assert "move" in prepared.target.words
    for side in (prepared.source, prepared.target):
        assert not {"attribution", "tatoeba", "cc", "#"} & set(side.words)
    _assert_parts_share_nothing(prepared)


@pytest.mark.parametrize(
    ("lines", "choices", "words"),
    [
        ([], {}, "has no lines"),
        (["", " "], {}, "None of the 2 lines has two tab-separated columns"),
        (["one column", "\tsecond", "first\t "], {}, "None of the 3 lines"),
        (["a b\ta"], {"max_length": 1}, "longer than 1 words; raise the maximum length"),
        (["a\t\u200b"], {}, "empty or longer"),
        ([f"x\t{n}" for n in range(200)], {}, "only 1 distinct sentences are left of 200"),
    ],
)
def test_lines_that_leave_nothing(
    refused: Refused, lines: list[str], choices: dict[str, int], words: str
) -> None:
    with refused(words):
        prepared_from(lines, **choices)


@pytest.mark.parametrize("direction", Direction)
def test_a_script_that_the_article_erases_is_refused(
    refused: Refused, direction: Direction
) -> None:
    kana = "あいうえおかきくけこさしすせそたちつてと"
    lines = [f"I see {n}.\t{kana[n % 20]}が{kana[n // 20]}。" for n in range(200)]
    with refused("choose the unicode normaliser"):
        prepared_from(lines, normalizer=Normalizer.ARTICLE, direction=direction)
    assert prepared_from(lines, direction=direction).pairs_kept == 200


def test_no_more_than_a_hundred_bad_lines_are_named() -> None:
    prepared = prepared_from(["a\tb"] + ["bad"] * 300)
    assert prepared.bad_lines == 300
    assert prepared.bad_line_numbers == tuple(range(2, 102))


def test_the_first_held_out_pairs_stand_for_all_of_them(test_data: Path) -> None:
    """The file is sorted by length; validation takes the first 512 pairs only."""
    prepared = prepare(read_chunks(test_data / "fra-eng.zip"), CorpusChoices())
    lengths = np.diff(prepared.target.offsets)
    validation = lengths[prepared.training_pairs :][: prepared.validation_pairs]
    assert validation[:512].mean() == pytest.approx(validation.mean(), rel=0.05)


def test_a_corpus_that_would_take_too_much_memory_is_refused_while_it_is_read(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of pairs and words each; the limit is the smaller one, and the file is not read on."""
    read = list[int]()

    def without_end(line: str) -> Iterator[Chunk]:
        for number in itertools.count(1):
            read.append(number)
            yield Chunk(number, [line.format(number)] * 10)

    monkeypatch.setattr("s2s.data.prepare._MOST_BYTES", 10**6)
    for line, most in (("a\ta", 1000), ("{0}\t" + "a " * 30, 5000), ("{0:0999}\t.", 400)):
        read.clear()
        with refused("of memory to prepare"):
            prepare(without_end(line), CorpusChoices())
        assert len(read) < most
    free = SimpleNamespace(available=2 * 10**5)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    read.clear()
    with refused("of memory to prepare"):
        prepare(without_end("a\ta"), CorpusChoices())
    assert len(read) < 200


def test_what_is_told_to_be_needed_is_what_it_takes() -> None:
    """Of numpy's arrays and Python's objects, to which tracemalloc holds the estimate."""
    lines = [f"{n} b{n % 7} c{n % 1000}\ta{n} d{n % 300}" for n in range(60_000)]
    told = list[int]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s2s.data.prepare._check_memory", lambda needed, *_: told.append(needed))
        chunks = [Chunk(n + 1, lines[n : n + 1000]) for n in range(0, len(lines), 1000)]
        tracemalloc.start()
        prepare(chunks, CorpusChoices())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < told[-1] < 3 * peak_bytes
