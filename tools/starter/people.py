"""Subjects of sentences and other people in them."""

from random import Random
from typing import NamedTuple

from tools.starter.draw import Table, weighted
from tools.starter.french import ME, THEY, THIRD, WE, YOU, YOU_ALL
from tools.starter.lexicon import Adjective, Noun
from tools.starter.phrases import (
    HER,
    HIS,
    MY,
    OUR,
    THE,
    THEIR,
    THIS,
    YOUR,
    YOUR_VOUS,
    Determiner,
    Phrase,
    noun_phrase,
)
from tools.starter.words.adjectives import NOUN_ADJECTIVES
from tools.starter.words.nouns import NOUNS
from tools.starter.words.people import MEN, WOMEN


class Subject(NamedTuple):
    """The subject of a sentence, with everything that verb and adjectives agree with."""

    en: str
    fr: str
    en_person: int
    fr_person: int
    feminine: bool
    plural: bool
    own: Determiner | None
    is_pronoun: bool = False


PRONOUNS = weighted(
    (1.00, Subject("I", "je", ME, ME, False, False, MY, True)),
    (0.80, Subject("he", "il", THIRD, THIRD, False, False, HIS, True)),
    (0.65, Subject("she", "elle", THIRD, THIRD, True, False, HER, True)),
    (0.45, Subject("you", "tu", YOU, YOU, False, False, YOUR, True)),
    (0.40, Subject("you", "vous", YOU_ALL, YOU_ALL, False, True, YOUR_VOUS, True)),
    (0.40, Subject("we", "nous", WE, WE, False, True, OUR, True)),
    (0.30, Subject("they", "ils", THEY, THEY, False, True, THEIR, True)),
    (0.20, Subject("I", "je", ME, ME, True, False, MY, True)),
    (0.15, Subject("we", "on", WE, THIRD, False, True, None, True)),
    (0.15, Subject("they", "elles", THEY, THEY, True, True, THEIR, True)),
    (0.10, Subject("you", "tu", YOU, YOU, True, False, YOUR, True)),
    (0.08, Subject("we", "nous", WE, WE, True, True, OUR, True)),
    (0.08, Subject("you", "vous", YOU_ALL, YOU_ALL, False, False, YOUR_VOUS, True)),
)
"""The pronouns as subjects; je, tu, nous and vous are now a man, now a woman."""


def third_person(phrase: Phrase) -> Subject:
    """A noun phrase as a subject."""
    person = THEY if phrase.plural else THIRD
    own = THEIR if phrase.plural else HER if phrase.feminine else HIS
    return Subject(phrase.en, phrase.fr, person, person, phrase.feminine, phrase.plural, own)


NAMES = Table(
    Phrase(name, name, name, name in WOMEN)
    for both in zip(MEN, WOMEN, strict=True)
    for name in both
)
"""First names."""
FAMILY_DETERMINERS = Table([MY, YOUR, OUR, YOUR_VOUS, THEIR])
"""Determiners of relatives."""
FRIENDLY_PLURALS = ("friend", "cousin", "brother", "sister", "neighbor", "colleague", "uncle")
"""Relatives and friends of whom a person may have several."""
# Brothers do not share a wife, and the corpus keeps to husbands of women and wives of men.
_UNMARRIED = {"wife": (OUR, THEIR, HER), "husband": (OUR, THEIR, HIS)}


def relative(rng: Random, determiner: Determiner) -> Phrase:
    """Somebody's mother, brothers or friend."""
    noun = NOUNS["family"].draw(rng)
    while determiner in _UNMARRIED.get(noun.en, ()):
        noun = NOUNS["family"].draw(rng)
    plural = noun.en in FRIENDLY_PLURALS and rng.random() < 0.2
    return noun_phrase(determiner, noun, plural)


def somebody(rng: Random, described: bool) -> Phrase:
    """A person named by what they are: the baker, this woman, the children, an old man."""
    noun = NOUNS["person"].draw(rng)
    plural = rng.random() < 0.25
    determiner = THE if rng.random() < 0.8 else THIS
    adjective = person_adjective(rng, noun) if described and rng.random() < 0.3 else None
    return noun_phrase(determiner, noun, plural, adjective)


_CHILDREN = frozenset({"child", "girl", "boy"})
_NOT_OF_CHILDREN = frozenset({"young", "old", "rich", "famous", "handsome", "serious"})


def person_adjective(rng: Random, noun: Noun) -> Adjective:
    """Draw an adjective for a person; no child is old or rich."""
    adjective = NOUN_ADJECTIVES["person"].draw(rng)
    while noun.en in _CHILDREN and adjective.en in _NOT_OF_CHILDREN:
        adjective = NOUN_ADJECTIVES["person"].draw(rng)
    return adjective


def other_person(rng: Random, described: bool = False, who: Subject | None = None) -> Phrase:
    """A person who is not a pronoun, spoken of beside `who`.

    `described` allows an adjective, which might contradict what is said later.
    """
    kind = rng.random()
    if kind < 0.4:
        return NAMES.draw(rng)
    if kind < 0.75:
        determiner = FAMILY_DETERMINERS.draw(rng)
        if who and determiner in (YOUR, YOUR_VOUS) and who.own in (YOUR, YOUR_VOUS):
            determiner = who.own  # "tu" and "votre" are not said in one breath
        return relative(rng, determiner)
    return somebody(rng, described)


def person_for(rng: Random, who: Subject | None) -> Phrase:
    """A person as an object: a name, somebody's brother, one's own mother, the doctor."""
    if who and who.own and rng.random() < 0.3:
        return relative(rng, who.own)
    person = other_person(rng, True, who)
    while who and person.fr == who.fr:
        person = other_person(rng, True, who)
    return person


def subject(rng: Random) -> Subject:
    """Draw the subject of a sentence: a pronoun two times in three."""
    if rng.random() < 0.66:
        return PRONOUNS.draw(rng)
    return third_person(other_person(rng))


def pronoun(rng: Random) -> Subject:
    """A subject that can be turned around in a question; "je" is not turned around."""
    who = PRONOUNS.draw(rng)
    while who.fr == "je":
        who = PRONOUNS.draw(rng)
    return who


def other_than_i(rng: Random) -> Subject:
    """A subject that one asks about."""
    who = subject(rng)
    while who.fr == "je":
        who = subject(rng)
    return who


def again(who: Subject) -> Subject:
    """The pronoun for somebody already named: Paul -> he."""
    if who.is_pronoun:
        return who
    fr = ("elles" if who.feminine else "ils") if who.plural else "elle" if who.feminine else "il"
    en = "they" if who.plural else "she" if who.feminine else "he"
    return who._replace(en=en, fr=fr, is_pronoun=True)
