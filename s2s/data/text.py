"""Text to words and back: the two normalizers, and joining words to readable text."""

import functools
import re
import unicodedata
from collections.abc import Sequence

from s2s.config import Normalizer

SENTENCE_END = "\n"
"""Word that follows each sentence in the flat word lists of this module."""

_MAX_MARKS = 30
"""Maximum number of marks per letter, as in Unicode's Stream-Safe Text Format (Annex 15)."""
_REPLACED = {
    **dict.fromkeys("’‘ʼ‛`ʹ′", "'"),
    **dict.fromkeys("“”„‟«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\u00ad\ufeff", ""),
    "œ": "oe",
    "æ": "ae",
}
_REPLACEABLE = re.compile(f"[{''.join(_REPLACED)}]")
_CJK_RANGES = (
    "\u3005-\u3007\u3040-\u309f\u30a0-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_CJK = re.compile(f"[{_CJK_RANGES}]")


def split_words(sentences: Sequence[str], normalizer: Normalizer) -> list[str]:
    """Return the words of all sentences in one flat list, with SENTENCE_END after each sentence.

    One pass of a regular expression over the joined text is several times faster than one call per
    sentence. Sentences must not contain line breaks.
    """
    if not sentences:
        return []
    if normalizer is Normalizer.ARTICLE:
        return _split_like_article(sentences)
    return _split_unicode(sentences)


def split_sentence(sentence: str, normalizer: Normalizer) -> list[str]:
    """Return the words of one sentence. Line breaks count as spaces."""
    return split_words([" ".join(sentence.splitlines())], normalizer)[:-1]


def join_words(words: Sequence[str]) -> str:
    """Return readable text: no spaces around elisions, contractions, hyphens and punctuation."""
    text = " ".join(words)
    text = re.sub(r"(?<=\w') (?=\w)", "", text)  # l' homme
    text = re.sub(r"(?<=\w) (?=['-]\w)", "", text)  # don 't, est -ce
    text = re.sub(rf"(?<=[{_CJK_RANGES}]) (?=[{_CJK_RANGES}])", "", text)
    return re.sub(r" (?=[.,!?;:…)\]。、！？])|(?<=[(\[]) ", "", text)


def _split_like_article(sentences: Sequence[str]) -> list[str]:
    """Split like the article's code, which leaves an empty word at the end of some sentences."""
    text = "\n".join([sentence.lower().strip() for sentence in sentences])
    text = unicodedata.normalize("NFD", _limit_marks(text))
    text = re.sub(
        r"[^\x00-\x7f]", lambda match: "" if _category(match[0]) == "Mn" else match[0], text
    )
    for mark in ".!?":
        text = text.replace(mark, f" {mark}")
    text = re.sub(r"[^a-zA-Z.!?\n]+", " ", text)
    return [*text.replace("\n", " \n ").split(" "), SENTENCE_END]


def _split_unicode(sentences: Sequence[str]) -> list[str]:
    # Replace two characters before they are split: the acute accent by NFKC, the İ by lower().
    text = _limit_marks("\n".join(sentences).replace("´", "'"))
    text = unicodedata.normalize("NFKC", text)
    text = text.replace("İ", "i").lower()
    text = _REPLACEABLE.sub(lambda match: _REPLACED[match[0]], text)
    text = _CJK.sub(r" \g<0> ", text)
    marks = {character for character in set(text) if _category(character) in ("Mn", "Mc")}
    return [*_word_pattern("".join(sorted(marks))).findall(text), SENTENCE_END]


def _limit_marks(text: str) -> str:
    """Drop combining marks beyond the limit: normalizing many in a row takes quadratic time."""
    reordered = "".join(sorted(filter(_is_reordered, set(text))))
    if not reordered:
        return text
    return re.sub(rf"([{reordered}]{{{_MAX_MARKS}}})[{reordered}]+", r"\1", text)


def _is_reordered(character: str) -> bool:
    """Return whether normalizing may move the character before the marks that precede it."""
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) != 0


_category = functools.cache(unicodedata.category)


@functools.cache
def _word_pattern(marks: str) -> re.Pattern[str]:
    """Return the pattern of a word, a punctuation mark or a line break.

    Args:
        marks: Marks to count as letters, although `\\w` does not match them.
    """
    letter = rf"(?:[^\W_]|[{marks}])" if marks else r"[^\W_]"
    contraction = rf"'(?:s|t|m|re|ve|ll|d)(?!{letter})"
    return re.compile(
        r"\n"
        r"|\d+(?:[.,:]\d+)+"
        rf"|(?:(?<=\w)-)?{letter}+(?:(?!{contraction})'(?={letter}))?"  # est -ce, l' homme
        rf"|(?<=\w){contraction}"  # don 't
        r"|\.{2,}|[^\w\s]|_"
    )
