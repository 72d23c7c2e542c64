"""What a prepared corpus holds: its lengths, its words, and pairs and batches drawn from it.

For people to look at: nothing here changes the corpus, and training does without it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2s.data.corpus import Corpus, Ints, Side
from s2s.records import PAD, SPECIAL_WORDS, UNK

_FIRST_WORD = len(SPECIAL_WORDS)


@dataclass(frozen=True)
class WordCount:
    """How often a word stands in a corpus."""

    id: int
    word: str
    count: int
    share: float
    """Of all running words, 0 to 1."""
    known: bool
    """Whether it is in the model's vocabulary; others reach the model as UNK."""


@dataclass(frozen=True)
class DrawnBatch:
    """A batch as word ids, a sentence a row, each side padded to its own longest sentence."""

    pairs: Ints
    """Indices into the corpus, one a row; drawn with replacement, so one can stand twice."""
    source: Ints
    target: Ints

    @property
    def padding_ratio(self) -> float:
        """Share of the cells of both sides that hold padding."""
        return 1 - self._real_tokens() / (self.source.size + self.target.size)

    @property
    def joint_padded_share(self) -> float:
        """The same where both sides are padded to their joint maximum, as the article does."""
        sentences, longest = self.joint_shape
        return 1 - self._real_tokens() / (2 * sentences * longest)

    @property
    def joint_shape(self) -> tuple[int, int]:
        """Sentences and positions of either side in the article's padding."""
        return len(self.source), max(self.source.shape[1], self.target.shape[1])

    def _real_tokens(self) -> int:
        return int((self.source != PAD).sum() + (self.target != PAD).sum())


def length_histogram(side: Side) -> Ints:
    """How many sentences have 0, 1, 2, ... words; EOS is not counted."""
    return np.bincount(side.lengths() - 1)


def length_percentile(histogram: Ints, percent: float) -> int:
    """The least number of words that at least `percent` of the sentences do not exceed."""
    reached = np.cumsum(histogram)
    return int(np.searchsorted(reached, reached[-1] * percent / 100))


def most_frequent(side: Side, count: int) -> list[WordCount]:
    """The `count` words seen most often in all parts of the corpus, the most frequent first."""
    counts = _counts(side)
    order = np.argsort(-counts[_FIRST_WORD:], kind="stable")[:count] + _FIRST_WORD
    return _word_counts(side, counts, order)


def search_words(side: Side, part: str, count: int) -> list[WordCount]:
    """Words that contain `part`: the word itself first, then by how often they are seen."""
    counts = _counts(side)
    wanted = part.strip().lower()
    words = enumerate(side.words[_FIRST_WORD:], _FIRST_WORD)
    found = [number for number, word in words if wanted in word]
    found.sort(key=lambda number: (side.words[number] != wanted, -counts[number]))
    return _word_counts(side, counts, found[:count])


def pairs_with(side: Side, word: int, count: int) -> list[int]:
    """Indices of the first `count` pairs whose sentence on this side holds the word with this id.

    Pairs lie in the order training, validation, test.
    """
    places = np.flatnonzero(side.tokens == word)
    pairs = np.unique(np.searchsorted(side.offsets, places, side="right") - 1)
    return [int(pair) for pair in pairs[:count]]


def kept_shares(side: Side) -> list[tuple[int, float]]:
    """Vocabulary sizes 1, 2, 5, 10, ... up to all words, and the share of running words kept.

    A vocabulary of n words is the n most frequent of the training part; the share is counted
    over all parts, EOS left out. The sizes do not count the special symbols.
    """
    counts = _counts(side)[_FIRST_WORD:]
    kept = np.cumsum(counts) / counts.sum()
    sizes = (step * 10**power for power in itertools.count() for step in (1, 2, 5))
    below = list(itertools.takewhile(lambda size: size < len(counts), sizes))
    return [(size, float(kept[size - 1])) for size in (*below, len(counts))]


def draw_pairs(part: range, count: int, seed: int) -> list[int]:
    """Indices of `count` different pairs of a part, or all of a smaller part, in random order."""
    drawn = np.random.default_rng(seed).choice(len(part), min(count, len(part)), replace=False)
    return [part[number] for number in drawn.tolist()]


def draw_batch(corpus: Corpus, batch_size: int, seed: int) -> DrawnBatch:
    """A batch from the training part, drawn with replacement, as a step of training sees it."""
    pairs = np.random.default_rng(seed).integers(len(corpus.training), size=batch_size)
    return DrawnBatch(pairs, _padded(corpus.source, pairs), _padded(corpus.target, pairs))


def words_of(side: Side, ids: Ints) -> list[list[str]]:
    """The words of each row of ids, special symbols by their names."""
    return [[side.words[word] for word in row] for row in ids.tolist()]


def example_sentence(corpus: Corpus) -> str:
    """A short source sentence to try a translator on, from the test part where there is one."""
    part = corpus.test or corpus.training
    drawn = draw_pairs(part, 100, seed=0)
    return corpus.pair(min(drawn, key=lambda pair: abs(_words(corpus.source, pair) - 5)))[0]


def _words(side: Side, pair: int) -> int:
    return int(side.offsets[pair + 1] - side.offsets[pair]) - 1


def _counts(side: Side) -> npt.NDArray[np.int64]:
    """Of each word id in all parts, special symbols included."""
    return np.bincount(side.tokens).astype(np.int64)


def _word_counts(
    side: Side, counts: npt.NDArray[np.int64], ids: Sequence[int] | Ints
) -> list[WordCount]:
    running_words = int(counts[_FIRST_WORD:].sum())
    return [
        WordCount(
            int(number),
            side.words[number],
            int(counts[number]),
            float(counts[number] / running_words),
            bool(number < side.vocabulary),
        )
        for number in ids
    ]


def _padded(side: Side, pairs: Ints) -> Ints:
    lengths = side.offsets[pairs + 1] - side.offsets[pairs]
    positions = np.arange(lengths.max())
    real = positions < lengths[:, None]
    tokens = side.tokens[np.where(real, side.offsets[pairs][:, None] + positions, 0)]
    known = np.where(tokens < side.vocabulary, tokens, UNK)
    return np.where(real, known, PAD)
