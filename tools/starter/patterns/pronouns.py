"""Sentences with object pronouns, and about giving."""

from random import Random
from typing import NamedTuple

from tools.starter.clauses import NOT, Predicate, Tense
from tools.starter.draw import weighted
from tools.starter.frames import Frame, say
from tools.starter.french import ME, THEY, THIRD, WE, YOU, YOU_ALL, begins_with_vowel, contract
from tools.starter.lexicon import Pair
from tools.starter.people import Subject, person_for, subject
from tools.starter.things import gift_for
from tools.starter.words.times import FUTURE_TIMES, PAST_TIMES
from tools.starter.words.verbs import VERBS_OF_GIVING, VERBS_TO_PERSON, VERBS_WITH_PERSON


class _Clitic(NamedTuple):
    """An object pronoun: French, English, the person it is, and its gender and number."""

    fr: str
    en: str
    person: int
    feminine: bool = False
    plural: bool = False


_DIRECT = weighted(
    (1.0, _Clitic("me", "me", ME)), (0.9, _Clitic("le", "him", THIRD)),
    (0.7, _Clitic("la", "her", THIRD, True)), (0.6, _Clitic("te", "you", YOU)),
    (0.6, _Clitic("les", "them", THEY, False, True)), (0.5, _Clitic("nous", "us", WE, False, True)),
    (0.4, _Clitic("vous", "you", YOU_ALL, False, True)),
)  # fmt: skip
_INDIRECT = weighted(
    (1.0, _Clitic("me", "me", ME)), (0.8, _Clitic("lui", "him", THIRD)),
    (0.6, _Clitic("te", "you", YOU)), (0.5, _Clitic("leur", "them", THEY)),
    (0.5, _Clitic("nous", "us", WE)), (0.4, _Clitic("vous", "you", YOU_ALL)),
)  # fmt: skip


def _different(clitic: _Clitic, who: Subject) -> bool:
    """Return whether object and subject are different people, unlike in "je me vois"."""
    persons = (who.en_person, who.fr_person)
    return not any(
        clitic.person in side and (persons[0] in side or persons[1] in side)
        for side in ((ME, WE), (YOU, YOU_ALL))
    )


def seen(rng: Random) -> Pair:
    """Je l'attends, elle nous a vus. I am waiting for her, she saw us."""
    who, row, clitic = subject(rng), VERBS_WITH_PERSON.draw(rng), _DIRECT.draw(rng)
    while not _different(clitic, who):
        clitic = _DIRECT.draw(rng)
    if clitic.fr in ("le", "la") and begins_with_vowel(row.verb.fr.infinitive):
        # "L'" alone would hide whether it is him or her.
        clitic = _Clitic("les", "them", THEY, False, True)
    what = Predicate(row.verb, clitic.en, "", "", clitic.fr, clitic.feminine, clitic.plural)
    return say(rng, who, what)


def spoken_to(rng: Random) -> Pair:
    """Elle me parle souvent. She often talks to me."""
    who, row, clitic = subject(rng), VERBS_TO_PERSON.draw(rng), _INDIRECT.draw(rng)
    while not _different(clitic, who):
        clitic = _INDIRECT.draw(rng)
    if row.verb.fr.infinitive == "penser":
        row = VERBS_TO_PERSON.items[0]
    return say(rng, who, Predicate(row.verb, clitic.en, clitic=clitic.fr))


_GIVING_FRAMES = weighted(
    (2.0, Frame(Tense.PRESENT)),
    (2.0, Frame(Tense.PAST, times=PAST_TIMES, chance=0.4)),
    (0.8, Frame(Tense.SOON, times=FUTURE_TIMES, chance=0.4)),
    (0.8, Frame(Tense.FUTURE, times=FUTURE_TIMES, chance=0.4)),
    (0.6, Frame(Tense.PRESENT, NOT)),
    (0.5, Frame(Tense.PAST, NOT)),
)  # fmt: skip


def given_to(rng: Random) -> Pair:
    """Il donne un livre à sa sœur. He is giving a book to his sister."""
    who, row = subject(rng), VERBS_OF_GIVING.draw(rng)
    gift = gift_for(rng, row, who)
    person = person_for(rng, who)
    en, to = f"{gift.en} to {person.en}", contract("à", person.fr)
    what = Predicate(row.verb, en, f"{gift.fr} {to}", f"{gift.fr_denied} {to}")
    return say(rng, who, what, _GIVING_FRAMES)


def given(rng: Random) -> Pair:
    """Elle nous montre une photo. She is showing us a picture."""
    who, row, clitic = subject(rng), VERBS_OF_GIVING.draw(rng), _INDIRECT.draw(rng)
    while not _different(clitic, who) or row.verb.fr.infinitive == "expliquer":
        row, clitic = VERBS_OF_GIVING.draw(rng), _INDIRECT.draw(rng)
    gift = gift_for(rng, row, who)
    what = Predicate(row.verb, f"{clitic.en} {gift.en}", gift.fr, gift.fr_denied, clitic.fr)
    return say(rng, who, what, _GIVING_FRAMES)
