"""A prepared corpus on disk: flat arrays of word ids, the words, and a description."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from s2s.data.text import join_words
from s2s.data.vocabulary import Vocabulary
from s2s.errors import UserError, quote
from s2s.records import EOS, SPECIAL_WORDS, UNK, CorpusInfo
from s2s.validation import check_text, parse_dataclass

Ints = npt.NDArray[np.integer[Any]]
VALIDATION_PAIRS = 512
"""Most validation pairs per evaluation. With this many, the loss has a standard error of 1%."""


@dataclass(frozen=True)
class Side:
    """All sentences of one language."""

    tokens: Ints
    """Word ids of all sentences, EOS after each; sentence i is `tokens[offsets[i]:offsets[i + 1]]`.

    Ids from `vocabulary_size` on are words that the model does not know. They are kept so that the
    text can be shown.
    """
    offsets: Ints
    """Start of each sentence in `tokens`, then the end of the last one."""
    words: list[str]
    """Word of each id, special symbols first."""
    vocabulary_size: int
    """Number of words that the model knows, special symbols included."""

    @property
    def lengths(self) -> Ints:
        """Number of tokens of each sentence, EOS included."""
        return np.diff(self.offsets)

    def build_vocabulary(self) -> Vocabulary:
        """Return the words that the model knows."""
        return Vocabulary(self.words[: self.vocabulary_size])

    def replace_unknown_words(self) -> Ints:
        """Return `tokens` with UNK for every word outside the vocabulary."""
        return np.where(self.tokens < self.vocabulary_size, self.tokens, UNK).astype(np.int32)

    def get_sentence(self, index: int) -> list[str]:
        """Return the words of a sentence, without EOS."""
        ids = self.tokens[self.offsets[index] : self.offsets[index + 1] - 1]
        return [self.words[word] for word in ids.tolist()]


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus. Its pairs are ordered by split: training, validation, test."""

    info: CorpusInfo
    source: Side
    target: Side

    @property
    def training(self) -> range:
        return range(self.info.training_pairs)

    @property
    def validation(self) -> range:
        start = self.info.training_pairs
        return range(start, start + self.info.validation_pairs)

    @property
    def test(self) -> range:
        start = self.info.training_pairs + self.info.validation_pairs
        return range(start, start + self.info.test_pairs)

    def get_pair(self, index: int) -> tuple[str, str]:
        """Return the source and the target sentence as normalized text."""
        source, target = self.source.get_sentence(index), self.target.get_sentence(index)
        return join_words(source), join_words(target)


def save(corpus_folder: Path, info: CorpusInfo, source: Side, target: Side) -> None:
    """Write a prepared corpus."""
    for name, side in (("source", source), ("target", target)):
        np.save(corpus_folder / f"{name}_tokens.npy", side.tokens)
        np.save(corpus_folder / f"{name}_offsets.npy", side.offsets)
        words = json.dumps(side.words[len(SPECIAL_WORDS) :], ensure_ascii=False)
        (corpus_folder / f"{name}_words.json").write_text(words, encoding="utf-8")
    (corpus_folder / "corpus.json").write_text(
        json.dumps(dataclasses.asdict(info), ensure_ascii=False, indent=1), encoding="utf-8"
    )


class DamagedCorpusError(UserError):
    """Raised for a prepared corpus that cannot be read. Adding it again replaces it."""

    def __init__(self, corpus_folder: Path, reason: object) -> None:
        super().__init__(
            f"Corpus {corpus_folder.name!r} is damaged ({reason}). Add it again under the same "
            "name to replace it."
        )


def load_info(corpus_folder: Path) -> CorpusInfo:
    """Read the description of a prepared corpus.

    Raises:
        FileNotFoundError: There is no prepared corpus in this folder.
        DamagedCorpusError: It cannot be read.
    """
    try:
        text = (corpus_folder / "corpus.json").read_text(encoding="utf-8")
        info = parse_dataclass(CorpusInfo, json.loads(text))
        _check_info(info, corpus_folder.name)
    except FileNotFoundError:
        raise
    except Exception as error:  # damaged bytes can raise almost anything
        raise DamagedCorpusError(corpus_folder, f"corpus.json: {error}") from error
    return info


def _check_info(info: CorpusInfo, folder_name: str) -> None:
    """Raise ValueError or UserError for impossible values."""
    if info.name != folder_name:
        raise ValueError(f"it is named {info.name!r}")
    for field, value in dataclasses.asdict(info).items():
        if isinstance(value, int | float) and not 0 <= value < 2**53:
            raise ValueError(f"{field} is {quote(value)}")
        if isinstance(value, str):
            check_text(value, field)
    if info.pairs_kept != info.training_pairs + info.validation_pairs + info.test_pairs:
        raise ValueError("the splits do not add up to the pairs")


def load(corpus_folder: Path) -> Corpus:
    """Open a prepared corpus with memory-mapped arrays. Raise the same errors as `load_info`."""
    info = load_info(corpus_folder)
    source = _load_side(corpus_folder, "source", info, info.source_words, info.source_vocabulary)
    target = _load_side(corpus_folder, "target", info, info.target_words, info.target_vocabulary)
    return Corpus(info, source, target)


def _load_side(
    corpus_folder: Path, name: str, info: CorpusInfo, word_count: int, vocabulary_size: int
) -> Side:
    try:
        tokens = np.load(corpus_folder / f"{name}_tokens.npy", mmap_mode="r")
        offsets = np.load(corpus_folder / f"{name}_offsets.npy", mmap_mode="r")
        words = json.loads((corpus_folder / f"{name}_words.json").read_text(encoding="utf-8"))
        side = Side(tokens, offsets, [*SPECIAL_WORDS, *words], vocabulary_size)
        if len(words) != word_count or not _is_consistent(side, info):
            raise ValueError("words and sentences do not match corpus.json")
    except Exception as error:  # almost anything: numpy parses headers as Python
        if isinstance(error, FileNotFoundError) and not (corpus_folder / "corpus.json").exists():
            raise  # removed meanwhile
        raise DamagedCorpusError(corpus_folder, f"{name}: {error}") from error
    return side


def _is_consistent(side: Side, info: CorpusInfo) -> bool:
    """Return whether the arrays hold the right number of sentences, made of existing words."""
    "".join(side.words).encode()  # raises an error unless all words are strings of valid Unicode
    tokens, offsets = side.tokens, side.offsets
    if not all(array.ndim == 1 and array.dtype.kind == "i" for array in (tokens, offsets)):
        return False
    if len(offsets) != info.pairs_kept + 1 or offsets[0] != 0 or offsets[-1] != len(tokens):
        return False
    # Check the lengths before reading `tokens`, which a damaged file may make too large to read.
    if side.lengths.min() < 1 or side.lengths.max() > info.choices.max_length + 1:
        return False
    has_valid_ids = tokens.min() >= 0 and tokens.max() < len(side.words)
    ends_with_eos = (tokens[offsets[1:] - 1] == EOS).all()
    return bool(has_valid_ids and ends_with_eos and side.vocabulary_size <= len(side.words))
