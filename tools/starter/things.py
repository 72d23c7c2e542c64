"""Things in a sentence, with a determiner and adjectives that fit."""

from random import Random

from tools.starter.draw import Table, ranked, weighted
from tools.starter.lexicon import Adjective, Noun, VerbRow, listed
from tools.starter.people import Subject
from tools.starter.phrases import (
    ALL,
    COUNTED,
    MY,
    OUR,
    OWN,
    SOME,
    THE,
    THEIR,
    THIS,
    YOUR,
    YOUR_VOUS,
    A,
    Determiner,
    Phrase,
    noun_phrase,
)
from tools.starter.words.adjectives import COLORS, NOUN_ADJECTIVES
from tools.starter.words.nouns import NOUNS

_FUR = Table([color for color in COLORS.items if color.en in ("black", "white", "gray", "brown")])
COLORED = ("clothes", "vehicle", "animal", "garment")
"""Themes of things that have colours."""
_ONE, _MANY = False, True
# One eats, buys and breaks things that were not spoken of before, but opens the door.
_DETERMINERS = weighted(
    (1.0, (A, _ONE)), (0.8, (THE, _ONE)), (0.6, (OWN, _ONE)), (0.25, (A, _MANY)),
    (0.2, (THIS, _ONE)), (0.2, (THE, _MANY)),
    *((0.06, (number, _MANY)) for number in COUNTED[:4]),
)  # fmt: skip
_DEFINITE = weighted(
    (1.0, (THE, _ONE)), (0.25, (THIS, _ONE)), (0.15, (A, _ONE)), (0.1, (THE, _MANY)),
)  # fmt: skip
_ONE_KNOWN = weighted((1.0, (THE, _ONE)), (0.25, (THIS, _ONE)), (0.2, (A, _ONE)))
_ALWAYS_KNOWN = weighted((1.0, (THE, _ONE)), (0.2, (THIS, _ONE)))
_EATEN = weighted(
    (1.0, (A, _MANY)), (0.8, (A, _ONE)), (0.15, (THE, _ONE)), (0.1, (THIS, _ONE)),
    *((0.08, (number, _MANY)) for number in COUNTED[:4]),
)  # fmt: skip
HABITUAL = weighted((1.0, (A, _MANY)))
"""Determiners of things that people eat or buy every day: des pommes."""
POSSESSED = weighted(
    (1.0, (A, _ONE)), (0.2, (A, _MANY)), (0.1, (THE, _ONE)),
    *((0.3 / rank**2, (number, _MANY)) for rank, number in enumerate(COUNTED[:4], 1)),
)  # fmt: skip
"""Determiners of things that people have."""
_MASS_DETERMINERS = weighted((1.0, SOME), (0.25, THE), (0.15, OWN), (0.05, THIS))
_DETERMINED_THEMES = (
    ("lesson, nature, song, task, town, contest", _DEFINITE),
    ("building, sight, furniture, container, vessel, show, driven", _ONE_KNOWN),
    ("sound, opening, room, machine, paid, explained", _ALWAYS_KNOWN),
)
DEFINITE_THEMES = frozenset(theme for themes, _ in _DETERMINED_THEMES for theme in listed(themes))
"""Themes of things that both speakers know: the door, the museum."""
_THEME_DETERMINERS = {"food": _EATEN, "meal": _EATEN} | {
    theme: table for themes, table in _DETERMINED_THEMES for theme in listed(themes)
}


def thing(
    rng: Random,
    theme: str,
    who: Subject | None,
    among: Table[tuple[Determiner, bool]] | None = None,
) -> Phrase:
    """Something of a theme, with a determiner that suits it or from those given."""
    noun = NOUNS[theme].draw(rng)
    if theme == "generic":
        return noun_phrase(ALL, noun)
    if noun.kind == "mass":
        determiner, plural = (SOME if among else _MASS_DETERMINERS.draw(rng)), False
        if theme in ("sound", "paid", "task"):
            determiner = THE
    else:
        usual = _THEME_DETERMINERS.get(theme, _DETERMINERS)
        determiner, plural = (among or usual).draw(rng)
    if noun.kind == "plural" and determiner in COUNTED:
        determiner = A  # gloves and glasses are not counted one by one
    if determiner is OWN:
        determiner = who.own if who and who.own and theme != "wild" else THE
    if among is HABITUAL:
        return noun_phrase(determiner, noun, plural)
    adjective = color = None
    if rng.random() < 0.2:
        adjective = adjective_for(rng, noun, determiner)
    if theme in COLORED and rng.random() < 0.12:
        color = color_for(rng, theme)
        adjective = adjective if adjective and adjective.before else None
    return noun_phrase(determiner, noun, plural, adjective, color)


def adjective_for(rng: Random, noun: Noun, determiner: Determiner) -> Adjective | None:
    """An adjective for a noun, if it has any: one eats good bread, not "the good bread"."""
    known = determiner not in (A, SOME)
    if noun.theme not in NOUN_ADJECTIVES or (
        known and noun.theme in ("food", "drink", "reading", "show")
    ):
        return None
    return NOUN_ADJECTIVES[noun.theme].draw(rng)


def color_for(rng: Random, theme: str) -> Adjective:
    """A colour; animals are not green."""
    return (_FUR if theme == "animal" else COLORS).draw(rng)


def liked(rng: Random, theme: str) -> Phrase:
    """Draw something that people like in general: le café, les chats."""
    noun = NOUNS[theme].draw(rng)
    return noun_phrase(ALL, noun, noun.kind == "count")


_GIFTS = weighted((1.0, (A, _ONE)), (0.8, (THE, _ONE)), (0.5, (OWN, _ONE)), (0.2, (THIS, _ONE)))
_SHARED_OUT = frozenset({"food", "drink"})


def gift_for(rng: Random, row: VerbRow, who: Subject | None) -> Phrase:
    """Draw something to give, show or lend: one thing, or any number of foods."""
    theme = ranked(row.takes).draw(rng)
    if theme in _SHARED_OUT or theme in DEFINITE_THEMES:
        return thing(rng, theme, who)
    return thing(rng, theme, who, _GIFTS)


_DEFINITE_OR_OWNED = weighted(
    (1.0, THE), (0.5, MY), (0.4, THIS), (0.25, YOUR), (0.2, OUR), (0.2, YOUR_VOUS), (0.15, THEIR),
)  # fmt: skip
_JUST_THE = weighted((1.0, THE), (0.4, THIS))


def definite(rng: Random, theme: str) -> tuple[Phrase, Noun]:
    """Something known: the house, your shoes, this book."""
    noun = NOUNS[theme].draw(rng)
    own = theme in ("thing", "clothes", "vehicle", "furniture", "reading", "printed", "animal")
    determiner = (_DEFINITE_OR_OWNED if own else _JUST_THE).draw(rng)
    plural = noun.kind == "count" and rng.random() < 0.2
    return noun_phrase(determiner, noun, plural), noun
