"""From lines of text to a prepared corpus: words, length filter, split, vocabulary, encoding."""

import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import psutil
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data.reader import Chunk
from s2s.data.text import SENTENCE_END, split_words
from s2s.errors import UserError
from s2s.records import EOS, SPECIAL_WORDS

_SHOWN_BAD_LINES = 100
_SPLIT_SEED = 2018
_MOST_BYTES = 2 * 2**30
"""Of memory for one corpus, where so much is free."""
_TOKEN_BYTES, _SENTENCE_BYTES, _WORD_BYTES = 12, 60, 200
"""What preparing takes at its peak for each token, sentence and distinct word, letters aside."""
_BLOCK_SENTENCES = 2**16
_BLOCK_TOKENS = 2**20
Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
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
    max_length: int
    numbers: defaultdict[str, int] = field(init=False)
    tokens: list[Int32s] = field(default_factory=list)
    lengths: list[Int16s] = field(default_factory=list)
    hashes: list[UInt64s] = field(default_factory=list)
    tokens_kept: int = 0
    pairs_kept: int = 0
    text_bytes: int = 0
    """Of the distinct words."""

    def __post_init__(self) -> None:
        random = np.random.default_rng(_SPLIT_SEED)
        self._multiplier = random.integers(1, 2**63, self.max_length + 1, dtype=np.uint64)
        self._multiplier |= np.uint64(1)
        self.numbers = defaultdict(itertools.count().__next__, {})
        assert self.numbers[SENTENCE_END] == 0

    def encode(self, sentences: list[str]) -> tuple[Int32s, Int64s]:
        """Numbers of all words, and each sentence's length, its end included."""
        words = split_words(sentences, self.normalizer)
        known = len(self.numbers)
        tokens = np.fromiter(map(self.numbers.__getitem__, words), np.int32, len(words))
        fresh = itertools.islice(reversed(self.numbers), len(self.numbers) - known)
        self.text_bytes += sum(map(sys.getsizeof, fresh))
        ends = np.flatnonzero(tokens == 0)
        return tokens, np.diff(ends, prepend=-1)

    def keep(self, tokens: Int32s, lengths: Int64s, kept: Bools) -> None:
        tokens, lengths = tokens[np.repeat(kept, lengths)], lengths[kept]
        if not len(lengths):
            return
        self.tokens.append(tokens)
        self.lengths.append(lengths.astype(np.int16))
        self.hashes.append(self._hashes(tokens, lengths))
        self.tokens_kept += len(tokens)
        self.pairs_kept += len(lengths)

    def _hashes(self, tokens: Int32s, lengths: Int64s) -> UInt64s:
        """A number for each sentence, the same for the same words in the same order.

        Of 64 bits: two different sentences that meet by chance would only be kept on the same
        side of the split.
        """
        starts = np.cumsum(lengths) - lengths
        position = np.arange(len(tokens)) - np.repeat(starts, lengths)
        mixed = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        hashes: UInt64s = np.add.reduceat(mixed * self._multiplier[position], starts)
        return hashes

    def needed_bytes(self) -> int:
        """Of memory, to prepare what was read so far."""
        return (
            self.tokens_kept * _TOKEN_BYTES
            + self.pairs_kept * _SENTENCE_BYTES
            + len(self.numbers) * _WORD_BYTES
            + self.text_bytes * 3  # itself, and while it is written as JSON
        )

    def sentences(self) -> Int32s:
        """A number for each sentence, from 0 on; the hashes are given up for it."""
        hashes = np.concatenate(self.hashes)
        self.hashes.clear()
        return np.unique(hashes, return_inverse=True)[1].astype(np.int32)

    def finish(self) -> tuple[Int32s, Int16s]:
        """Tokens and lengths, which are given up here."""
        tokens, lengths = np.concatenate(self.tokens), np.concatenate(self.lengths)
        self.tokens.clear()
        self.lengths.clear()
        return tokens, lengths


def prepare(
    chunks: Iterable[Chunk],
    choices: CorpusChoices,
    progress: Callable[[int], object] = id,
) -> Prepared:
    """Reads all chunks, calling `progress` with the lines read so far.

    The text is never held whole: words become numbers chunk by chunk. Raises UserError, in one
    sentence that says why and what to do, where nothing useful is left, or where it would take
    more than 2 GiB of memory or half of what is free.
    """
    source, target = (_Reading(choices.normalizer, choices.max_length) for _ in range(2))
    most_bytes = min(_MOST_BYTES, psutil.virtual_memory().available // 2)
    shown_bad_lines: list[int] = []
    bad_lines = pairs_read = lines_read = 0
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
        bad_lines += len(bad)
        shown_bad_lines.extend(bad[: _SHOWN_BAD_LINES - len(shown_bad_lines)])
        lines_read += len(chunk.lines)
        _check_memory(source.needed_bytes() + target.needed_bytes(), most_bytes, lines_read)
        progress(lines_read)
    _check_pairs(pairs_read, lines_read)
    _check_something_left(source.pairs_kept, pairs_read, choices)
    training, validation, test = _split(*_distinct_sentences(source, target, choices))
    order = np.concatenate([training, validation, test])
    return Prepared(
        _finish_side(source, order, len(training), choices),
        _finish_side(target, order, len(training), choices),
        len(training),
        len(validation),
        len(test),
        pairs_read,
        bad_lines,
        tuple(shown_bad_lines),
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


def _distinct_sentences(
    source: _Reading, target: _Reading, choices: CorpusChoices
) -> tuple[Int32s, Int32s]:
    both = source.sentences(), target.sentences()
    for sentences in both:
        _check_variety(int(sentences.max()) + 1, len(sentences), choices)
    return both


def _split(sources: Int32s, targets: Int32s) -> tuple[Int64s, Int64s, Int64s]:
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
    reading: _Reading, order: Int64s, training_pairs: int, choices: CorpusChoices
) -> PreparedSide:
    """Sentences in their final order; word ids by frequency in the training part."""
    tokens, lengths = reading.finish()
    words = list(reading.numbers)
    tokens, offsets = _in_order(tokens, lengths, order)
    counts = _counts(tokens[: offsets[training_pairs]], len(words))
    everywhere = counts + _counts(tokens[offsets[training_pairs] :], len(words))
    counts[0] = everywhere[0] = 0
    by_frequency = np.argsort(-counts, kind="stable")
    known = int((counts >= choices.min_count).sum())
    if choices.max_vocabulary:
        known = min(known, choices.max_vocabulary)
    others = by_frequency[known:]
    used = np.concatenate([by_frequency[:known], others[everywhere[others] > 0]])
    ids = np.zeros(len(words), np.int32)
    ids[0] = EOS
    ids[used] = np.arange(len(used)) + len(SPECIAL_WORDS)
    for block in _blocks(tokens):
        block[:] = ids[block]
    return PreparedSide(
        tokens, offsets, [words[n] for n in used.tolist()], known + len(SPECIAL_WORDS)
    )


def _in_order(tokens: Int32s, lengths: Int16s, order: Int64s) -> tuple[Int32s, Int64s]:
    """Tokens and offsets of the sentences in this order; in blocks, since indices are large."""
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    offsets = np.concatenate([[0], np.cumsum(lengths[order], dtype=np.int64)])
    ordered = np.empty_like(tokens)
    for first in range(0, len(order), _BLOCK_SENTENCES):
        block = order[first : first + _BLOCK_SENTENCES]
        start, end = offsets[first], offsets[first + len(block)]
        shift = starts[block] - offsets[first : first + len(block)]
        ordered[start:end] = tokens[np.repeat(shift, lengths[block]) + np.arange(start, end)]
    return ordered, offsets


def _counts(tokens: Int32s, words: int) -> Int64s:
    counts = np.zeros(words, np.int64)
    for block in _blocks(tokens):
        counts += np.bincount(block, minlength=words)
    return counts


def _blocks(tokens: Int32s) -> Iterator[Int32s]:
    """Views: what numpy makes of a small part on its way takes little memory."""
    for start in range(0, len(tokens), _BLOCK_TOKENS):
        yield tokens[start : start + _BLOCK_TOKENS]


def _check_memory(needed_bytes: int, most_bytes: int, lines: int) -> None:
    if needed_bytes > most_bytes:
        raise UserError(
            f"The first {lines:,} lines alone take {needed_bytes / 1e9:.1f} GB of memory to "
            f"prepare, and {most_bytes / 1e9:.1f} GB is what s2s takes for it; add fewer lines."
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
