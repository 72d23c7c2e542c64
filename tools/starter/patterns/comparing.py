"""Sentences that compare."""

from random import Random

from tools.starter.clauses import NOT, Predicate, Tense, clause, english, french
from tools.starter.draw import Table, ranked
from tools.starter.french import elide
from tools.starter.lexicon import Pair, pairs
from tools.starter.people import other_person, person_for, subject, third_person
from tools.starter.predicates import BE
from tools.starter.things import definite
from tools.starter.words.adjectives import COMPARED_PEOPLE, COMPARED_THINGS
from tools.starter.words.nouns import NOUNS

_THAN = Table(
    pairs("me = moi, him = lui, you = toi, her = elle, us = nous, them = eux, you = vous")
)
# Whom a pronoun subject is not compared with: itself, or a group it is in.
_SELF = {
    "je": ("moi", "nous"), "tu": ("toi", "vous"), "il": ("lui",), "elle": ("elle",),
    "nous": ("nous", "moi"), "on": ("nous", "moi"), "vous": ("vous", "toi"),
    "ils": ("eux",), "elles": ("eux",),
}  # fmt: skip


def compared(rng: Random) -> Pair:
    """Paul est plus grand que moi. Paul is taller than me."""
    if rng.random() < 0.3:
        theme = ranked(("vehicle", "building", "animal", "thing")).draw(rng)
        found = COMPARED_THINGS[theme].draw(rng)
        phrase, noun = definite(rng, theme)
        other, other_noun = definite(rng, theme)
        while other_noun is noun:
            other, other_noun = definite(rng, theme)
        who, than = third_person(phrase), Pair(other.en, other.fr)
    else:
        found, who = COMPARED_PEOPLE.draw(rng), subject(rng)
        than = _THAN.draw(rng)
        if rng.random() < 0.5:
            person = person_for(rng, who)
            than = Pair(person.en, person.fr)
        while than.fr in _SELF[who.fr] if who.fr in _SELF else than.fr == who.fr:
            than = _THAN.draw(rng)
    form = found.adjective.form(who.feminine, who.plural)
    tense = Tense.PRESENT if rng.random() < 0.85 else Tense.IMPERFECT
    kind = rng.random()
    if found.adjective.masculine == "petit" and kind >= 0.85:
        kind = 0.0  # hardly anybody says "moins petit"
    if kind < 0.65:
        what = Predicate(BE, f"{found.more} than {than.en}", f"plus {form} que {than.fr}")
    elif kind < 0.85:
        what = Predicate(BE, f"as {found.adjective.en} as {than.en}", f"aussi {form} que {than.fr}")
    else:
        what = Predicate(BE, f"as {found.adjective.en} as {than.en}", f"moins {form} que {than.fr}")
        return Pair(english(who, what, tense, NOT), french(who, what, tense))
    return clause(who, what, tense)


_AREAS = Table(pairs("""
the country = du pays, the world = du monde, France = de France, the region = de la région
Europe = d'Europe, Canada = du Canada
"""))  # fmt: skip
_FARMS = Table(pairs("the world = du monde, the village = du village, the country = du pays"))


def best(rng: Random) -> Pair:
    """C'est la plus grande maison du village. This is the biggest house in the village."""
    theme = ranked(("building", "town", "animal", "vehicle")).draw(rng)
    noun, found = NOUNS[theme].draw(rng), COMPARED_THINGS[theme].draw(rng)
    form = found.adjective.form(noun.feminine, False, noun.fr)
    areas = _AREAS if theme in ("building", "town") else _FARMS
    area = areas.draw(rng)
    while noun.en in area.en:  # no country is the biggest "in the country"
        area = areas.draw(rng)
    le = "la" if noun.feminine else "le"
    after = found.adjective.masculine in ("rapide", "haut", "calme", "lourd", "léger")
    core = f"{le} {noun.fr} {le} plus {form}" if after else f"{le} plus {form} {noun.fr}"
    return Pair(
        f"this is the {found.most} {noun.en} in {area.en}", f"c'est {elide(core)} {area.fr}"
    )


_GROUPS = Table(pairs("""
in the class = de la classe, in the family = de la famille, in the village = du village
in the school = de l'école, of all = de tous
"""))  # fmt: skip


def tallest(rng: Random) -> Pair:
    """Paul est le plus grand de la classe. Paul is the tallest in the class."""
    who, found = third_person(other_person(rng)), COMPARED_PEOPLE.draw(rng)
    le = "les" if who.plural else "la" if who.feminine else "le"
    form = found.adjective.form(who.feminine, who.plural)
    group = _GROUPS.draw(rng)
    what = Predicate(BE, f"the {found.most} {group.en}", f"{le} plus {form} {group.fr}")
    return clause(who, what, Tense.PRESENT)
