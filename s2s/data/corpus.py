"""A prepared corpus on disk: flat arrays of word ids, the words, and what is known of it."""

import dataclasses
import functools
import json
import stat
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from s2s.config import CorpusChoices
from s2s.data.text import join_words
from s2s.data.vocabulary import Vocabulary
from s2s.errors import UserError, quote
from s2s.records import EOS, SPECIAL_WORDS, UNK, CorpusInfo
from s2s.validation import check_text as checked_text
from s2s.validation import parse_dataclass

Ints = npt.NDArray[np.integer[Any]]
_UNSOUND = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
)
"""What reading a damaged array or JSON raises: numpy parses an array's header as Python."""
_MOST_INFO_BYTES = 2**20
_MOST_FILE_BYTES = 2**30
"""More than `prepare` leaves of a corpus that it takes."""
VALIDATION_PAIRS = 512
"""The first of the validation part, which evaluations take: enough for a standard error of about
1 % of the loss; the rest would cost time."""


@dataclass(frozen=True)
class Side:
    """All sentences of one language.

    `tokens` (all tokens) holds word ids, EOS after each sentence; sentence i is
    `tokens[offsets[i]:offsets[i + 1]]`. Ids from `vocabulary` on are words that the model does
    not know; they are kept, so that a text can be shown as it was.
    """

    tokens: Ints
    offsets: Ints
    vocabulary: int
    folder: Path
    name: str

    @functools.cached_property
    def words(self) -> list[str]:
        """The word of each id, special symbols first."""
        try:
            text = _read_text(self.folder / f"{self.name}_words.json", _MOST_FILE_BYTES)
        except FileNotFoundError:
            raise UserError(
                f"The corpus {self.folder.name} was removed while it was opened; add it again."
            ) from None
        return [*SPECIAL_WORDS, *json.loads(text)]

    def known_words(self) -> Vocabulary:
        """The words of the model's vocabulary."""
        return Vocabulary(self.words[: self.vocabulary])

    def lengths(self) -> Ints:
        """Tokens of each sentence, EOS included."""
        return np.diff(self.offsets)

    def sentence(self, index: int) -> list[str]:
        """Its words, without EOS."""
        ids = self.tokens[self.offsets[index] : self.offsets[index + 1] - 1]
        return [self.words[word] for word in ids.tolist()]

    def model_tokens(self) -> Ints:
        """`tokens` as the model sees them: every word outside the vocabulary is UNK."""
        return np.where(self.tokens < self.vocabulary, self.tokens, UNK).astype(np.int32)


@dataclass(frozen=True)
class Corpus:
    """Pairs lie in the order training, validation, test: a part is a range of indices."""

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
        """Source and target as text for people to read (normalised: lower case and so on)."""
        return join_words(self.source.sentence(index)), join_words(self.target.sentence(index))


def save(
    corpus_folder: Path, info: CorpusInfo, sides: Sequence[tuple[Ints, Ints, list[str]]]
) -> None:
    """Writes tokens, offsets and words (without the special ones) of source and target."""
    for name, (tokens, offsets, words) in zip(("source", "target"), sides, strict=True):
        np.save(corpus_folder / f"{name}_tokens.npy", tokens)
        np.save(corpus_folder / f"{name}_offsets.npy", offsets)
        text = json.dumps(words, ensure_ascii=False)
        (corpus_folder / f"{name}_words.json").write_text(text, encoding="utf-8")
    (corpus_folder / "corpus.json").write_text(
        json.dumps(dataclasses.asdict(info), ensure_ascii=False, indent=1), encoding="utf-8"
    )


class DamagedCorpusError(UserError):
    """What was prepared cannot be read; preparing it again under its name puts that right."""

    def __init__(self, corpus_folder: Path, why: object) -> None:
        super().__init__(
            f"The prepared corpus {corpus_folder.name!r} is damaged ({why}); add it again under "
            "this name, which replaces it."
        )


def load_info(corpus_folder: Path) -> CorpusInfo:
    """Raises FileNotFoundError where no corpus was prepared in this folder, DamagedCorpusError."""
    try:
        values = json.loads(_read_text(corpus_folder / "corpus.json", _MOST_INFO_BYTES))
        values["choices"] = CorpusChoices.from_json(values["choices"])
        info = parse_dataclass(CorpusInfo, values)
        info = dataclasses.replace(info, bad_line_numbers=tuple(info.bad_line_numbers))
        _check_info(info)
        if info.name != corpus_folder.name:
            raise ValueError(f"it says that it is {info.name!r}")
        return info
    except FileNotFoundError:
        raise
    except (UserError, *_UNSOUND) as error:
        raise DamagedCorpusError(corpus_folder, f"corpus.json: {error}") from error


def _check_info(info: CorpusInfo) -> None:
    """Raises ValueError or UserError where no corpus has such facts."""
    for name, value in dataclasses.asdict(info).items():
        if isinstance(value, int | float) and not 0 <= value < 2**53:
            raise ValueError(f"{name} is {quote(value)}")
        if isinstance(value, str):
            checked_text(value, name)
    if info.pairs_kept != info.training_pairs + info.validation_pairs + info.test_pairs:
        raise ValueError("the parts do not hold the pairs")


def load(corpus_folder: Path) -> Corpus:
    """The arrays stay on disk and are read as they are used. Raises as `load_info`."""
    info = load_info(corpus_folder)
    source = _load_side(corpus_folder, "source", info, info.source_words, info.source_vocabulary)
    target = _load_side(corpus_folder, "target", info, info.target_words, info.target_vocabulary)
    return Corpus(info, source, target)


def _load_side(
    corpus_folder: Path, name: str, info: CorpusInfo, words: int, vocabulary: int
) -> Side:
    """`words`: those there should be, special symbols left out."""
    try:
        for part in ("tokens", "offsets"):
            _check_file(corpus_folder / f"{name}_{part}.npy", _MOST_FILE_BYTES)
        side = Side(
            np.load(corpus_folder / f"{name}_tokens.npy", mmap_mode="r"),
            np.load(corpus_folder / f"{name}_offsets.npy", mmap_mode="r"),
            vocabulary,
            corpus_folder,
            name,
        )
        _check_side(side, info.pairs_kept, info.choices.max_length, words)
    except (UserError, *_UNSOUND) as error:
        if isinstance(error, UserError) and not (corpus_folder / "corpus.json").exists():
            raise  # removed just now
        raise DamagedCorpusError(corpus_folder, f"{name}: {error}") from error
    return side


def _read_text(path: Path, most_bytes: int) -> str:
    _check_file(path, most_bytes)
    with path.open("rb") as file:
        return file.read(most_bytes).decode("utf-8")


def _check_file(path: Path, most_bytes: int) -> None:
    """Raises ValueError for what would block who opens it, or fill the memory of who reads it."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is no file")
    if status.st_size > most_bytes:
        raise ValueError(f"{path.name} is larger than any that s2s writes")


def _check_side(side: Side, pairs: int, max_length: int, words: int) -> None:
    """Raises ValueError where an id or a sentence's place lies outside what there is."""
    tokens, offsets = side.tokens, side.offsets
    if not all(array.ndim == 1 and array.dtype.kind == "i" for array in (tokens, offsets)):
        raise ValueError("the arrays are not lists of whole numbers")
    if len(offsets) != pairs + 1 or offsets[0] != 0 or offsets[-1] != len(tokens):
        raise ValueError(f"the arrays do not hold {pairs:,} sentences")
    lengths = np.diff(offsets)
    if pairs and int(lengths.min()) < 1:
        raise ValueError("a sentence ends before it begins")
    if pairs and int(lengths.max()) > max_length + 1:  # before `tokens`, so much longer, is read
        raise ValueError(f"a sentence has more than {max_length:,} words")
    if len(side.words) != words + len(SPECIAL_WORDS) or side.vocabulary > len(side.words):
        raise ValueError(f"there are not {words:,} words")
    if not all(isinstance(word, str) for word in side.words):
        raise ValueError("a word is no text")
    "".join(side.words).encode()  # UnicodeEncodeError for half a character
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(side.words):
        raise ValueError("a word's number is out of range")
    if not bool((tokens[offsets[1:] - 1] == EOS).all()):
        raise ValueError("a sentence has no end")
