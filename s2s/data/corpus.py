"""A prepared corpus on disk: flat arrays of word ids, the words, and a description."""

import dataclasses
import json
import stat
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
_MAX_INFO_BYTES = 2**20
_MAX_FILE_BYTES = 2**30  # more than `prepare` writes
VALIDATION_PAIRS = 512
"""Evaluations use this many pairs of the validation split: the standard error of the loss is then
about 1%."""


@dataclass(frozen=True)
class Side:
    """All sentences of one language."""

    tokens: Ints
    """Word ids of all sentences, EOS after each; sentence i is `tokens[offsets[i]:offsets[i + 1]]`.

    Ids from `vocabulary` on are words that the model does not know, kept to show the text.
    """
    offsets: Ints
    words: list[str]
    """Word of each id, special symbols first."""
    vocabulary: int
    """Number of words that the model knows, special symbols included."""

    def model_vocabulary(self) -> Vocabulary:
        """Return the words that the model knows."""
        return Vocabulary(self.words[: self.vocabulary])

    def lengths(self) -> Ints:
        """Return the number of tokens of each sentence, EOS included."""
        return np.diff(self.offsets)

    def sentence(self, index: int) -> list[str]:
        """Return the words of a sentence, without EOS."""
        ids = self.tokens[self.offsets[index] : self.offsets[index + 1] - 1]
        return [self.words[word] for word in ids.tolist()]

    def model_tokens(self) -> Ints:
        """Return `tokens` with UNK for every word outside the vocabulary."""
        return np.where(self.tokens < self.vocabulary, self.tokens, UNK).astype(np.int32)


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus. Pairs are ordered by split: training, validation, test."""

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

    def pair(self, index: int) -> tuple[str, str]:
        """Return source and target as normalized text."""
        return join_words(self.source.sentence(index)), join_words(self.target.sentence(index))


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
    """A prepared corpus cannot be read; adding it again replaces it."""

    def __init__(self, corpus_folder: Path, reason: str) -> None:
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
        values = json.loads(_read_text(corpus_folder / "corpus.json", _MAX_INFO_BYTES))
        info = parse_dataclass(CorpusInfo, values)
        _check_info(info, corpus_folder.name)
        return info
    except FileNotFoundError:
        raise
    except Exception as error:  # damaged bytes can raise almost anything
        raise DamagedCorpusError(corpus_folder, f"corpus.json: {error}") from error


def _check_info(info: CorpusInfo, name: str) -> None:
    """Raise ValueError or UserError unless the values are possible and the name is the folder's."""
    if info.name != name:
        raise ValueError(f"it is named {info.name!r}")
    for field, value in dataclasses.asdict(info).items():
        if isinstance(value, int | float) and not 0 <= value < 2**53:
            raise ValueError(f"{field} is {quote(value)}")
        if isinstance(value, str):
            check_text(value, field)
    if info.pairs_kept != info.training_pairs + info.validation_pairs + info.test_pairs:
        raise ValueError("the splits do not add up to the pairs")


def load(corpus_folder: Path) -> Corpus:
    """Open a prepared corpus; its arrays are memory-mapped. Raises the same errors as load_info."""
    info = load_info(corpus_folder)
    source = _load_side(corpus_folder, "source", info, info.source_words, info.source_vocabulary)
    target = _load_side(corpus_folder, "target", info, info.target_words, info.target_vocabulary)
    return Corpus(info, source, target)


def _load_side(
    corpus_folder: Path, name: str, info: CorpusInfo, words: int, vocabulary: int
) -> Side:
    """Open one side and check that it has that many words, special symbols excluded."""
    try:
        tokens, offsets = (
            np.load(_check_file(corpus_folder / f"{name}_{array}.npy"), mmap_mode="r")
            for array in ("tokens", "offsets")
        )
        text = _read_text(corpus_folder / f"{name}_words.json", _MAX_FILE_BYTES)
        side = Side(tokens, offsets, [*SPECIAL_WORDS, *json.loads(text)], vocabulary)
        _check_side(side, info.pairs_kept, info.choices.max_length, words)
    except Exception as error:  # numpy parses the header of an array as Python code
        if isinstance(error, FileNotFoundError) and not (corpus_folder / "corpus.json").exists():
            raise  # removed meanwhile
        raise DamagedCorpusError(corpus_folder, f"{name}: {error}") from error
    return side


def _read_text(path: Path, max_bytes: int) -> str:
    with _check_file(path, max_bytes).open("rb") as file:
        return file.read(max_bytes).decode("utf-8")


def _check_file(path: Path, max_bytes: int = _MAX_FILE_BYTES) -> Path:
    """Raise ValueError for a pipe, which would block, or a file that would fill the memory."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is not a regular file")
    if status.st_size > max_bytes:
        raise ValueError(f"{path.name} is larger than any that s2s writes")
    return path


def _check_side(side: Side, pairs: int, max_length: int, words: int) -> None:
    """Raise ValueError unless every sentence and word of the arrays exists."""
    tokens, offsets = side.tokens, side.offsets
    if not all(array.ndim == 1 and array.dtype.kind == "i" for array in (tokens, offsets)):
        raise ValueError("the arrays are not lists of integers")
    if len(offsets) != pairs + 1 or offsets[0] != 0 or offsets[-1] != len(tokens):
        raise ValueError(f"the arrays do not hold {pairs:,} sentences")
    lengths = np.diff(offsets)
    if pairs and int(lengths.min()) < 1:
        raise ValueError("a sentence ends before it begins")
    if pairs and int(lengths.max()) > max_length + 1:  # before `tokens` is read
        raise ValueError(f"a sentence has more than {max_length:,} words")
    if len(side.words) != words + len(SPECIAL_WORDS) or side.vocabulary > len(side.words):
        raise ValueError(f"the number of words is not {words:,}")
    if not all(isinstance(word, str) for word in side.words):
        raise ValueError("a word is not a string")
    "".join(side.words).encode()  # UnicodeEncodeError for a lone surrogate
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(side.words):
        raise ValueError("a word id is out of range")
    if not bool((tokens[offsets[1:] - 1] == EOS).all()):
        raise ValueError("a sentence has no end")
