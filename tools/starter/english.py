"""English inflection: plurals, articles, and the forms of a verb."""

import re
from functools import cache
from typing import NamedTuple

_IRREGULAR_PASTS = """
eat ate eaten, drink drank drunk, buy bought bought, read read read, write wrote written,
find found found, lose lost lost, see saw seen, know knew known, have had had, hear heard heard,
understand understood understood, wear wore worn, take took taken, give gave given,
send sent sent, lend lent lent, bring brought brought, tell told told, sell sold sold,
pay paid paid, sing sang sung, sleep slept slept, run ran run, swim swam swum, go went gone,
come came come, leave left left, fall fell fallen, become became become, get got got,
wake woke woken, forget forgot forgotten, think thought thought, say said said,
drive drove driven, build built built, cut cut cut, draw drew drawn, break broke broken,
choose chose chosen, speak spoke spoken, put put put, do did done, make made made,
win won won, meet met met, feel felt felt, sit sat sat, throw threw thrown, keep kept kept,
hide hid hidden, begin began begun, teach taught taught, spend spent spent, ring rang rung
"""
_PASTS = {
    base: (past, participle)
    for base, past, participle in (row.split() for row in _IRREGULAR_PASTS.split(","))
}
_ONE_SHORT_SYLLABLE = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")
_STRESSED_LAST = frozenset({"forget", "begin", "prefer"})
_IRREGULAR_THIRD = {"have": "has", "do": "does", "go": "goes", "be": "is"}
# One form for each person number.
BE_PRESENT = ("am", "are", "is", "are", "are", "are")
BE_PAST = ("was", "were", "was", "were", "were", "were")
DO = ("do", "do", "does", "do", "do", "do")
HAVE = ("have", "have", "has", "have", "have", "have")
"""Each by person number."""


class EnglishVerb(NamedTuple):
    """An English verb phrase, every form of it; `is_be` verbs need no "do" to deny or ask."""

    base: str
    third: str
    past: str
    participle: str
    ing: str
    is_be: bool


def plural_s(word: str) -> str:
    """Add the s of an English plural or third person: box -> boxes, story -> stories."""
    if re.search(r"(s|x|z|ch|sh)$", word):
        return word + "es"
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"


def _doubled(word: str) -> str:
    """The consonant that stop and prefer write twice: stopped, preferring."""
    doubles = _ONE_SHORT_SYLLABLE.fullmatch(word) or word in _STRESSED_LAST
    return word[-1] if doubles else ""


def _past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ied"
    return word + _doubled(word) + "ed"


def _ing(word: str) -> str:
    if word.endswith("e") and not word.endswith("ee") and word != "be":
        return word[:-1] + "ing"
    return word + _doubled(word) + "ing"


@cache
def english_verb(phrase: str) -> EnglishVerb:
    """Every form of an English verb phrase, by its first word: look for -> looking for."""
    word, space, rest = phrase.partition(" ")
    tail = space + rest
    past, participle = _PASTS.get(word) or (_past(word), _past(word))
    third = _IRREGULAR_THIRD.get(word) or plural_s(word)
    return EnglishVerb(
        phrase, third + tail, past + tail, participle + tail, _ing(word) + tail, word == "be"
    )


def article(word: str) -> str:
    """The English "a" or "an" that goes before a word, by its sound: an hour, a university."""
    word = word.lower()
    silent_h = word.startswith(("hour", "honest"))
    sounds_like_you = word.startswith(("uni", "use", "euro", "one"))
    return "an" if silent_h or (word[0] in "aeiou" and not sounds_like_you) else "a"
