"""Predicates: verbs with complements that fit."""

from random import Random
from typing import NamedTuple

from tools.starter.clauses import (
    Predicate,
    english_infinitive,
    french_infinitive,
    predicate,
    spaced,
)
from tools.starter.draw import Table, ranked, weighted
from tools.starter.french import THIRD, elide
from tools.starter.lexicon import Adjective, Pair, Verb, VerbRow, pairs, verb
from tools.starter.people import Subject
from tools.starter.things import DEFINITE_THEMES, HABITUAL, POSSESSED, liked, thing
from tools.starter.words.places import CITIES, COUNTRIES, PLACES
from tools.starter.words.verbs import VERBS_ALONE, VERBS_OF_MOTION, VERBS_WITH_THING, Cause

_LIKED_AS_SUCH = frozenset({"aimer", "adorer", "préférer", "détester"})


def doing_to_thing(
    rng: Random, who: Subject | None, row: VerbRow, habit: bool = False
) -> Predicate:
    """A verb and the thing it is done to; habits are about things in general."""
    theme = ranked(row.takes).draw(rng)
    if row.verb.fr.infinitive in _LIKED_AS_SUCH:
        return predicate(row.verb, liked(rng, theme))
    among = HABITUAL if habit and theme not in DEFINITE_THEMES else None
    if row.verb.fr.infinitive == "avoir" and not row.verb.fr.tail:
        among = POSSESSED
    return predicate(row.verb, thing(rng, theme, who, among))


def doing(rng: Random, row: VerbRow, who: Subject | None = None) -> Predicate:
    """A verb with the thing it is done to, if it is one of those; else the verb alone."""
    if row in VERBS_WITH_THING.items:
        return doing_to_thing(rng, who, row)
    return Predicate(row.verb)


DESTINATIONS = Table([place for place in PLACES.values() if place.to])
"""Places where people go on any day."""


def _near_place(rng: Random) -> Pair:
    """A place to go to on any day."""
    place = DESTINATIONS.draw(rng)
    return Pair(place.to, place.fr)


def _far_place(rng: Random) -> Pair:
    """A country or a city to go to."""
    country = (COUNTRIES if rng.random() < 0.55 else CITIES).draw(rng)
    return Pair(f"to {country.en}", country.fr_in)


def doing_alone(rng: Random, where: float = 0.4) -> Predicate:
    """A verb without object, sometimes with its place: she is sleeping in the garden."""
    return somewhere(rng, VERBS_ALONE.draw(rng), where)


def somewhere(rng: Random, row: VerbRow, chance: float) -> Predicate:
    """A verb without object, with that chance of a place it may be done at, if it has any."""
    if row.takes and rng.random() < chance:
        place = PLACES[ranked(row.takes).draw(rng)]
        return Predicate(row.verb, place.at, place.fr, place.fr)
    return Predicate(row.verb)


_OF_AGE = frozenset({"travailler", "fumer", "conduire", "cuisiner"})


def becoming(who: Subject, what: Predicate) -> bool:
    """Return whether the predicate suits the subject: children neither work nor smoke."""
    is_child = who.en.removesuffix(" who").endswith((" child", " children", " boy", " girl"))
    return not (is_child and what.verb.fr.infinitive in _OF_AGE)


def going(rng: Random, far: float = 0.25) -> Predicate:
    """Going somewhere: to school, to Japan."""
    to = _far_place(rng) if rng.random() < far else _near_place(rng)
    return Predicate(VERBS_OF_MOTION.draw(rng).verb, to.en, to.fr, to.fr)


_LIVE = verb("live", "habiter")
_HOMES = Table(pairs("""
in town = en ville, in the country = à la campagne, in a big house = dans une grande maison
here = ici, in a small apartment = dans un petit appartement, near the sea = près de la mer
in a small village = dans un petit village, near the station = près de la gare
"""))  # fmt: skip


def living(rng: Random) -> Predicate:
    """To live in a country, a city or a kind of place."""
    kind = rng.random()
    if kind < 0.75:
        country = (COUNTRIES if kind < 0.35 else CITIES).draw(rng)
        where = Pair(f"in {country.en}", country.fr_in)
    else:
        where = _HOMES.draw(rng)
    return Predicate(_LIVE, where.en, where.fr, where.fr)


ACTING_ROWS = Table([row for row in VERBS_WITH_THING.items if row.verb.aspect == "action"])
"""Verbs with a thing as object that people can want or have to do."""


def acting(rng: Random, who: Subject | None) -> Predicate:
    """Anything that one can want to do, have to do or begin to do."""
    kind = rng.random()
    if kind < 0.45:
        return doing_to_thing(rng, who, ACTING_ROWS.draw(rng))
    if kind < 0.8:
        return doing_alone(rng, where=0.25)
    return going(rng)


def acting_plainly(rng: Random, who: Subject | None = None) -> Predicate:
    """An action without a reflexive pronoun, and with no "one's own" in it where `who` is None."""
    what = acting(rng, who)
    while what.verb.fr.reflexive:
        what = acting(rng, who)
    return what


class Modal(NamedTuple):
    """A verb before an infinitive: what links them in French, and the English verb phrase."""

    verb: Verb
    link: str = ""


def linked(modal: Modal, who: Subject, what: Predicate) -> Predicate:
    """A modal verb and an infinitive as one predicate."""
    fr, fr_denied = (
        elide(spaced(modal.link, french_infinitive(what, who.fr_person, denied)))
        for denied in (False, True)
    )
    return Predicate(modal.verb, english_infinitive(what), fr, fr_denied)


BE = verb("be", "être")
NO_DEGREE = Pair("", "")
DEGREES = weighted(
    (5.0, NO_DEGREE), (1.0, Pair("very", "très")), (0.4, Pair("too", "trop")),
    (0.4, Pair("a little", "un peu")), (0.2, Pair("really", "vraiment")),
)  # fmt: skip
"""Adverbs of degree."""


def being(who: Subject, adjective: Adjective, degree: Pair = NO_DEGREE) -> Predicate:
    """To be something, agreeing: elle est très contente."""
    fr = spaced(degree.fr, adjective.form(who.feminine, who.plural))
    return Predicate(BE, spaced(degree.en, adjective.english(who.feminine)), fr, fr)


def in_state(who: Subject, cause: Cause, degree: Pair = NO_DEGREE) -> Predicate:
    """To be tired, to be hungry: with "être" the adjective agrees."""
    if cause.adjective is None:
        return Predicate(cause.state)
    return being(who, cause.adjective, degree)


_IT = Subject("it", "il", THIRD, THIRD, False, False, None, True)
_THE_WEATHER = _IT._replace(en="the weather")
SKY = weighted(
    (1.0, (_IT, verb("rain", "pleuvoir"))),
    (0.9, (_IT, verb("be cold", "faire froid"))),
    (0.8, (_THE_WEATHER, verb("be nice", "faire beau"))),
    (0.7, (_IT, verb("be hot", "faire chaud"))),
    (0.6, (_IT, verb("snow", "neiger"))),
    (0.3, (_THE_WEATHER, verb("be bad", "faire mauvais"))),
)
"""Verbs of the weather with their subjects."""
