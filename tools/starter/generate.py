"""The corpus: patterns drawn and written out as sentences, each French one kept once."""

import re
from collections.abc import Iterator
from random import Random

from tools.starter.french import elide
from tools.starter.grammar import PATTERNS
from tools.starter.lexicon import Pair

_PAIR_COUNT = 60_000
_SHORTEST, _LONGEST = 3, 14  # words and marks of a sentence


def written(said: Pair, mark: str) -> tuple[str, str]:
    """English and French as one writes them: a capital, the elisions, and the mark."""
    french_mark = mark if mark == "." else f" {mark}"
    french_text = elide(said.fr)
    return (
        said.en[0].upper() + said.en[1:] + mark,
        french_text[0].upper() + french_text[1:] + french_mark,
    )


_WORD = re.compile(r"[^\W\d_]+'?|\d+|[.,!?]")


def _fits(pair: tuple[str, str]) -> bool:
    """Whether both sides have a length worth learning from."""
    longest = max(map(len, pair))
    if 18 < longest < 50 and min(map(len, pair)) > 14:
        return True  # so few letters cannot be too many words
    return all(_SHORTEST <= len(_WORD.findall(side)) <= _LONGEST for side in pair)


def sentences(seed: int = 0) -> Iterator[tuple[str, str]]:
    """Sentence pairs without end, with repetitions, as the grammar happens to make them."""
    rng = Random(seed)  # noqa: S311 - a corpus, not a secret
    while True:
        pattern, mark = PATTERNS.draw(rng)
        pair = written(pattern(rng), mark)
        if _fits(pair):
            yield pair


def starter_pairs(seed: int = 0) -> list[tuple[str, str]]:
    """The corpus: distinct (english, french) pairs, each French sentence once, always the same."""
    english_of: dict[str, str] = {}
    for en, fr in sentences(seed):
        english_of.setdefault(fr, en)
        if len(english_of) == _PAIR_COUNT:
            return [(en, fr) for fr, en in english_of.items()]
    raise AssertionError("sentences() has no end")
