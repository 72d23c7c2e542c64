"""Sentences about things: what and where they are."""

from random import Random

from tools.starter.clauses import Predicate, clause, english_infinitive, french_infinitive
from tools.starter.draw import Table, ranked, weighted
from tools.starter.frames import TRAIT_FRAMES
from tools.starter.french import contract, elide
from tools.starter.lexicon import Noun, Pair, listed, pairs
from tools.starter.people import NAMES, person_adjective, relative, third_person
from tools.starter.phrases import COUNTED, MY, OUR, SOME, THE, YOUR, A, Phrase, noun_phrase
from tools.starter.predicates import BE, DEGREES, NO_DEGREE, acting_plainly, being
from tools.starter.things import COLORED, adjective_for, color_for, definite
from tools.starter.words.adjectives import THING_STATES
from tools.starter.words.nouns import NOUNS

_STATE_THEMES = Table(listed("""
thing, clothes, building, vehicle, meal, animal, food, reading, garment, wild, room, show, opening
lesson, furniture, drink, container, town, dish, nature
"""))  # fmt: skip
_THING_GRADELESS = listed("open, closed, broken, empty, full, ready, over, delicious")


def is_thus(rng: Random) -> Pair:
    """La porte est ouverte. The door is open."""
    theme = _STATE_THEMES.draw(rng)
    phrase, _ = definite(rng, theme)
    who, frame = third_person(phrase), TRAIT_FRAMES.draw(rng)
    degree = DEGREES.draw(rng)
    adjective = THING_STATES[theme].draw(rng)
    if degree.fr == "un peu" or adjective.en in _THING_GRADELESS:
        degree = NO_DEGREE
    return clause(who, being(who, adjective, degree), frame.tense, frame.middle)


def is_colored(rng: Random) -> Pair:
    """Sa robe est rouge. Her dress is red."""
    theme = ranked(COLORED).draw(rng)
    phrase, _ = definite(rng, theme)
    who, frame = third_person(phrase), TRAIT_FRAMES.draw(rng)
    return clause(who, being(who, color_for(rng, theme)), frame.tense, frame.middle)


def _scene(themes: str, places: str) -> tuple[Table[str], Table[Pair]]:
    """Themes of things, and where such things may be."""
    return Table(listed(themes)), Table(pairs(places))


_SCENES = weighted(
    (1.0, _scene("thing, printed", """
on the table = sur la table, in the bag = dans le sac, on the desk = sur le bureau
in the drawer = dans le tiroir, under the bed = sous le lit, on the chair = sur la chaise
on the shelf = sur l'étagère""")),
    (0.8, _scene("person, people_count", """
in the street = dans la rue, in the park = au parc, in front of the door = devant la porte
at the station = à la gare, in the garden = dans le jardin, on the bus = dans le bus""")),
    (0.6, _scene("animal", """
in the garden = dans le jardin, at the farm = à la ferme, in the field = dans le champ
behind the house = derrière la maison""")),
    (0.6, _scene("food, drink", """
on the table = sur la table, in the kitchen = dans la cuisine, in the fridge = dans le frigo
in the basket = dans le panier""")),
    (0.5, _scene("pet", """
under the table = sous la table, on the bed = sur le lit, in the kitchen = dans la cuisine
in the garden = dans le jardin""")),
    (0.5, _scene("dish, container", """
on the table = sur la table, in the kitchen = dans la cuisine, on the shelf = sur l'étagère""")),
    (0.5, _scene("building", """
in this street = dans cette rue, in this city = dans cette ville, near here = près d'ici
in the village = dans le village, next to the station = à côté de la gare
near the park = près du parc""")),
    (0.3, _scene("furniture", """
in the bedroom = dans la chambre, in the living room = dans le salon
in the kitchen = dans la cuisine""")),
    (0.3, _scene("nature", """
near here = près d'ici, behind the house = derrière la maison
near the village = près du village""")),
)  # fmt: skip
_A_OR_COUNTED = Table([A, *COUNTED])


def _place_for(rng: Random, noun: Noun, places: Table[Pair]) -> Pair:
    """One of the places that a thing may be in; no bag is in the bag."""
    where = places.draw(rng)
    while noun.en in where.en:
        where = places.draw(rng)
    return where


def _located(rng: Random) -> tuple[Phrase, Pair]:
    """Something and a likely place for it: a key, in the drawer."""
    themes, places = _SCENES.draw(rng)
    noun = NOUNS[themes.draw(rng)].draw(rng)
    where = _place_for(rng, noun, places)
    if noun.kind == "mass":
        return noun_phrase(SOME, noun), where
    if noun.kind == "plural" or rng.random() < 0.5:
        return noun_phrase(A, noun), where
    determiner = _A_OR_COUNTED.draw(rng)
    return noun_phrase(determiner, noun, plural=True), where


def there_is(rng: Random) -> Pair:
    """Il y a deux chats dans le jardin. There are two cats in the garden."""
    what, where = _located(rng)
    past, denied = rng.random() < 0.25, rng.random() < 0.2 and what.fr != what.fr_denied
    be = ("were" if past else "are") if what.plural else ("was" if past else "is")
    avoir = "avait" if past else "a"
    if denied and not what.plural:
        no = what.en.removeprefix("a ").removeprefix("an ")
        return Pair(
            f"there {be} no {no} {where.en}", f"il n'y {avoir} pas {what.fr_denied} {where.fr}"
        )
    return Pair(f"there {be} {what.en} {where.en}", f"il y {avoir} {what.fr} {where.fr}")


def where_it_is(rng: Random) -> Pair:
    """Les clés sont sur la table. The keys are on the table."""
    themes, places = _SCENES.draw(rng)
    phrase, noun = definite(rng, themes.draw(rng))
    where = _place_for(rng, noun, places)
    who, frame = third_person(phrase), TRAIT_FRAMES.draw(rng)
    return clause(who, Predicate(BE, where.en, where.fr, where.fr), frame.tense, frame.middle)


_SHOWN = weighted((1.0, A), (0.5, MY), (0.3, YOUR), (0.2, THE), (0.2, OUR))


_SHOWN_THEMES = Table(listed("thing, building, clothes, reading, animal, vehicle, person"))


def this_is(rng: Random) -> Pair:
    """C'est un beau livre, ce n'est pas ma voiture. This is a beautiful book."""
    theme = _SHOWN_THEMES.draw(rng)
    noun = NOUNS[theme].draw(rng)
    plural = noun.kind == "plural" or (noun.kind == "count" and rng.random() < 0.15)
    determiner = _SHOWN.draw(rng)
    if noun.kind == "mass":
        determiner = SOME
    if theme in ("person", "building"):
        determiner = A
    adjective = None
    if rng.random() < 0.5:
        adjective = (
            person_adjective(rng, noun)
            if theme == "person"
            else adjective_for(rng, noun, determiner)
        )
    phrase = noun_phrase(determiner, noun, plural, adjective)
    if rng.random() < 0.25:
        be = (
            Pair("these are not", "ce ne sont pas")
            if plural
            else Pair("this is not", "ce n'est pas")
        )
    else:
        be = Pair("these are", "ce sont") if plural else Pair("this is", "c'est")
    return Pair(f"{be.en} {phrase.en}", f"{be.fr} {phrase.fr}")


def whose(rng: Random) -> Pair:
    """C'est la voiture de Paul. This is Paul's car."""
    noun = NOUNS[ranked(("thing", "vehicle", "clothes", "animal")).draw(rng)].draw(rng)
    thing_owned = noun_phrase(THE, noun)
    owner = NAMES.draw(rng) if rng.random() < 0.6 else relative(rng, MY)
    en = thing_owned.en.removeprefix("the ")
    mark = "'" if owner.en.endswith("s") and owner.plural else "'s"
    start = Pair("these are", "ce sont") if thing_owned.plural else Pair("this is", "c'est")
    return Pair(
        f"{start.en} {owner.en}{mark} {en}",
        f"{start.fr} {thing_owned.fr} {contract('de', owner.fr)}",
    )


_IT_IS = Table(pairs("""
important = important, difficult = difficile, easy = facile, possible = possible, true = vrai
interesting = intéressant, too late = trop tard, very good = très bon, dangerous = dangereux
strange = étrange, not far away = tout près, wonderful = merveilleux, impossible = impossible
necessary = nécessaire, useful = utile, expensive = cher, over = fini, perfect = parfait
"""))  # fmt: skip
_IT_BE = Table(pairs("it is = c'est, it was = c'était, it is not = ce n'est pas"))
_IT_IS_TO = Table(pairs("""
important = important, difficult = difficile, easy = facile, possible = possible
dangerous = dangereux, useful = utile, impossible = impossible, necessary = nécessaire
pleasant = agréable
"""))  # fmt: skip


def it_is(rng: Random) -> Pair:
    """C'est facile, il est important de dormir. It is easy, it is important to sleep."""
    if rng.random() < 0.25:
        state = _IT_IS.draw(rng)
        be = _IT_BE.draw(rng)
        return Pair(f"{be.en} {state.en}", f"{be.fr} {state.fr}")
    state, what = _IT_IS_TO.draw(rng), acting_plainly(rng)
    return Pair(
        f"it is {state.en} to {english_infinitive(what)}",
        elide(f"il est {state.fr} de {french_infinitive(what)}"),
    )
