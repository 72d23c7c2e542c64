"""Frames: tense, negation and time of a clause; each fits some verbs."""

import re
from random import Random
from typing import NamedTuple

from tools.starter.clauses import (
    NEVER,
    NO_LONGER,
    NOT,
    PLAIN,
    Middle,
    Predicate,
    Tense,
    clause,
    with_tail,
)
from tools.starter.draw import Table, weighted
from tools.starter.lexicon import Aspect, Pair, Verb
from tools.starter.people import Subject
from tools.starter.words.times import FREQUENCY, FUTURE_TIMES, HABIT_TIMES, NOW_TIMES, PAST_TIMES


class Frame(NamedTuple):
    """A tense, the word beside the verb, and the times that may follow (with what chance)."""

    tense: Tense
    middle: Middle = PLAIN
    times: Table[Pair] | None = None
    chance: float = 0.0

    def time(self, rng: Random) -> Pair | None:
        """A time phrase, or none."""
        return self.times.draw(rng) if self.times and rng.random() < self.chance else None


# What will not be done is not said to be not done "soon".
_NOT_SOON = Table([time for time in FUTURE_TIMES.items if time.en != "soon"])
FREQUENTLY = tuple(Middle(word.en, word.fr, False) for word in FREQUENCY)
"""Often, always, sometimes, rarely."""
_HABITS = [
    *((0.5 / rank, Frame(Tense.HABIT, often)) for rank, often in enumerate(FREQUENTLY, 1)),
    (0.7, Frame(Tense.HABIT, times=HABIT_TIMES, chance=1)),
    (0.45, Frame(Tense.HABIT, NEVER)),
    (0.2, Frame(Tense.HABIT, NO_LONGER)),
]
_FRAMES: dict[Aspect, Table[Frame]] = {
    "action": weighted(
        (2.4, Frame(Tense.PRESENT, times=NOW_TIMES, chance=0.12)),
        (2.2, Frame(Tense.PAST, times=PAST_TIMES, chance=0.45)),
        (0.9, Frame(Tense.SOON, times=FUTURE_TIMES, chance=0.5)),
        (0.8, Frame(Tense.PRESENT, NOT)),
        (0.7, Frame(Tense.FUTURE, times=FUTURE_TIMES, chance=0.5)),
        (0.6, Frame(Tense.PAST, NOT, PAST_TIMES, 0.3)),
        (0.6, Frame(Tense.IMPERFECT)),
        (0.2, Frame(Tense.FUTURE, NOT, _NOT_SOON, 0.3)),
        (0.2, Frame(Tense.SOON, NOT, _NOT_SOON, 0.3)),
        *_HABITS,
    ),
    "state": weighted(
        (3.0, Frame(Tense.PRESENT)),
        (1.2, Frame(Tense.PRESENT, NOT)),
        (0.8, Frame(Tense.IMPERFECT)),
        (0.3, Frame(Tense.PRESENT, NO_LONGER)),
        (0.3, Frame(Tense.IMPERFECT, NOT)),
    ),
    "perception": weighted(
        (2.0, Frame(Tense.PRESENT)),
        (1.5, Frame(Tense.PAST, times=PAST_TIMES, chance=0.4)),
        (1.0, Frame(Tense.PRESENT, NOT)),
        (0.6, Frame(Tense.PAST, NOT)),
        (0.3, Frame(Tense.FUTURE, times=FUTURE_TIMES, chance=0.4)),
    ),
    "event": weighted(
        (3.0, Frame(Tense.PAST, times=PAST_TIMES, chance=0.45)),
        (0.9, Frame(Tense.PAST, NOT)),
        (0.5, Frame(Tense.SOON)),
        (0.5, Frame(Tense.FUTURE, times=FUTURE_TIMES, chance=0.3)),
        (0.3, Frame(Tense.HABIT, FREQUENTLY[0])),
    ),
}  # fmt: skip
BE_FRAMES = weighted(
    (4.0, Frame(Tense.PRESENT)), (1.2, Frame(Tense.PRESENT, NOT)), (1.2, Frame(Tense.IMPERFECT)),
    (0.4, Frame(Tense.IMPERFECT, NOT)), (0.3, Frame(Tense.FUTURE)),
    (0.3, Frame(Tense.PRESENT, NO_LONGER)),
    *((0.3 / rank, Frame(Tense.PRESENT, often)) for rank, often in enumerate(FREQUENTLY, 1)),
    (0.1, Frame(Tense.PRESENT, NEVER)),
)  # fmt: skip
"""For how one is today."""
TRAIT_FRAMES = weighted(
    (4.0, Frame(Tense.PRESENT)), (1.0, Frame(Tense.PRESENT, NOT)), (1.0, Frame(Tense.IMPERFECT)),
)  # fmt: skip
"""For how somebody or something is, lastingly."""
_NEVER_DENIED = frozenset({"préférer", "espérer", "adorer"})
_NO_HABIT = frozenset({"chercher", "prendre", "choisir", "construire", "cacher"})


def frame_for(rng: Random, the_verb: Verb) -> Frame:
    """A frame that suits the verb."""
    frame = _FRAMES[the_verb.aspect].draw(rng)
    if frame.middle.ne and the_verb.fr.infinitive in _NEVER_DENIED:
        return frame._replace(middle=PLAIN)
    if frame.tense is Tense.HABIT and the_verb.fr.infinitive in _NO_HABIT:
        return Frame(Tense.PRESENT)
    return frame


_ONE_THING = re.compile(r"\b(?:un|une) ")
_SOME_NUMBER = re.compile(r"\b(?:deux|trois|quatre|cinq|six|sept|huit|dix) ")


def deniable(what: Predicate) -> bool:
    """Return whether a negation sounds natural; with "un gâteau" or "deux gâteaux" it does not."""
    if _SOME_NUMBER.search(what.fr):
        return False
    return what.verb.fr.infinitive == "avoir" or not _ONE_THING.search(what.fr)


def say(rng: Random, who: Subject, what: Predicate, frames: Table[Frame] | None = None) -> Pair:
    """Somebody does something, in a tense that suits the verb or from those given."""
    frame = frames.draw(rng) if frames else frame_for(rng, what.verb)
    while frame.middle.ne and not deniable(what):
        frame = frames.draw(rng) if frames else frame_for(rng, what.verb)
    return with_tail(clause(who, what, frame.tense, frame.middle), frame.time(rng))
