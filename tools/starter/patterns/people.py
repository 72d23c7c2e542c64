"""Sentences about people: what they are, feel, have, or are called."""

from random import Random

from tools.starter.clauses import NOT, Predicate, Tense, clause
from tools.starter.draw import Table
from tools.starter.english import article, plural_s
from tools.starter.frames import BE_FRAMES, TRAIT_FRAMES, say
from tools.starter.french import contract, french_plural
from tools.starter.lexicon import Pair, listed, verb
from tools.starter.people import (
    FAMILY_DETERMINERS,
    NAMES,
    PRONOUNS,
    Subject,
    relative,
    subject,
    third_person,
)
from tools.starter.phrases import ALL, THE, noun_phrase
from tools.starter.predicates import (
    BE,
    DEGREES,
    DESTINATIONS,
    NO_DEGREE,
    being,
    living,
)
from tools.starter.words.adjectives import FEELINGS, NATIONALITIES, TRAITS
from tools.starter.words.nouns import NOUNS
from tools.starter.words.people import PROFESSIONS
from tools.starter.words.places import CITIES, COUNTRIES
from tools.starter.words.times import NUMBERS
from tools.starter.words.verbs import AVOIR_IDIOMS

# One is "a little tired", but not "a little happy".
_UNPLEASANT = listed(
    "tired, sad, sick, late, worried, nervous, jealous, disappointed, surprised, busy"
)
_GRADELESS = listed("ready, lost, absent, early, alone, free, furious, married, single, dead")


def felt(rng: Random) -> Pair:
    """Elle est un peu fatiguée. She is a little tired."""
    who, frame = subject(rng), BE_FRAMES.draw(rng)
    degree = DEGREES.draw(rng) if not frame.middle.fr or frame.middle is NOT else NO_DEGREE
    adjective = FEELINGS.draw(rng)
    if adjective.en in _GRADELESS or (degree.fr == "trop" and adjective.masculine[:3] == "en "):
        degree = NO_DEGREE
    if degree.fr == "un peu" and (frame.middle is NOT or adjective.en not in _UNPLEASANT):
        degree = NO_DEGREE
    return clause(who, being(who, adjective, degree), frame.tense, frame.middle)


def is_like(rng: Random) -> Pair:
    """Mon frère est très grand. My brother is very tall."""
    who, frame, adjective = subject(rng), TRAIT_FRAMES.draw(rng), TRAITS.draw(rng)
    degree = DEGREES.draw(rng)
    if degree.fr == "un peu" or adjective.en in _GRADELESS:
        degree = NO_DEGREE
    return clause(who, being(who, adjective, degree), frame.tense, frame.middle)


def _acquaintance(rng: Random) -> Subject:
    """Somebody not already called by what they do: "le boulanger est avocat" is odd."""
    if rng.random() < 0.6:
        return PRONOUNS.draw(rng)
    if rng.random() < 0.5:
        return third_person(NAMES.draw(rng))
    return third_person(relative(rng, FAMILY_DETERMINERS.draw(rng)))


def works_as(rng: Random) -> Pair:
    """Elle est infirmière, il veut devenir médecin. She is a nurse."""
    who, job = _acquaintance(rng), PROFESSIONS.draw(rng)
    en = job.en_feminine if who.feminine else job.en
    fr = job.fr_feminine if who.feminine else job.fr
    if who.plural:
        en, fr = plural_s(en), french_plural(fr)
    else:
        en = f"{article(en)} {en}"
    kind = rng.random()
    if kind < 0.7:
        frame = TRAIT_FRAMES.draw(rng)
        return clause(who, Predicate(BE, en, fr, fr), frame.tense, frame.middle)
    if kind < 0.85:
        wish = verb("want to become", "vouloir devenir")
        return clause(who, Predicate(wish, en, fr), Tense.PRESENT)
    tense = Tense.PAST if rng.random() < 0.6 else Tense.FUTURE
    return clause(who, Predicate(verb("become", "devenir"), en, fr), tense)


def comes_from(rng: Random) -> Pair:
    """Il vient du Japon, elle est anglaise. He comes from Japan, she is English."""
    who = subject(rng)
    if rng.random() < 0.5:
        return clause(who, being(who, NATIONALITIES.draw(rng)), Tense.PRESENT)
    country = (COUNTRIES if rng.random() < 0.6 else CITIES).draw(rng)
    what = Predicate(verb("come from", "venir"), country.en, country.fr_from, country.fr_from)
    return clause(who, what, Tense.HABIT)


def lives(rng: Random) -> Pair:
    """Ma tante habite en Italie. My aunt lives in Italy."""
    return say(rng, subject(rng), living(rng))


def where_one_is(rng: Random) -> Pair:
    """Paul est au bureau. Paul is at the office."""
    who, place, frame = subject(rng), DESTINATIONS.draw(rng), BE_FRAMES.draw(rng)
    what = Predicate(BE, place.at, place.fr, place.fr)
    return clause(who, what, frame.tense, frame.middle)


def avoir_idiom(rng: Random) -> Pair:
    """J'ai faim. I am hungry."""
    who, frame = subject(rng), BE_FRAMES.draw(rng)
    return clause(who, Predicate(AVOIR_IDIOMS.draw(rng).verb), frame.tense, frame.middle)


_FEARED = Table([
    *(noun_phrase(THE, noun) for noun in NOUNS["animal"].items[:4]),
    *(noun_phrase(THE, noun) for noun in NOUNS["wild"].items),
    *(noun_phrase(ALL, noun, plural=True) for noun in NOUNS["animal"].items + NOUNS["wild"].items),
])  # fmt: skip


def afraid(rng: Random) -> Pair:
    """Il a peur du chien. He is afraid of the dog."""
    who, feared, frame = subject(rng), _FEARED.draw(rng), TRAIT_FRAMES.draw(rng)
    fr = contract("de", feared.fr)
    what = Predicate(verb("be afraid", "avoir peur"), f"of {feared.en}", fr, fr)
    return clause(who, what, frame.tense, frame.middle)


_TENS = listed("twenty, thirty, forty, fifty")
_YOUNG = listed("""
brother, sister, son, daughter, cousin, nephew, niece, child, boy, girl, brothers, sisters, cousins
children, boys, girls
""")
_AGES_OF_CHILDREN = Table([age for age in NUMBERS.items if age.en not in _TENS])
_AGES_OF_ADULTS = Table([age for age in NUMBERS.items if age.en in _TENS])


def years_old(rng: Random) -> Pair:
    """Ma fille a dix ans. My daughter is ten years old."""
    who = subject(rng)
    young = who.is_pronoun or who.en.split()[-1] in _YOUNG
    number = (_AGES_OF_CHILDREN if young else _AGES_OF_ADULTS).draw(rng)
    tense = Tense.PRESENT if rng.random() < 0.8 else Tense.IMPERFECT
    age = Predicate(verb("be", "avoir"), f"{number.en} years old", f"{number.fr} ans")
    return clause(who, age, tense)


def called(rng: Random) -> Pair:
    """Mon frère s'appelle Paul. My brother is called Paul."""
    who = third_person(relative(rng, FAMILY_DETERMINERS.draw(rng)))
    if who.plural:
        who = PRONOUNS.items[1]
    name = NAMES.draw(rng)
    while name.feminine != who.feminine:
        name = NAMES.draw(rng)
    return clause(who, Predicate(verb("be called", "s'appeler"), name.en, name.fr), Tense.PRESENT)
