"""Words in both languages, and how they are read from tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from tools.starter.english import EnglishVerb, english_verb, plural_s
from tools.starter.french import (
    FrenchVerb,
    begins_with_vowel,
    french_feminine,
    french_plural,
    french_verb,
)

Aspect = Literal["action", "state", "perception", "event"]
"""The kind of a verb; states and perceptions have no progressive form in English."""


class Pair(NamedTuple):
    """The same text in both languages."""

    en: str
    fr: str


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A noun in both languages; a mass noun has no plural, a plural noun no singular."""

    en: str
    en_plural: str
    fr: str
    fr_plural: str
    feminine: bool
    kind: Literal["count", "mass", "plural"]
    theme: str


@dataclass(frozen=True, slots=True, eq=False)
class Adjective:
    """An adjective; `before` says that the French one goes before its noun."""

    en: str
    en_feminine: str
    masculine: str
    feminine: str
    masculine_plural: str
    feminine_plural: str
    before_vowel: str
    before: bool

    def form(self, feminine: bool, plural: bool, next_word: str = "") -> str:
        """The French form: beau, belle, beaux, belles, and bel before a vowel."""
        if plural:
            return self.feminine_plural if feminine else self.masculine_plural
        if feminine:
            return self.feminine
        vowel = next_word and begins_with_vowel(next_word)
        return self.before_vowel if vowel else self.masculine

    def english(self, feminine: bool) -> str:
        """The English word, which for people may differ: handsome, beautiful."""
        return self.en_feminine if feminine else self.en


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb in both languages, with the aspect that decides its English tenses."""

    en: EnglishVerb
    fr: FrenchVerb
    aspect: Aspect


class VerbRow(NamedTuple):
    """A verb and the names of the themes or places that may follow it."""

    verb: Verb
    takes: tuple[str, ...]


def listed(table: str) -> tuple[str, ...]:
    """The entries of a table that is parted by commas, with or without line ends."""
    return tuple(entry.strip() for entry in re.split(r"[,\n]", table) if entry.strip())


def rows(table: str) -> Iterator[tuple[str, str]]:
    """The "english = french" entries of a table."""
    for entry in listed(table):
        english, french = entry.split(" = ")
        yield english, french


def pairs(table: str) -> tuple[Pair, ...]:
    """Read a table of "english = french" phrases."""
    return tuple(Pair(english, french) for english, french in rows(table))


def noun(theme: str, english: str, french: str) -> Noun:
    """Read "child/children = enfant m": f is feminine, * a mass noun, + a plural noun."""
    french, mark = french.rsplit(" ", 1)
    en, _, en_plural = english.partition("/")
    fr, _, fr_plural = french.partition("/")
    kind: Literal["count", "mass", "plural"] = "count"
    if "*" in mark:
        kind = "mass"
    elif "+" in mark:
        kind, en_plural, fr_plural = "plural", en, fr
    return Noun(
        en, en_plural or plural_s(en), fr, fr_plural or french_plural(fr), "f" in mark, kind, theme
    )


def nouns(theme: str, table: str) -> tuple[Noun, ...]:
    """Read a table of nouns."""
    return tuple(noun(theme, english, french) for english, french in rows(table))


def adjective(english: str, french: str) -> Adjective:
    """Read "handsome/beautiful = <beau belle bel": < goes before its noun, ! is invariable."""
    en, _, en_feminine = english.partition("/")
    en_feminine = en_feminine or en
    before = french.startswith("<")
    if french.endswith(" !"):
        phrase = french.removesuffix(" !")
        return Adjective(en, en_feminine, phrase, phrase, phrase, phrase, phrase, before)
    masculine, *more = french.removeprefix("<").split()
    feminine = more[0] if more else french_feminine(masculine)
    return Adjective(
        en=en,
        en_feminine=en_feminine,
        masculine=masculine,
        feminine=feminine,
        masculine_plural=french_plural(masculine),
        feminine_plural=feminine + "s",
        before_vowel=more[1] if len(more) > 1 else masculine,
        before=before,
    )


def adjectives(table: str) -> tuple[Adjective, ...]:
    """Read a table of adjectives."""
    return tuple(adjective(english, french) for english, french in rows(table))


# Verbs by aspect; the others are actions. States and perceptions have no "is doing".
_STATES = listed("""
be, want, like, love, prefer, hate, know, have, need, live, think, believe, hope, speak French
speak English, want to, want to become, like to, prefer to, know how to, hope to, feel like
""")
_PERCEPTIONS = listed("see, hear, understand, continue to")
_EVENTS = listed("""
find, lose, forget, break, meet, win, receive, fall, arrive, leave, begin, throw away, sit down
get married, get lost, go home, wake up, get up, go to bed, change trains, ask a question
begin to, forget to, decide to, refuse to
""")


def _aspect(english: str) -> Aspect:
    if english in _PERCEPTIONS:
        return "perception"
    if english in _STATES or english.startswith("be "):
        return "state"
    return "event" if english in _EVENTS else "action"


@cache
def verb(english: str, french: str) -> Verb:
    """A verb in both languages."""
    return Verb(english_verb(english), french_verb(french), _aspect(english))


def verbs(table: str) -> tuple[Verb, ...]:
    """Read a table of "eat = manger" verbs."""
    return tuple(verb(english, french) for english, french in rows(table))


def verb_rows(table: str) -> tuple[VerbRow, ...]:
    """Read "eat = manger : food" lines."""
    found = []
    for line in table.strip().splitlines():
        words, _, takes = line.partition(":")
        english, french = words.split("=")
        found.append(VerbRow(verb(english.strip(), french.strip()), tuple(takes.split())))
    return tuple(found)
