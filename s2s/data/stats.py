"""Statistics of a prepared corpus: lengths, words, the unigram baseline, random samples."""

from dataclasses import dataclass

import numpy as np

from s2s.data.corpus import VALIDATION_PAIRS, Corpus, Ints, Side
from s2s.records import EOS, PAD, SPECIAL_WORDS, UNK

_FIRST_WORD_ID = len(SPECIAL_WORDS)


@dataclass(frozen=True)
class WordCount:
    """Frequency of a word in the corpus."""

    word: str
    count: int
    share: float
    """Share of all words of the side, 0 to 1."""
    in_vocabulary: bool
    """Whether the word is in the vocabulary. Otherwise the model reads UNK."""


@dataclass(frozen=True)
class ExampleBatch:
    """A batch as word ids, one sentence per row, each side padded to its longest sentence."""

    pairs: Ints
    """Index of each row's pair in the corpus."""
    source: Ints
    target: Ints

    @property
    def padding_ratio(self) -> float:
        """Share of padding in the tokens of both sides, padding included, 0 to 1."""
        return 1 - self._real_tokens() / (self.source.size + self.target.size)

    @property
    def joint_shape(self) -> tuple[int, int]:
        """Rows and columns of each side if both are padded to one length, as in the article."""
        return len(self.source), max(self.source.shape[1], self.target.shape[1])

    @property
    def joint_padding_ratio(self) -> float:
        """Padding ratio if both sides are padded to one length, as in the article."""
        return 1 - self._real_tokens() / (2 * np.prod(self.joint_shape))

    def _real_tokens(self) -> int:
        return int((self.source != PAD).sum() + (self.target != PAD).sum())


def compute_unigram_loss(corpus: Corpus) -> float | None:
    """Return the validation loss of predicting words by their frequency only.

    The loss is the mean of -log p(w) in nats per target token, EOS included, over the pairs that
    evaluations use. In p(w) = (count(w) + 1) / (tokens + words), `count` and `tokens` are those of
    the training split, and `words` is the number of words that can be predicted. Adding 1 (Laplace)
    keeps the loss finite for words that the training split lacks.

    Returns:
        The loss, or None for a corpus without a validation split.
    """
    validation = corpus.validation[:VALIDATION_PAIRS]
    if not validation:
        return None
    side, tokens = corpus.target, corpus.target.replace_unknown_words()
    training_tokens = tokens[: side.offsets[corpus.training.stop]]
    validation_tokens = tokens[side.offsets[validation.start] : side.offsets[validation.stop]]
    counts = np.bincount(training_tokens, minlength=side.vocabulary_size)[EOS:] + 1
    log_probability = np.log(counts / counts.sum())
    return float(-log_probability[validation_tokens - EOS].mean())


def count_lengths(side: Side) -> Ints:
    """Return an array whose item n is the number of sentences with n words."""
    return np.bincount(side.lengths - 1)


def compute_length_percentile(histogram: Ints, percent: float) -> int:
    """Return the smallest n such that at least `percent` of the sentences have at most n words.

    Args:
        histogram: The result of `count_lengths`.
    """
    sentences = np.cumsum(histogram)
    return int(np.searchsorted(sentences, sentences[-1] * percent / 100))


def list_frequent_words(side: Side, max_words: int) -> list[WordCount]:
    """Return the most frequent words over all splits, the most frequent first."""
    counts = np.bincount(side.tokens)
    total = int(counts[_FIRST_WORD_ID:].sum())
    ids = np.argsort(-counts[_FIRST_WORD_ID:], kind="stable")[:max_words] + _FIRST_WORD_ID
    return [
        WordCount(side.words[word], count, count / total, word < side.vocabulary_size)
        for word, count in zip(ids.tolist(), counts[ids].tolist(), strict=True)
    ]


def measure_coverage(side: Side) -> list[tuple[int, float]]:
    """Return vocabulary sizes 1, 2, 5, 10, ... and the share of the side's words that each covers.

    A vocabulary consists of the most frequent words of the training split. The share is over all
    splits. Special symbols are not counted.
    """
    counts = np.bincount(side.tokens)[_FIRST_WORD_ID:]
    covered = np.cumsum(counts) / counts.sum()
    sizes = [step * 10**power for power in range(9) for step in (1, 2, 5)]
    sizes = [*(size for size in sizes if size < len(counts)), len(counts)]
    return [(size, float(covered[size - 1])) for size in sizes]


def draw_pairs(split: range, count: int, seed: int) -> list[int]:
    """Return up to `count` different pairs of a split, in random order."""
    indices = np.random.default_rng(seed).choice(len(split), min(count, len(split)), replace=False)
    return [split[index] for index in indices.tolist()]


def draw_batch(corpus: Corpus, batch_size: int, seed: int) -> ExampleBatch:
    """Draw a batch from the training split with replacement, as a training step does."""
    pairs = np.random.default_rng(seed).integers(len(corpus.training), size=batch_size)
    return ExampleBatch(pairs, _pad(corpus.source, pairs), _pad(corpus.target, pairs))


def decode_rows(side: Side, ids: Ints) -> list[list[str]]:
    """Return the words of each row of ids. Special symbols appear by name."""
    return [[side.words[word] for word in row] for row in ids.tolist()]


def pick_example_sentence(corpus: Corpus) -> str:
    """Return a source sentence of about 5 words, from the test split if there is one."""
    pairs = draw_pairs(corpus.test or corpus.training, 100, seed=0)
    distances = np.abs(corpus.source.lengths[pairs] - 6)  # EOS included
    return corpus.get_pair(pairs[int(distances.argmin())])[0]


def _pad(side: Side, pairs: Ints) -> Ints:
    lengths = side.lengths[pairs]
    positions = np.arange(lengths.max())
    is_real = positions < lengths[:, None]
    tokens = side.tokens[np.where(is_real, side.offsets[pairs][:, None] + positions, 0)]
    tokens = np.where(tokens < side.vocabulary_size, tokens, UNK)
    return np.where(is_real, tokens, PAD)
