"""Sentences about actions: with things, with people, alone, going somewhere."""

from random import Random

from tools.starter.clauses import (
    AVOIR,
    NEVER,
    NOT,
    Predicate,
    Tense,
    clause,
    english,
    predicate,
    spaced,
    with_tail,
)
from tools.starter.draw import Table, evenly, weighted
from tools.starter.frames import FREQUENTLY, Frame, deniable, frame_for, say
from tools.starter.french import contract
from tools.starter.lexicon import Pair, listed, verb, verbs
from tools.starter.people import other_person, person_for, relative, subject
from tools.starter.predicates import becoming, doing_alone, doing_to_thing, going
from tools.starter.words.places import COUNTRIES, TRANSPORT
from tools.starter.words.times import FAR_FUTURE, FAR_PAST, FUTURE_TIMES, RARE_TIMES
from tools.starter.words.verbs import (
    SHARED,
    VERBS_TO_PERSON,
    VERBS_WITH_PERSON,
    VERBS_WITH_THING,
)


def done_to_thing(rng: Random) -> Pair:
    """Elle achète du pain. She is buying bread."""
    who, row = subject(rng), VERBS_WITH_THING.draw(rng)
    frame = frame_for(rng, row.verb)
    habit = frame.tense is Tense.HABIT or (frame.middle.ne and rng.random() < 0.7)
    what = doing_to_thing(rng, who, row, habit)
    while frame.middle.ne and not deniable(what):
        what = doing_to_thing(rng, who, row, habit)
    return with_tail(clause(who, what, frame.tense, frame.middle), frame.time(rng))


def done_to_person(rng: Random) -> Pair:
    """Il attend sa mère. He is waiting for his mother."""
    who, row = subject(rng), VERBS_WITH_PERSON.draw(rng)
    return say(rng, who, predicate(row.verb, person_for(rng, who)))


def said_to_person(rng: Random) -> Pair:
    """Nous parlons au professeur. We are talking to the teacher."""
    who, row = subject(rng), VERBS_TO_PERSON.draw(rng)
    person = person_for(rng, who)
    fr = contract("à", person.fr)
    return say(rng, who, Predicate(row.verb, person.en, fr, fr))


def done_alone(rng: Random) -> Pair:
    """Les enfants jouent dans le jardin. The children are playing in the garden."""
    who, what = subject(rng), doing_alone(rng)
    while not becoming(who, what):
        what = doing_alone(rng)
    return say(rng, who, what)


def done_with(rng: Random) -> Pair:
    """Elle danse avec Paul. She is dancing with Paul."""
    who = subject(rng)
    person = (
        relative(rng, who.own) if who.own and rng.random() < 0.4 else other_person(rng, who=who)
    )
    fr = f"avec {person.fr}"
    return say(rng, who, Predicate(SHARED.draw(rng), f"with {person.en}", fr, fr))


def gone(rng: Random) -> Pair:
    """Je vais à l'école à pied. I am going to school on foot."""
    who, what = subject(rng), going(rng, far=0)
    if rng.random() < 0.2 and what.fr != "dans le jardin":
        what = _moving_by(what, TRANSPORT.draw(rng))
    return say(rng, who, what)


def _moving_by(what: Predicate, by: Pair) -> Predicate:
    """Going by some means: en train, à pied."""
    fr = f"{what.fr} {by.fr}"
    return what._replace(en=f"{what.en} {by.en}", fr=fr, fr_denied=fr)


_TRAVEL = verb("travel", "voyager")
_BY_PLANE = Pair("by plane", "en avion")
_ON_THE_RAILS = listed("""
Paris, London, Rome, Lyon, Berlin, Madrid, Brussels, Geneva, Vienna, Italy, Spain, Germany, Belgium
Switzerland
""")
_FAR_FRAMES = weighted(
    (2.0, Frame(Tense.PAST, times=FAR_PAST, chance=0.6)),
    (1.4, Frame(Tense.SOON, times=FAR_FUTURE, chance=0.5)),
    (1.0, Frame(Tense.FUTURE, times=FAR_FUTURE, chance=0.6)),
    (1.0, Frame(Tense.PRESENT)),
    (0.7, Frame(Tense.HABIT, times=RARE_TIMES, chance=1)),
    (0.5, Frame(Tense.HABIT, FREQUENTLY[0])),
    (0.4, Frame(Tense.HABIT, NEVER)),
    (0.4, Frame(Tense.FUTURE, NOT, FAR_FUTURE, 0.5)),
    (0.4, Frame(Tense.PAST, NOT, FAR_PAST, 0.4)),
)  # fmt: skip


def travelled(rng: Random) -> Pair:
    """Elle ira au Japon en avion. She will go to Japan by plane."""
    who, what, frame = subject(rng), going(rng, far=1), _FAR_FRAMES.draw(rng)
    if rng.random() < 0.25:
        country = COUNTRIES.draw(rng)
        what = Predicate(_TRAVEL, f"in {country.en}", country.fr_in, country.fr_in)
    elif rng.random() < 0.2:
        by_train = what.en.removeprefix("to ") in _ON_THE_RAILS
        what = _moving_by(what, Pair("by train", "en train") if by_train else _BY_PLANE)
    return with_tail(clause(who, what, frame.tense, frame.middle), frame.time(rng))


_GO, _RETURN = verb("go", "aller"), verb("return", "retourner")
_THERE_TENSES = weighted((1.0, Tense.PRESENT), (0.6, Tense.SOON), (0.4, Tense.FUTURE))


def gone_there(rng: Random) -> Pair:
    """J'y vais demain. I am going there tomorrow."""
    who, tense = subject(rng), _THERE_TENSES.draw(rng)
    go = _RETURN if tense is Tense.FUTURE else _GO  # "j'y irai" is not said: two i's meet
    said = clause(who, Predicate(go, "there", clitic="y"), tense)
    return with_tail(said, FUTURE_TIMES.draw(rng) if rng.random() < 0.8 else None)


_BODY = evenly([
    (verb("wash", "se laver les mains"), "hands"),
    (verb("wash", "se laver les cheveux"), "hair"),
    (verb("brush", "se brosser les dents"), "teeth"),
])  # fmt: skip


def washed(rng: Random) -> Pair:
    """Je me lave les mains. I am washing my hands."""
    who = subject(rng)
    while who.own is None:
        who = subject(rng)
    the_verb, part = _BODY.draw(rng)
    return say(rng, who, Predicate(the_verb, f"{who.own.en} {part}"))


_NOTHING_VERBS = Table(verbs("""
see = voir, eat = manger, know = savoir, understand = comprendre, buy = acheter, do = faire
say = dire, find = trouver, drink = boire, hear = entendre, forget = oublier
"""))  # fmt: skip
_NOBODY_VERBS = Table(verbs("""
know = connaître, see = voir, love = aimer, listen to = écouter, help = aider, invite = inviter
call = appeler
"""))  # fmt: skip


def nothing(rng: Random) -> Pair:
    """Il ne mange rien, je ne vois personne. He is eating nothing, I see nobody."""
    who = subject(rng)
    if rng.random() < 0.55:
        the_verb, word = _NOTHING_VERBS.draw(rng), Pair("nothing", "rien")
    else:
        the_verb, word = _NOBODY_VERBS.draw(rng), Pair("nobody", "personne")
    person = who.fr_person
    if rng.random() < 0.4 and the_verb.aspect != "state":
        avoir, participle = AVOIR.present[person], the_verb.fr.participle
        order = (word.fr, participle) if word.fr == "rien" else (participle, word.fr)
        en = english(who, Predicate(the_verb, word.en), Tense.PAST)
        return Pair(en, spaced(who.fr, "ne", avoir, *order))
    tense = Tense.HABIT if the_verb.aspect == "event" else Tense.PRESENT
    en = english(who, Predicate(the_verb, word.en), tense)
    return Pair(en, spaced(who.fr, "ne", the_verb.fr.present[person], word.fr))
