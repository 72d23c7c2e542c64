"""Vocabulary: words to ids and back."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from s2s.records import EOS, SPECIAL_WORDS, UNK


@dataclass(frozen=True)
class Vocabulary:
    """The words that a model knows in one language."""

    words: list[str]
    """Word of each id, special symbols first."""

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError unless `words` are strings, special symbols first."""
        words: object = self.words
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise TypeError("a vocabulary is not a list of words")
        if tuple(words[: len(SPECIAL_WORDS)]) != SPECIAL_WORDS:
            raise ValueError("a vocabulary does not begin with the special symbols")

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def encode(self, words: Sequence[str]) -> list[int]:
        """Return the ids of the words, then EOS. Words outside the vocabulary become UNK."""
        return [*(self._ids.get(word, UNK) for word in words), EOS]

    def decode(self, ids: Sequence[int]) -> list[str]:
        return [self.words[index] for index in ids]

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words)}
