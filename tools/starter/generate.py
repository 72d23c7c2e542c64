"""The corpus: random patterns written out as sentences, each French sentence once."""

import re
from collections.abc import Iterator
from random import Random

from tools.starter.french import elide
from tools.starter.grammar import PATTERNS
from tools.starter.lexicon import Pair

_PAIR_COUNT = 60_000
_SHORTEST, _LONGEST = 3, 14  # words and marks of a sentence


def write_sentence(words: Pair, mark: str) -> tuple[str, str]:
    """Return English and French with a capital, elisions and the punctuation mark."""
    french_mark = mark if mark == "." else f" {mark}"
    french_text = elide(words.fr)
    return (
        words.en[0].upper() + words.en[1:] + mark,
        french_text[0].upper() + french_text[1:] + french_mark,
    )


_WORD = re.compile(r"[^\W\d_]+'?|\d+|[.,!?]")


def _fits(pair: tuple[str, str]) -> bool:
    """Return whether both sides have between 3 and 14 words and marks."""
    longest = max(map(len, pair))
    if 18 < longest < 50 and min(map(len, pair)) > 14:
        return True  # too few letters for too many words
    return all(_SHORTEST <= len(_WORD.findall(side)) <= _LONGEST for side in pair)


def sentences(seed: int = 0) -> Iterator[tuple[str, str]]:
    """Yield sentence pairs without end; they repeat."""
    rng = Random(seed)  # noqa: S311 - a corpus, not a secret
    while True:
        pattern, mark = PATTERNS.draw(rng)
        pair = write_sentence(pattern(rng), mark)
        if _fits(pair):
            yield pair


def starter_pairs(seed: int = 0) -> list[tuple[str, str]]:
    """Return the (english, french) pairs, each French sentence once; the same on every machine."""
    english_of: dict[str, str] = {}
    for en, fr in sentences(seed):
        english_of.setdefault(fr, en)
        if len(english_of) == _PAIR_COUNT:
            return [(en, fr) for fr, en in english_of.items()]
    raise AssertionError("sentences() has no end")
