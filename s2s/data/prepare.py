"""Prepare a corpus from lines of text: words, length filter, splits, vocabulary, word ids."""

import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import psutil
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data.corpus import Ints, Side
from s2s.data.reader import Chunk
from s2s.data.text import SENTENCE_END, split_words
from s2s.errors import UserError
from s2s.records import EOS, SPECIAL_WORDS

_MAX_BAD_LINE_NUMBERS = 100
_SPLIT_SEED = 2018
_MAX_BYTES = 2 * 2**30
"""Limit of the memory for preparing a corpus. Half of the available memory is another limit."""
_TOKEN_BYTES, _SENTENCE_BYTES, _WORD_BYTES = 12, 60, 200
"""Estimated peak memory per token, per sentence, and per distinct word without its letters."""
_BLOCK_SENTENCES = 2**16
"""Sentences to reorder per block, so that the temporary arrays stay small."""


@dataclass
class Prepared:
    """A prepared corpus that is not yet written, and its counts for CorpusInfo."""

    source: Side
    target: Side
    training_pairs: int
    validation_pairs: int
    test_pairs: int
    pairs_read: int
    bad_lines: int
    bad_line_numbers: tuple[int, ...]

    @property
    def pairs_kept(self) -> int:
        return self.training_pairs + self.validation_pairs + self.test_pairs


class _SideEncoder:
    """Encoder of one side. It numbers the words from 1 as they first occur; SENTENCE_END is 0."""

    def __init__(self, choices: CorpusChoices) -> None:
        self.numbers = defaultdict(itertools.count(1).__next__, {SENTENCE_END: 0})
        self._normalizer = choices.normalizer
        random = np.random.default_rng(_SPLIT_SEED)
        multipliers = random.integers(1, 2**63, choices.max_length + 1, dtype=np.uint64)
        self._multipliers = multipliers | np.uint64(1)
        self._tokens: list[Ints] = []
        self._lengths: list[Ints] = []
        self._hashes: list[npt.NDArray[np.uint64]] = []
        self._estimated_bytes = 0
        """Estimate for the kept sentences and the letters of the distinct words."""

    def encode(self, sentences: list[str]) -> tuple[Ints, Ints]:
        """Return the numbers of all words, and each sentence's length, SENTENCE_END included."""
        words = split_words(sentences, self._normalizer)
        old_words = len(self.numbers)
        tokens = np.fromiter(map(self.numbers.__getitem__, words), np.int32, len(words))
        new_words = itertools.islice(reversed(self.numbers), len(self.numbers) - old_words)
        # Each word is in memory three times while the words are written as JSON.
        self._estimated_bytes += 3 * sum(map(sys.getsizeof, new_words))
        return tokens, np.diff(np.flatnonzero(tokens == 0), prepend=-1)

    def add(self, tokens: Ints, lengths: Ints, is_kept: npt.NDArray[np.bool_]) -> None:
        """Add those of the encoded sentences for which `is_kept` is True."""
        tokens, lengths = tokens[np.repeat(is_kept, lengths)], lengths[is_kept]
        if not len(lengths):
            return
        self._tokens.append(tokens)
        self._lengths.append(lengths.astype(np.int16))
        self._hashes.append(self._hash(tokens, lengths))
        self._estimated_bytes += len(tokens) * _TOKEN_BYTES + len(lengths) * _SENTENCE_BYTES

    def _hash(self, tokens: Ints, lengths: Ints) -> npt.NDArray[np.uint64]:
        """Return a 64-bit hash per sentence. A collision only puts two sentences into one split."""
        starts = np.cumsum(lengths) - lengths
        position = np.arange(len(tokens)) - np.repeat(starts, lengths)
        # The multiplication and the shift spread a word's number over all bits of the hash.
        mixed = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        return np.add.reduceat(mixed * self._multipliers[position], starts)

    def estimate_bytes(self) -> int:
        """Return the estimated memory for preparing the sentences encoded so far."""
        return self._estimated_bytes + len(self.numbers) * _WORD_BYTES

    def pop_sentence_ids(self) -> Ints:
        """Number the distinct sentences from 0. Return each sentence's number; free the hashes."""
        hashes = np.concatenate(self._hashes or [np.empty(0, np.uint64)])
        self._hashes.clear()
        return np.unique(hashes, return_inverse=True)[1].astype(np.int32)

    def pop_sentences(self) -> tuple[Ints, Ints]:
        """Return the tokens and the lengths of all sentences. Free the arrays of the chunks."""
        tokens, lengths = np.concatenate(self._tokens), np.concatenate(self._lengths)
        self._tokens.clear()
        self._lengths.clear()
        return tokens, lengths


def prepare(
    chunks: Iterable[Chunk], choices: CorpusChoices, progress: Callable[[int], object]
) -> Prepared:
    """Prepare a corpus from its lines.

    The text is never in memory as a whole: each chunk's words are replaced by numbers.

    Args:
        progress: Called with the number of lines read so far.

    Raises:
        UserError: No pair or hardly any distinct sentence is left, or preparing would take more
            than 2 GiB or half of the available memory.
    """
    source, target = _SideEncoder(choices), _SideEncoder(choices)
    max_bytes = min(_MAX_BYTES, psutil.virtual_memory().available // 2)
    bad_line_numbers: list[int] = []
    bad_lines = pairs_read = lines_read = 0
    for chunk in chunks:
        first, second, bad = _split_columns(chunk)
        if choices.direction is Direction.SECOND_TO_FIRST:
            first, second = second, first
        source_tokens, source_lengths = source.encode(first)
        target_tokens, target_lengths = target.encode(second)
        shorter = np.minimum(source_lengths, target_lengths) - 1
        longer = np.maximum(source_lengths, target_lengths) - 1
        is_kept = (shorter >= 1) & (longer <= choices.max_length)
        source.add(source_tokens, source_lengths, is_kept)
        target.add(target_tokens, target_lengths, is_kept)
        pairs_read += len(first)
        bad_lines += len(bad)
        bad_line_numbers.extend(bad[: _MAX_BAD_LINE_NUMBERS - len(bad_line_numbers)])
        lines_read += len(chunk.lines)
        needed_bytes = source.estimate_bytes() + target.estimate_bytes()
        if needed_bytes > max_bytes:
            raise UserError(
                f"Preparing the first {lines_read:,} lines takes {needed_bytes / 1e9:.1f} GB of "
                f"memory; the limit is {max_bytes / 1e9:.1f} GB. Add fewer lines."
            )
        progress(lines_read)
    sentence_ids = source.pop_sentence_ids(), target.pop_sentence_ids()
    _check_pairs(*sentence_ids, pairs_read, lines_read, choices)
    training, validation, test = _split(*sentence_ids)
    order = np.concatenate([training, validation, test])
    return Prepared(
        _finish_side(source, order, len(training), choices),
        _finish_side(target, order, len(training), choices),
        len(training),
        len(validation),
        len(test),
        pairs_read,
        bad_lines,
        tuple(bad_line_numbers),
    )


def _split_columns(chunk: Chunk) -> tuple[list[str], list[str], list[int]]:
    """Return both columns of the valid lines, and the line numbers of the invalid ones."""
    first, second, bad = [], [], []
    for number, line in enumerate(chunk.lines, chunk.first_line_number):
        columns = line.split("\t", 2)
        if len(columns) > 1 and "\ufffd" not in line and columns[0].strip() and columns[1].strip():
            first.append(columns[0])
            second.append(columns[1])
        elif line.strip():
            bad.append(number)
    return first, second, bad


def _split(source_ids: Ints, target_ids: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the indices of the training, validation and test pairs.

    Pairs that share a sentence of either language, directly or through other pairs, form a group
    that stays in one split. The validation and test splits get about 1% of the pairs each, from
    small groups drawn at random: at least the lesser of 500 and 10%, at most 5,000. Corpus
    files are often sorted. Both splits are shuffled, so that their first pairs are representative.
    """
    pairs = len(source_ids)
    split_pairs = min(max(pairs // 100, min(500, pairs // 10)), 5000)
    # Each distinct sentence is a node of a graph, and each pair an edge between two of them.
    sources, targets = int(source_ids.max()) + 1, int(target_ids.max()) + 1
    edges = (np.ones(pairs, np.int8), (source_ids, target_ids + sources))
    graph = coo_array(edges, shape=(sources + targets, sources + targets))
    components = connected_components(graph, directed=False)[1]
    group_of_pair = np.unique(components[source_ids], return_inverse=True)[1]
    group_sizes = np.bincount(group_of_pair)
    random = np.random.default_rng(_SPLIT_SEED)
    shuffled_groups = random.permutation(np.flatnonzero(group_sizes <= max(split_pairs // 10, 1)))
    cumulative_pairs = np.cumsum(group_sizes[shuffled_groups])
    # 0 is the training split, 1 the validation split and 2 the test split.
    split_of_group = np.zeros(len(group_sizes), np.int8)
    split_of_group[shuffled_groups[cumulative_pairs <= 2 * split_pairs]] = 2
    split_of_group[shuffled_groups[cumulative_pairs <= split_pairs]] = 1
    split_of_pair = split_of_group[group_of_pair]
    training, validation, test = (np.flatnonzero(split_of_pair == split) for split in (0, 1, 2))
    return training, random.permutation(validation), random.permutation(test)


def _finish_side(
    encoder: _SideEncoder, order: Ints, training_pairs: int, choices: CorpusChoices
) -> Side:
    """Order the sentences, and number the words by their frequency in the training split."""
    tokens, lengths = encoder.pop_sentences()
    words = list(encoder.numbers)
    tokens, offsets = _reorder(tokens, lengths, order)
    counts = np.bincount(tokens, minlength=len(words))
    training_counts = np.bincount(tokens[: offsets[training_pairs]], minlength=len(words))
    counts[0] = training_counts[0] = 0
    by_frequency = np.argsort(-training_counts, kind="stable")
    vocabulary_size = int((training_counts >= choices.min_count).sum())
    if choices.max_vocabulary:
        vocabulary_size = min(vocabulary_size, choices.max_vocabulary)
    in_vocabulary, rest = np.split(by_frequency, [vocabulary_size])
    old_numbers = np.concatenate([in_vocabulary, rest[counts[rest] > 0]])
    ids = np.zeros(len(words), np.int32)
    ids[0] = EOS
    ids[old_numbers] = np.arange(len(old_numbers)) + len(SPECIAL_WORDS)
    ordered_words = [*SPECIAL_WORDS, *(words[number] for number in old_numbers.tolist())]
    return Side(ids[tokens], offsets, ordered_words, vocabulary_size + len(SPECIAL_WORDS))


def _reorder(tokens: Ints, lengths: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Return the tokens and the offsets of the sentences, in the given order."""
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    offsets = np.concatenate([[0], np.cumsum(lengths[order], dtype=np.int64)])
    ordered = np.empty_like(tokens)
    for first in range(0, len(order), _BLOCK_SENTENCES):
        block = order[first : first + _BLOCK_SENTENCES]
        start, end = offsets[first], offsets[first + len(block)]
        shift = starts[block] - offsets[first : first + len(block)]
        ordered[start:end] = tokens[np.repeat(shift, lengths[block]) + np.arange(start, end)]
    return ordered, offsets


def _check_pairs(
    source_ids: Ints, target_ids: Ints, pairs_read: int, lines_read: int, choices: CorpusChoices
) -> None:
    """Raise UserError if no pair is kept, or hardly any distinct sentence."""
    if lines_read == 0:
        raise UserError("The file has no lines.")
    if pairs_read == 0:
        raise UserError(
            f"None of the {lines_read:,} lines has text in two tab-separated columns. Write a "
            "sentence, a tab and its translation on each line."
        )
    kept = len(source_ids)
    if kept == 0:
        raise UserError(
            f"None of the {pairs_read:,} pairs is left: each has a side that is empty or longer "
            f"than {choices.max_length} words. Raise the maximum length or choose another "
            "normalizer."
        )
    distinct = 1 + min(int(source_ids.max()), int(target_ids.max()))
    if kept >= 100 and distinct < kept * 0.01:
        remedy = (
            "It keeps Latin letters only; choose the unicode normalizer."
            if choices.normalizer is Normalizer.ARTICLE
            else "Check that the first two columns are the two languages."
        )
        raise UserError(
            f"The {choices.normalizer} normalizer leaves only {distinct:,} distinct sentences of "
            f"{kept:,} on one side. {remedy}"
        )
