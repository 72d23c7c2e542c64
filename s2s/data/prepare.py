"""From lines of text to a prepared corpus: words, length filter, split, vocabulary, encoding."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from s2s.config import CorpusChoices, Direction, Normalizer, UserError
from s2s.data.corpus_file import Chunk
from s2s.data.text import SENTENCE_END, split_words
from s2s.records import EOS, SPECIAL_WORDS

_SHOWN_BAD_LINES = 100
_SPLIT_SEED = 2018
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass
class PreparedSide:
    tokens: Int32s
    """Final word ids, EOS after each sentence."""
    offsets: Int64s
    words: list[str]
    """The word of each id from len(SPECIAL_WORDS) on."""
    vocabulary: int
    """Ids below this are known to the model."""


@dataclass
class Prepared:
    source: PreparedSide
    target: PreparedSide
    training_pairs: int
    validation_pairs: int
    test_pairs: int
    pairs_read: int
    bad_lines: int
    bad_line_numbers: tuple[int, ...]

    @property
    def pairs_kept(self) -> int:
        return self.training_pairs + self.validation_pairs + self.test_pairs


@dataclass
class _Reading:
    """One side while it is read: words get numbers as they come, SENTENCE_END is number 0."""

    normalizer: Normalizer
    numbers: defaultdict[str, int] = field(init=False)
    tokens: list[Int32s] = field(default_factory=list)
    lengths: list[Int64s] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbers = defaultdict(itertools.count().__next__, {})
        assert self.numbers[SENTENCE_END] == 0

    def encode(self, sentences: list[str]) -> tuple[Int32s, Int64s]:
        """Numbers of all words, and each sentence's length, its end included."""
        words = split_words(sentences, self.normalizer)
        tokens = np.fromiter(map(self.numbers.__getitem__, words), np.int32, len(words))
        ends = np.flatnonzero(tokens == 0)
        return tokens, np.diff(ends, prepend=-1)

    def keep(self, tokens: Int32s, lengths: Int64s, kept: Bools) -> None:
        self.tokens.append(tokens[np.repeat(kept, lengths)])
        self.lengths.append(lengths[kept])

    def finish(self) -> tuple[Int32s, Int64s]:
        return np.concatenate(self.tokens), np.concatenate(self.lengths)


def prepare(
    chunks: Iterable[Chunk],
    choices: CorpusChoices,
    progress: Callable[[int], object] = id,
) -> Prepared:
    """Reads all chunks, calling `progress` with the lines read so far.

    The text is never held whole: words become numbers chunk by chunk. Raises UserError, in one
    sentence that says why and what to do, where nothing useful is left.
    """
    source, target = _Reading(choices.normalizer), _Reading(choices.normalizer)
    bad_lines: list[int] = []
    pairs_read = lines_read = 0
    for chunk in chunks:
        first, second, bad = _columns(chunk)
        if choices.direction is Direction.SECOND_TO_FIRST:
            first, second = second, first
        source_tokens, source_lengths = source.encode(first)
        target_tokens, target_lengths = target.encode(second)
        shorter = np.minimum(source_lengths, target_lengths) - 1
        longer = np.maximum(source_lengths, target_lengths) - 1
        kept = (shorter >= 1) & (longer <= choices.max_length)
        source.keep(source_tokens, source_lengths, kept)
        target.keep(target_tokens, target_lengths, kept)
        pairs_read += len(first)
        bad_lines.extend(bad)
        lines_read += len(chunk.lines)
        progress(lines_read)
    _check_pairs(pairs_read, lines_read)
    source_tokens, source_lengths = source.finish()
    target_tokens, target_lengths = target.finish()
    _check_something_left(len(source_lengths), pairs_read, choices)
    source_sentences = _distinct_sentences(source_tokens, source_lengths)
    target_sentences = _distinct_sentences(target_tokens, target_lengths)
    for sentences in (source_sentences, target_sentences):
        _check_variety(int(sentences.max()) + 1, len(sentences), choices)
    training, validation, test = _split(source_sentences, target_sentences)
    order = np.concatenate([training, validation, test])
    source_side, target_side = (
        _finish_side(tokens, lengths, order, len(training), list(reading.numbers), choices)
        for reading, tokens, lengths in (
            (source, source_tokens, source_lengths),
            (target, target_tokens, target_lengths),
        )
    )
    return Prepared(
        source_side,
        target_side,
        len(training),
        len(validation),
        len(test),
        pairs_read,
        len(bad_lines),
        tuple(bad_lines[:_SHOWN_BAD_LINES]),
    )


def _columns(chunk: Chunk) -> tuple[list[str], list[str], list[int]]:
    """First and second column of the good lines, and the numbers of the others."""
    first, second, bad = [], [], []
    for number, line in enumerate(chunk.lines, chunk.first_line_number):
        columns = line.split("\t", 2)
        if len(columns) > 1 and "\ufffd" not in line and columns[0].strip() and columns[1].strip():
            first.append(columns[0])
            second.append(columns[1])
        elif line.strip():
            bad.append(number)
    return first, second, bad


def _distinct_sentences(tokens: Int32s, lengths: Int64s) -> Int64s:
    """A number for each sentence, the same for the same words in the same order.

    By a 64-bit hash: two different sentences that meet by chance would only be kept on the
    same side of the split.
    """
    starts = np.cumsum(lengths) - lengths
    position = np.arange(len(tokens)) - np.repeat(starts, lengths)
    random = np.random.default_rng(_SPLIT_SEED)
    multiplier = random.integers(1, 2**63, int(lengths.max()), dtype=np.uint64) | np.uint64(1)
    mixed = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    hashes = np.add.reduceat(mixed * multiplier[position], starts)
    return np.unique(hashes, return_inverse=True)[1].astype(np.int64)


def _split(sources: Int64s, targets: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Indices of the training, validation and test pairs.

    Pairs that share a sentence of either language, directly or through others, form a group;
    a group goes to one part as a whole. Validation and test get about 1 % of the pairs each
    (at least 500 where that is no more than a tenth, at most 5,000), from groups drawn at
    random; the few large groups stay in training. The held-out parts are in random order, so that
    their first pairs stand for all of them: corpus files are often sorted by length.
    """
    pairs = len(sources)
    wanted = min(max(pairs // 100, min(500, pairs // 10)), 5000)
    nodes = int(sources.max()) + 1 + int(targets.max()) + 1
    edges = (np.ones(pairs, np.bool_), (sources, targets + int(sources.max()) + 1))
    groups = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)[1]
    group = np.unique(groups[sources], return_inverse=True)[1]
    sizes = np.bincount(group)
    small = np.flatnonzero(sizes <= max(wanted // 10, 1))
    random = np.random.default_rng(_SPLIT_SEED)
    drawn = random.permutation(small)
    filled = np.cumsum(sizes[drawn])
    part = np.zeros(len(sizes), np.int8)
    part[drawn[filled <= 2 * wanted]] = 2
    part[drawn[filled <= wanted]] = 1
    part_of_pair = part[group]
    training, validation, test = (np.flatnonzero(part_of_pair == each) for each in (0, 1, 2))
    return training, random.permutation(validation), random.permutation(test)


def _finish_side(
    tokens: Int32s,
    lengths: Int64s,
    order: Int64s,
    training_pairs: int,
    words: list[str],
    choices: CorpusChoices,
) -> PreparedSide:
    """Sentences in their final order; word ids by frequency in the training part."""
    starts = (np.cumsum(lengths) - lengths)[order]
    lengths = lengths[order]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = tokens[np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])]
    counts = np.bincount(tokens[: offsets[training_pairs]], minlength=len(words))
    everywhere = np.bincount(tokens, minlength=len(words))
    counts[0] = everywhere[0] = 0
    by_frequency = np.argsort(-counts, kind="stable")
    known = int((counts >= choices.min_count).sum())
    if choices.max_vocabulary:
        known = min(known, choices.max_vocabulary)
    used = np.concatenate(
        [by_frequency[:known], [n for n in by_frequency[known:].tolist() if everywhere[n]]]
    ).astype(np.int64)
    ids = np.zeros(len(words), np.int32)
    ids[0] = EOS
    ids[used] = np.arange(len(used)) + len(SPECIAL_WORDS)
    return PreparedSide(
        ids[tokens], offsets, [words[n] for n in used.tolist()], known + len(SPECIAL_WORDS)
    )


def _check_pairs(pairs: int, lines: int) -> None:
    if lines == 0:
        raise UserError("The file has no lines.")
    if pairs == 0:
        raise UserError(
            f"None of the {lines:,} lines has two tab-separated columns with text in them; "
            "write a sentence, a tab and its translation on each line."
        )


def _check_something_left(kept: int, pairs: int, choices: CorpusChoices) -> None:
    if kept == 0:
        raise UserError(
            f"None of the {pairs:,} pairs is left: all have a side that is empty or longer than "
            f"{choices.max_length} words; raise the maximum length or choose another normaliser."
        )


def _check_variety(distinct: int, pairs: int, choices: CorpusChoices) -> None:
    if pairs >= 100 and distinct < pairs * 0.01:
        remedy = (
            "it keeps Latin letters only; choose the unicode normaliser"
            if choices.normalizer is Normalizer.ARTICLE
            else "check that the first two columns are the two languages"
        )
        raise UserError(
            f"On one side only {distinct:,} distinct sentences are left of {pairs:,} after the "
            f"{choices.normalizer} normaliser: {remedy}."
        )
