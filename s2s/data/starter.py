"""The built-in corpus: English and French sentence pairs, both sides grown from one grammar.

A sentence begins as one of the patterns at the end of this file. A pattern draws words that go
together, and builds both sides at once from the same features: who, which verb, which tense,
denied or not. English follows from French by rule, so that a small model can learn it: the passé
composé is always a simple past, the imparfait of an action always "was doing", the présent of an
action always "is doing" unless it is said to be a habit.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from functools import cache
from itertools import accumulate
from random import Random
from typing import Generic, NamedTuple, TypeVar

from s2s.data import starter_words as words
from s2s.data.starter_words import (
    BE_PAST,
    BE_PRESENT,
    DO,
    HAVE,
    ME,
    NOUN_ADJECTIVES,
    NOUNS,
    PLACES,
    THEY,
    THING_STATES,
    THIRD,
    WE,
    YOU,
    YOU_ALL,
    Adjective,
    Noun,
    Pair,
    Verb,
    agree,
    article,
    begins_with_vowel,
    contract,
    elide,
    french_verb,
    imperative,
    listed,
    verb,
)

PAIR_COUNT = 60_000
SHORTEST, LONGEST = 3, 14  # words and marks of a sentence

# Words are drawn as rank ** -FALL. Leaving out repeated sentences flattens the fall to about 1.
FALL = 1.4

T = TypeVar("T")


class Table(Generic[T]):
    """Things to draw from: the first most often, by weights given or falling by rank."""

    def __init__(self, items: Iterable[T], weights: Sequence[float] | None = None) -> None:
        self.items = tuple(items)
        given = weights or [rank**-FALL for rank in range(1, len(self.items) + 1)]
        self.bounds = tuple(accumulate(given))

    def draw(self, rng: Random) -> T:
        """One of the things, at random."""
        # Random.random is the only draw made: its stream is the same in every Python.
        return self.items[bisect_right(self.bounds, rng.random() * self.bounds[-1])]


def weighted(*rows: tuple[float, T]) -> Table[T]:
    """A table from (weight, thing) rows."""
    return Table([thing for _, thing in rows], [weight for weight, _ in rows])


@cache
def ranked(items: tuple[T, ...]) -> Table[T]:
    """A table of things whose first is commonest, made once."""
    return Table(items)


def evenly(items: Sequence[T]) -> Table[T]:
    """A table that draws all its things equally often."""
    return Table(items, [1.0] * len(items))


# ------------------------------------------------------------------ noun phrases


class Phrase(NamedTuple):
    """A noun phrase. `fr_denied` is what it becomes after "pas": du pain -> de pain."""

    en: str
    fr: str
    fr_denied: str
    feminine: bool = False
    plural: bool = False


class Determiner(NamedTuple):
    """What stands before a noun, in all its forms; the vowel forms go before vowels."""

    en: str
    en_plural: str
    masculine: str
    feminine: str
    plural: str
    masculine_vowel: str
    feminine_vowel: str


THE = Determiner("the", "the", "le", "la", "les", "l'", "l'")
A = Determiner("a", "", "un", "une", "des", "un", "une")
SOME = Determiner("", "", "du", "de la", "des", "de l'", "de l'")
ALL = Determiner("", "", "le", "la", "les", "l'", "l'")  # "coffee", where French says "le café"
THIS = Determiner("this", "these", "ce", "cette", "ces", "cet", "cette")
MY = Determiner("my", "my", "mon", "ma", "mes", "mon", "mon")
YOUR = Determiner("your", "your", "ton", "ta", "tes", "ton", "ton")
HIS = Determiner("his", "his", "son", "sa", "ses", "son", "son")
HER = Determiner("her", "her", "son", "sa", "ses", "son", "son")
OUR = Determiner("our", "our", "notre", "notre", "nos", "notre", "notre")
YOUR_VOUS = Determiner("your", "your", "votre", "votre", "vos", "votre", "votre")
THEIR = Determiner("their", "their", "leur", "leur", "leurs", "leur", "leur")
COUNTED = tuple(
    Determiner("", number.en, "", "", number.fr, "", "") for number in words.NUMBERS[:8]
)
OWN = Determiner("own", "", "", "", "", "", "")  # stands for the possessive of the subject


@cache
def noun_phrase(
    determiner: Determiner,
    noun: Noun,
    plural: bool = False,
    adjective: Adjective | None = None,
    color: Adjective | None = None,
) -> Phrase:
    """A determiner, a noun and its adjectives, agreeing: un petit chat noir, de belles fleurs."""
    plural = plural or noun.kind == "plural"
    feminine = noun.feminine
    head = noun.fr_plural if plural else noun.fr
    before, after = "", color.form(feminine, plural) if color else ""
    if adjective and adjective.before:
        before = adjective.form(feminine, plural, head)
    elif adjective:
        after = adjective.form(feminine, plural)
    core = " ".join(filter(None, (before, head, after)))
    vowel = begins_with_vowel(core)
    if plural:
        french_word = determiner.plural
    elif feminine:
        french_word = determiner.feminine_vowel if vowel else determiner.feminine
    else:
        french_word = determiner.masculine_vowel if vowel else determiner.masculine
    if determiner in (A, SOME) and plural and before:
        french_word = "d'" if vowel else "de"
    fr = french_word + core if french_word.endswith("'") else f"{french_word} {core}"
    english_adjective = adjective.english(feminine) if adjective else ""
    english = (english_adjective, color.en if color else "", noun.en_plural if plural else noun.en)
    en = " ".join(filter(None, english))
    english_word = determiner.en_plural if plural else determiner.en
    if english_word == "a":
        english_word = article(en)
    fr_denied = elide(f"de {core}") if determiner in (A, SOME) else fr
    return Phrase(f"{english_word} {en}".strip(), fr.strip(), fr_denied, feminine, plural)


NOUN_ADJECTIVE_TABLES = {theme: Table(found) for theme, found in NOUN_ADJECTIVES.items()}


# ------------------------------------------------------------------ subjects


class Subject(NamedTuple):
    """Who a sentence is about, with all that its verb and adjectives must agree with."""

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


def third_person(phrase: Phrase) -> Subject:
    """A noun phrase as a subject."""
    person = THEY if phrase.plural else THIRD
    own = THEIR if phrase.plural else HER if phrase.feminine else HIS
    return Subject(phrase.en, phrase.fr, person, person, phrase.feminine, phrase.plural, own)


def named(name: str) -> Phrase:
    """A person by first name."""
    return Phrase(name, name, name, name in words.WOMEN)


NAMES = Table([
    named(name) for both in zip(words.MEN, words.WOMEN, strict=True) for name in both
])  # fmt: skip
FAMILY = Table(NOUNS["family"])
PERSONS = Table(NOUNS["person"])
FAMILY_DETERMINERS = Table([MY, YOUR, OUR, YOUR_VOUS, THEIR])
FRIENDLY_PLURALS = ("friend", "cousin", "brother", "sister", "neighbor", "colleague", "uncle")


# Brothers do not share a wife, and the corpus keeps to husbands of women and wives of men.
UNMARRIED = {"wife": (OUR, THEIR, HER), "husband": (OUR, THEIR, HIS)}


def relative(rng: Random, determiner: Determiner) -> Phrase:
    """Somebody's mother, brothers or friend."""
    noun = FAMILY.draw(rng)
    while determiner in UNMARRIED.get(noun.en, ()):
        noun = FAMILY.draw(rng)
    plural = noun.en in FRIENDLY_PLURALS and rng.random() < 0.2
    return noun_phrase(determiner, noun, plural)


def somebody(rng: Random, described: bool) -> Phrase:
    """A person named by what they are: the baker, this woman, the children, an old man."""
    noun = PERSONS.draw(rng)
    plural = rng.random() < 0.25
    determiner = THE if rng.random() < 0.8 else THIS
    adjective = person_adjective(rng, noun) if described and rng.random() < 0.3 else None
    return noun_phrase(determiner, noun, plural, adjective)


CHILDREN = frozenset({"child", "girl", "boy"})
NOT_OF_CHILDREN = frozenset({"young", "old", "rich", "famous", "handsome", "serious"})


def person_adjective(rng: Random, noun: Noun) -> Adjective:
    """What a person is like; no child is old or rich."""
    adjective = NOUN_ADJECTIVE_TABLES["person"].draw(rng)
    while noun.en in CHILDREN and adjective.en in NOT_OF_CHILDREN:
        adjective = NOUN_ADJECTIVE_TABLES["person"].draw(rng)
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


def subject(rng: Random) -> Subject:
    """Who the sentence is about: a pronoun twice in three times."""
    if rng.random() < 0.66:
        return PRONOUNS.draw(rng)
    return third_person(other_person(rng))


def pronoun(rng: Random) -> Subject:
    """A subject that can be turned around in a question; "je" is not turned around."""
    who = PRONOUNS.draw(rng)
    while who.fr == "je":
        who = PRONOUNS.draw(rng)
    return who


# ------------------------------------------------------------------ clauses


class Tense(Enum):
    """The tenses, each with one English wording."""

    PRESENT = auto()  # il mange: he is eating
    HABIT = auto()  # il mange souvent: he often eats
    PAST = auto()  # il a mangé: he ate
    IMPERFECT = auto()  # il mangeait: he was eating
    USED_TO = auto()  # avant, il mangeait: he used to eat
    SOON = auto()  # il va manger: he is going to eat
    FUTURE = auto()  # il mangera: he will eat
    CONDITIONAL = auto()  # il mangerait: he would eat


class Middle(NamedTuple):
    """A word beside the verb: pas, jamais, souvent; `ne` says that French denies with it."""

    en: str
    fr: str
    ne: bool


NOT = Middle("not", "pas", True)
NEVER = Middle("never", "jamais", True)
NO_LONGER = Middle("no longer", "plus", True)
PLAIN = Middle("", "", False)


class Predicate(NamedTuple):
    """A verb and what follows it; `clitic` is an object pronoun, which French puts before it."""

    verb: Verb
    en: str = ""
    fr: str = ""
    fr_denied: str = ""
    clitic: str = ""
    clitic_feminine: bool = False
    clitic_plural: bool = False


def spaced(*parts: str) -> str:
    """The parts that are not empty, with spaces between."""
    return " ".join([part for part in parts if part])


def predicate(the_verb: Verb, thing: Phrase | None = None) -> Predicate:
    """A verb with its object, if any."""
    if thing is None:
        return Predicate(the_verb)
    if the_verb.fr.tail == "besoin":
        return _needing(the_verb, thing)
    return Predicate(the_verb, thing.en, thing.fr, thing.fr_denied)


def _needing(the_verb: Verb, thing: Phrase) -> Predicate:
    """Avoir besoin swallows a partitive: besoin de + du pain -> besoin de pain."""
    swallowed = thing.fr.startswith(("du ", "de la ", "de l'", "des ", "de ", "d'"))
    fr = thing.fr_denied if swallowed else contract("de", thing.fr)
    return Predicate(the_verb, thing.en, fr, fr)


REFLEXIVE = ("me", "te", "se", "nous", "vous", "se")
ÊTRE, AVOIR, ALLER = french_verb("être"), french_verb("avoir"), french_verb("aller")


def french_infinitive(what: Predicate, person: int) -> str:
    """The infinitive with its pronoun: me lever, le voir."""
    clitic = REFLEXIVE[person] if what.verb.fr.reflexive else what.clitic
    return spaced(clitic, what.verb.fr.infinitive)


def french_participle(who: Subject, what: Predicate) -> str:
    """The participle, agreeing with the subject, or with an object that goes before."""
    the_verb = what.verb.fr
    if the_verb.with_être and not (the_verb.reflexive and the_verb.tail):
        return agree(the_verb.participle, who.feminine, who.plural)
    return agree(the_verb.participle, what.clitic_feminine, what.clitic_plural)


def inverted(form: str, pronoun: str) -> str:
    """The verb turned around its pronoun: parle-t-il, voulez-vous."""
    needs_t = form[-1] in "ae" and pronoun in ("il", "elle", "on")
    return f"{form}-t-{pronoun}" if needs_t else f"{form}-{pronoun}"


def french(
    who: Subject, what: Predicate, tense: Tense, middle: Middle = PLAIN, invert: bool = False
) -> str:
    """The French clause, before elision."""
    the_verb, person = what.verb.fr, who.fr_person
    clitic = REFLEXIVE[person] if the_verb.reflexive else what.clitic
    rest = ""
    if tense is Tense.SOON:
        form, clitic, rest = ALLER.present[person], "", french_infinitive(what, person)
    elif tense is Tense.PAST:
        form = (ÊTRE if the_verb.with_être else AVOIR).present[person]
        rest = french_participle(who, what)
    elif tense in (Tense.IMPERFECT, Tense.USED_TO):
        form = the_verb.imperfect[person]
    elif tense is Tense.FUTURE:
        form = the_verb.future[person]
    elif tense is Tense.CONDITIONAL:
        form = the_verb.conditional[person]
    else:
        form = the_verb.present[person]
    ne, tail = ("ne", what.fr_denied) if middle.ne else ("", what.fr)
    front = "" if invert else who.fr
    form = inverted(form, who.fr) if invert else form
    return spaced(front, ne, clitic, form, middle.fr, rest, the_verb.tail, tail)


def english_verb_parts(
    the_verb: Verb, person: int, tense: Tense, with_auxiliary: bool
) -> tuple[str, str]:
    """The auxiliary ("" in a plain statement) and the rest of the English verb."""
    en = the_verb.en
    simple = the_verb.aspect in ("state", "perception") or tense is Tense.HABIT
    if tense is Tense.SOON:
        return BE_PRESENT[person], f"going to {en.base}"
    if tense is Tense.FUTURE:
        return "will", en.base
    if tense is Tense.CONDITIONAL:
        return "would", en.base
    if tense is Tense.USED_TO:
        return "", f"used to {en.base}"
    past = tense in (Tense.PAST, Tense.IMPERFECT)
    if en.is_be:
        return (BE_PAST if past else BE_PRESENT)[person], en.base.removeprefix("be").strip()
    if not simple and tense is Tense.PRESENT:
        return BE_PRESENT[person], en.ing
    if not simple and tense is Tense.IMPERFECT:
        return BE_PAST[person], en.ing
    if with_auxiliary:
        return ("did" if past else DO[person]), en.base
    return "", en.past if past else en.third if person == THIRD else en.base


def english(
    who: Subject, what: Predicate, tense: Tense, middle: Middle = PLAIN, question: bool = False
) -> str:
    """The English clause; a question has its auxiliary before the subject."""
    parts = english_verb_parts(what.verb, who.en_person, tense, question or middle is NOT)
    auxiliary, rest = parts
    if question:
        return spaced(auxiliary, who.en, middle.en, rest, what.en)
    return spaced(who.en, auxiliary, middle.en, rest, what.en)


def clause(who: Subject, what: Predicate, tense: Tense, middle: Middle = PLAIN) -> Pair:
    """A statement in both languages."""
    return Pair(english(who, what, tense, middle), french(who, what, tense, middle))


def with_tail(said: Pair, tail: Pair | None) -> Pair:
    """A clause and what is said after it: when, where, with whom."""
    return Pair(f"{said.en} {tail.en}", f"{said.fr} {tail.fr}") if tail else said


# ------------------------------------------------------------------ frames: tense and time


class Frame(NamedTuple):
    """A tense, the word beside the verb, and the times that may follow (with what chance)."""

    tense: Tense
    middle: Middle = PLAIN
    times: Table[Pair] | None = None
    chance: float = 0.0

    def time(self, rng: Random) -> Pair | None:
        """A time phrase, or none."""
        return self.times.draw(rng) if self.times and rng.random() < self.chance else None


PAST_TIMES, FUTURE_TIMES = Table(words.PAST_TIMES), Table(words.FUTURE_TIMES)
NOT_SOON = Table([time for time in words.FUTURE_TIMES if time.en != "soon"])
HABIT_TIMES, NOW_TIMES = Table(words.HABIT_TIMES), Table(words.NOW_TIMES)
MIDDLES = Table([Middle(word.en, word.fr, False) for word in words.FREQUENCY])
FREQUENTLY = MIDDLES.items

_HABITS = [
    *((0.5 / rank, Frame(Tense.HABIT, often)) for rank, often in enumerate(FREQUENTLY, 1)),
    (0.7, Frame(Tense.HABIT, times=HABIT_TIMES, chance=1)),
    (0.45, Frame(Tense.HABIT, NEVER)),
    (0.2, Frame(Tense.HABIT, NO_LONGER)),
]
FRAMES: dict[words.Aspect, Table[Frame]] = {
    "action": weighted(
        (2.4, Frame(Tense.PRESENT, times=NOW_TIMES, chance=0.12)),
        (2.2, Frame(Tense.PAST, times=PAST_TIMES, chance=0.45)),
        (0.9, Frame(Tense.SOON, times=FUTURE_TIMES, chance=0.5)),
        (0.8, Frame(Tense.PRESENT, NOT)),
        (0.7, Frame(Tense.FUTURE, times=FUTURE_TIMES, chance=0.5)),
        (0.6, Frame(Tense.PAST, NOT, PAST_TIMES, 0.3)),
        (0.6, Frame(Tense.IMPERFECT)),
        (0.2, Frame(Tense.FUTURE, NOT, NOT_SOON, 0.3)),
        (0.2, Frame(Tense.SOON, NOT, NOT_SOON, 0.3)),
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


FAR_PAST, FAR_FUTURE = Table(words.FAR_PAST), Table(words.FAR_FUTURE)
RARE_TIMES = Table(words.RARE_TIMES)
FAR_FRAMES = weighted(
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


GIVING_FRAMES = weighted(
    (2.0, Frame(Tense.PRESENT)),
    (2.0, Frame(Tense.PAST, times=PAST_TIMES, chance=0.4)),
    (0.8, Frame(Tense.SOON, times=FUTURE_TIMES, chance=0.4)),
    (0.8, Frame(Tense.FUTURE, times=FUTURE_TIMES, chance=0.4)),
    (0.6, Frame(Tense.PRESENT, NOT)),
    (0.5, Frame(Tense.PAST, NOT)),
)  # fmt: skip
NEVER_DENIED = frozenset({"préférer", "espérer", "adorer"})
NO_HABIT = frozenset({"chercher", "prendre", "choisir", "construire", "cacher"})


def frame_for(rng: Random, the_verb: Verb) -> Frame:
    """A frame that suits the verb."""
    frame = FRAMES[the_verb.aspect].draw(rng)
    if frame.middle.ne and the_verb.fr.infinitive in NEVER_DENIED:
        return frame._replace(middle=PLAIN)
    if frame.tense is Tense.HABIT and the_verb.fr.infinitive in NO_HABIT:
        return Frame(Tense.PRESENT)
    return frame


# ------------------------------------------------------------------ objects and predicates

THINGS = {theme: Table(nouns) for theme, nouns in NOUNS.items()}
THING_STATE_TABLES = {theme: Table(found) for theme, found in THING_STATES.items()}
COLORS = Table(words.COLORS)
FUR = Table([color for color in words.COLORS if color.en in ("black", "white", "gray", "brown")])
COLORED = ("clothes", "vehicle", "animal", "garment")
# One eats, buys and breaks things that were not spoken of before, but opens the door.
_ONE, _MANY = False, True
DETERMINERS = weighted(
    (1.0, (A, _ONE)), (0.8, (THE, _ONE)), (0.6, (OWN, _ONE)), (0.25, (A, _MANY)),
    (0.2, (THIS, _ONE)), (0.2, (THE, _MANY)),
    *((0.06, (number, _MANY)) for number in COUNTED[:4]),
)  # fmt: skip
DEFINITE = weighted(
    (1.0, (THE, _ONE)), (0.25, (THIS, _ONE)), (0.15, (A, _ONE)), (0.1, (THE, _MANY)),
)  # fmt: skip
ONE_KNOWN = weighted((1.0, (THE, _ONE)), (0.25, (THIS, _ONE)), (0.2, (A, _ONE)))
ALWAYS_KNOWN = weighted((1.0, (THE, _ONE)), (0.2, (THIS, _ONE)))
EATEN = weighted(
    (1.0, (A, _MANY)), (0.8, (A, _ONE)), (0.15, (THE, _ONE)), (0.1, (THIS, _ONE)),
    *((0.08, (number, _MANY)) for number in COUNTED[:4]),
)  # fmt: skip
HABITUAL = weighted((1.0, (A, _MANY)))
POSSESSED = weighted(
    (1.0, (A, _ONE)), (0.2, (A, _MANY)), (0.1, (THE, _ONE)),
    *((0.3 / rank**2, (number, _MANY)) for rank, number in enumerate(COUNTED[:4], 1)),
)  # fmt: skip
MASS_DETERMINERS = weighted((1.0, SOME), (0.25, THE), (0.15, OWN), (0.05, THIS))
DEFINITE_THEMES = listed("""
explained, opening, room, building, sight, town, show, nature, lesson, sound, song, task, machine
contest, driven, furniture, container, paid, vessel
""")
THEME_DETERMINERS = {
    **dict.fromkeys(DEFINITE_THEMES, DEFINITE),
    **dict.fromkeys(("sound", "opening", "room", "machine", "paid", "explained"), ALWAYS_KNOWN),
    **dict.fromkeys(
        ("building", "sight", "furniture", "container", "vessel", "show", "driven"), ONE_KNOWN
    ),
    **dict.fromkeys(("food", "meal"), EATEN),
}


def thing(
    rng: Random,
    theme: str,
    who: Subject | None,
    among: Table[tuple[Determiner, bool]] | None = None,
) -> Phrase:
    """Something of a theme, with a determiner that suits it or from those given."""
    noun = THINGS[theme].draw(rng)
    if theme == "generic":
        return noun_phrase(ALL, noun)
    if noun.kind == "mass":
        determiner, plural = (SOME if among else MASS_DETERMINERS.draw(rng)), False
        if theme in ("sound", "paid", "task"):
            determiner = THE
    else:
        usual = THEME_DETERMINERS.get(theme, DETERMINERS)
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
    if noun.theme not in NOUN_ADJECTIVE_TABLES or (
        known and noun.theme in ("food", "drink", "reading", "show")
    ):
        return None
    return NOUN_ADJECTIVE_TABLES[noun.theme].draw(rng)


def color_for(rng: Random, theme: str) -> Adjective:
    """A colour; animals are not green."""
    return (FUR if theme == "animal" else COLORS).draw(rng)


LIKED_AS_SUCH = frozenset({"aimer", "adorer", "préférer", "détester"})


def liked(rng: Random, theme: str) -> Phrase:
    """What one likes in general: le café, les chats."""
    noun = THINGS[theme].draw(rng)
    return noun_phrase(ALL, noun, noun.kind == "count")


def person_for(rng: Random, who: Subject | None) -> Phrase:
    """A person as an object: a name, somebody's brother, one's own mother, the doctor."""
    if who and who.own and rng.random() < 0.3:
        return relative(rng, who.own)
    person = other_person(rng, True, who)
    while who and person.fr == who.fr:
        person = other_person(rng, True, who)
    return person


FOR_JOURNEYS = ("by plane", "by boat", "by train")
WITH_THING = Table(words.VERBS_WITH_THING)
WITH_PERSON = Table(words.VERBS_WITH_PERSON)
TO_PERSON = Table(words.VERBS_TO_PERSON)
GIVING = Table(words.VERBS_OF_GIVING)
ALONE = Table(words.VERBS_ALONE)
MOTION = Table(words.VERBS_OF_MOTION)
DESTINATIONS = Table([place for place in PLACES.values() if place.to])
TRANSPORT = Table([by for by in words.BY_TRANSPORT if by.en not in FOR_JOURNEYS])
COUNTRIES, CITIES = Table(words.COUNTRIES), Table(words.CITIES)


def doing_to_thing(
    rng: Random, who: Subject | None, row: words.VerbRow, habit: bool = False
) -> Predicate:
    """A verb and the thing it is done to; habits are about things in general."""
    theme = ranked(row.takes).draw(rng)
    if row.verb.fr.infinitive in LIKED_AS_SUCH:
        return predicate(row.verb, liked(rng, theme))
    among = HABITUAL if habit and theme not in DEFINITE_THEMES else None
    if row.verb.fr.infinitive == "avoir" and not row.verb.fr.tail:
        among = POSSESSED
    return predicate(row.verb, thing(rng, theme, who, among))


def near_place(rng: Random) -> Pair:
    """A place to go to on any day."""
    place = DESTINATIONS.draw(rng)
    return Pair(place.to, place.fr)


def far_place(rng: Random) -> Pair:
    """A country or a city to go to."""
    country = (COUNTRIES if rng.random() < 0.55 else CITIES).draw(rng)
    return Pair(f"to {country.en}", country.fr_in)


def doing_alone(rng: Random, where: float = 0.4) -> Predicate:
    """A verb without object, sometimes with its place: she is sleeping in the garden."""
    row = ALONE.draw(rng)
    if row.takes and rng.random() < where:
        place = PLACES[ranked(row.takes).draw(rng)]
        return Predicate(row.verb, place.at, place.fr, place.fr)
    return Predicate(row.verb)


def going(rng: Random, far: float = 0.25) -> Predicate:
    """Going somewhere: to school, to Japan."""
    to = far_place(rng) if rng.random() < far else near_place(rng)
    return Predicate(MOTION.draw(rng).verb, to.en, to.fr, to.fr)


ACTING_ROWS = Table([row for row in words.VERBS_WITH_THING if row.verb.aspect == "action"])


def acting(rng: Random, who: Subject | None) -> Predicate:
    """Anything that one can want to do, have to do or begin to do."""
    kind = rng.random()
    if kind < 0.45:
        return doing_to_thing(rng, who, ACTING_ROWS.draw(rng))
    if kind < 0.8:
        return doing_alone(rng, where=0.25)
    return going(rng)


# ------------------------------------------------------------------ patterns: doing

_ONE_THING = re.compile(r"\b(?:un|une) ")
_SOME_NUMBER = re.compile(r"\b(?:deux|trois|quatre|cinq|six|sept|huit|dix) ")


def deniable(what: Predicate) -> bool:
    """Whether it can well be denied: "il ne mange pas de gâteau" for one cake is not said so."""
    if _SOME_NUMBER.search(what.fr):
        return False
    return what.verb.fr.infinitive == "avoir" or not _ONE_THING.search(what.fr)


def say(rng: Random, who: Subject, what: Predicate, frames: Table[Frame] | None = None) -> Pair:
    """Somebody does something, in a tense that suits the verb or from those given."""
    frame = frames.draw(rng) if frames else frame_for(rng, what.verb)
    while frame.middle.ne and not deniable(what):
        frame = frames.draw(rng) if frames else frame_for(rng, what.verb)
    return with_tail(clause(who, what, frame.tense, frame.middle), frame.time(rng))


def done_to_thing(rng: Random) -> Pair:
    """Elle achète du pain. She is buying bread."""
    who, row = subject(rng), WITH_THING.draw(rng)
    frame = frame_for(rng, row.verb)
    habit = frame.tense is Tense.HABIT or (frame.middle.ne and rng.random() < 0.7)
    what = doing_to_thing(rng, who, row, habit)
    while frame.middle.ne and not deniable(what):
        what = doing_to_thing(rng, who, row, habit)
    return with_tail(clause(who, what, frame.tense, frame.middle), frame.time(rng))


def done_to_person(rng: Random) -> Pair:
    """Il attend sa mère. He is waiting for his mother."""
    who, row = subject(rng), WITH_PERSON.draw(rng)
    return say(rng, who, predicate(row.verb, person_for(rng, who)))


def said_to_person(rng: Random) -> Pair:
    """Nous parlons au professeur. We are talking to the teacher."""
    who, row = subject(rng), TO_PERSON.draw(rng)
    person = person_for(rng, who)
    fr = contract("à", person.fr)
    return say(rng, who, Predicate(row.verb, person.en, fr, fr))


OF_AGE = frozenset({"travailler", "fumer", "conduire", "cuisiner"})


def becoming(who: Subject, what: Predicate) -> bool:
    """Whether somebody may be doing this: children neither work nor smoke."""
    is_child = who.en.removesuffix(" who").endswith((" child", " children", " boy", " girl"))
    return not (is_child and what.verb.fr.infinitive in OF_AGE)


def done_alone(rng: Random) -> Pair:
    """Les enfants jouent dans le jardin. The children are playing in the garden."""
    who, what = subject(rng), doing_alone(rng)
    while not becoming(who, what):
        what = doing_alone(rng)
    return say(rng, who, what)


SHARED = Table(words.SHARED)


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
        what = moving_by(what, TRANSPORT.draw(rng))
    return say(rng, who, what)


TRAVEL = verb("travel", "voyager")
BY_PLANE = Pair("by plane", "en avion")
ON_THE_RAILS = listed("""
Paris, London, Rome, Lyon, Berlin, Madrid, Brussels, Geneva, Vienna, Italy, Spain, Germany, Belgium
Switzerland
""")


def travelled(rng: Random) -> Pair:
    """Elle ira au Japon en avion. She will go to Japan by plane."""
    who, what, frame = subject(rng), going(rng, far=1), FAR_FRAMES.draw(rng)
    if rng.random() < 0.25:
        country = COUNTRIES.draw(rng)
        what = Predicate(TRAVEL, f"in {country.en}", country.fr_in, country.fr_in)
    elif rng.random() < 0.2:
        by_train = what.en.removeprefix("to ") in ON_THE_RAILS
        what = moving_by(what, Pair("by train", "en train") if by_train else BY_PLANE)
    return with_tail(clause(who, what, frame.tense, frame.middle), frame.time(rng))


def moving_by(what: Predicate, by: Pair) -> Predicate:
    """Going by some means: en train, à pied."""
    fr = f"{what.fr} {by.fr}"
    return what._replace(en=f"{what.en} {by.en}", fr=fr, fr_denied=fr)


class Clitic(NamedTuple):
    """An object pronoun: French, English, the person it is, and its gender and number."""

    fr: str
    en: str
    person: int
    feminine: bool = False
    plural: bool = False


DIRECT = weighted(
    (1.0, Clitic("me", "me", ME)), (0.9, Clitic("le", "him", THIRD)),
    (0.7, Clitic("la", "her", THIRD, True)), (0.6, Clitic("te", "you", YOU)),
    (0.6, Clitic("les", "them", THEY, False, True)), (0.5, Clitic("nous", "us", WE, False, True)),
    (0.4, Clitic("vous", "you", YOU_ALL, False, True)),
)  # fmt: skip
INDIRECT = weighted(
    (1.0, Clitic("me", "me", ME)), (0.8, Clitic("lui", "him", THIRD)),
    (0.6, Clitic("te", "you", YOU)), (0.5, Clitic("leur", "them", THEY)),
    (0.5, Clitic("nous", "us", WE)), (0.4, Clitic("vous", "you", YOU_ALL)),
)  # fmt: skip
FIRST, SECOND = (ME, WE), (YOU, YOU_ALL)


def different(clitic: Clitic, who: Subject) -> bool:
    """Whether object and subject are two people: not "je me vois", not "nous m'aidons"."""
    same_side = any(
        clitic.person in side and person in side
        for side in (FIRST, SECOND)
        for person in (who.en_person, who.fr_person)
    )
    return not same_side


def seen(rng: Random) -> Pair:
    """Je l'attends, elle nous a vus. I am waiting for her, she saw us."""
    who, row, clitic = subject(rng), WITH_PERSON.draw(rng), DIRECT.draw(rng)
    while not different(clitic, who):
        clitic = DIRECT.draw(rng)
    if clitic.fr in ("le", "la") and begins_with_vowel(row.verb.fr.infinitive):
        # "L'" alone would hide whether it is him or her.
        clitic = Clitic("les", "them", THEY, False, True)
    what = Predicate(row.verb, clitic.en, "", "", clitic.fr, clitic.feminine, clitic.plural)
    return say(rng, who, what)


def spoken_to(rng: Random) -> Pair:
    """Elle me parle souvent. She often talks to me."""
    who, row, clitic = subject(rng), TO_PERSON.draw(rng), INDIRECT.draw(rng)
    while not different(clitic, who):
        clitic = INDIRECT.draw(rng)
    if row.verb.fr.infinitive == "penser":
        row = TO_PERSON.items[0]
    return say(rng, who, Predicate(row.verb, clitic.en, "", "", clitic.fr))


GIFTS = weighted((1.0, (A, _ONE)), (0.8, (THE, _ONE)), (0.5, (OWN, _ONE)), (0.2, (THIS, _ONE)))
SHARED_OUT = frozenset({"food", "drink"})


def gift_for(rng: Random, row: words.VerbRow, who: Subject | None) -> Phrase:
    """What is given, shown or lent: one thing, but food in any number."""
    theme = ranked(row.takes).draw(rng)
    if theme in SHARED_OUT or theme in DEFINITE_THEMES:
        return thing(rng, theme, who)
    return thing(rng, theme, who, GIFTS)


def given_to(rng: Random) -> Pair:
    """Il donne un livre à sa sœur. He is giving a book to his sister."""
    who, row = subject(rng), GIVING.draw(rng)
    gift = gift_for(rng, row, who)
    person = person_for(rng, who)
    en, to = f"{gift.en} to {person.en}", contract("à", person.fr)
    what = Predicate(row.verb, en, f"{gift.fr} {to}", f"{gift.fr_denied} {to}")
    return say(rng, who, what, GIVING_FRAMES)


def given(rng: Random) -> Pair:
    """Elle nous montre une photo. She is showing us a picture."""
    who, row, clitic = subject(rng), GIVING.draw(rng), INDIRECT.draw(rng)
    while not different(clitic, who) or row.verb.fr.infinitive == "expliquer":
        row, clitic = GIVING.draw(rng), INDIRECT.draw(rng)
    gift = gift_for(rng, row, who)
    what = Predicate(row.verb, f"{clitic.en} {gift.en}", gift.fr, gift.fr_denied, clitic.fr)
    return say(rng, who, what, GIVING_FRAMES)


THERE_TENSES = weighted((1.0, Tense.PRESENT), (0.6, Tense.SOON), (0.4, Tense.FUTURE))


def gone_there(rng: Random) -> Pair:
    """J'y vais demain. I am going there tomorrow."""
    who, go = subject(rng), MOTION.items[0].verb
    tense = THERE_TENSES.draw(rng)
    said = clause(who, Predicate(go, "there", "", "", "y"), tense)
    if tense is Tense.FUTURE:  # "j'y irai" is not said: two i's meet
        said = clause(who, Predicate(MOTION.items[2].verb, "there", "", "", "y"), tense)
    return with_tail(said, FUTURE_TIMES.draw(rng) if rng.random() < 0.8 else None)


HOURS = Table(words.HOURS)
DAILY = Table([
    (daily_verb, Table([words.HOURS[index] for index in hours]))
    for daily_verb, hours in words.DAILY
])  # fmt: skip


DAILY_FRAMES = weighted(
    (2.0, Frame(Tense.HABIT)), (0.5, Frame(Tense.HABIT, FREQUENTLY[0])),
    (0.2, Frame(Tense.HABIT, FREQUENTLY[1])), (0.1, Frame(Tense.HABIT, FREQUENTLY[2])),
    (1.0, Frame(Tense.PAST)), (0.5, Frame(Tense.SOON)), (0.4, Frame(Tense.FUTURE)),
)  # fmt: skip


def at_hour(hour: Pair) -> Pair:
    """À huit heures: at eight o'clock."""
    return Pair(f"at {hour.en}", f"à {hour.fr}")


def daily(rng: Random) -> Pair:
    """Je me lève à sept heures. I get up at seven o'clock."""
    who, (daily_verb, hours) = subject(rng), DAILY.draw(rng)
    what, frame = Predicate(daily_verb), DAILY_FRAMES.draw(rng)
    return with_tail(clause(who, what, frame.tense, frame.middle), at_hour(hours.draw(rng)))


def used_to(rng: Random) -> Pair:
    """Avant, il travaillait à Paris. Before, he used to work in Paris."""
    who, what = subject(rng), doing_alone(rng)
    said = clause(who, what, Tense.USED_TO)
    return Pair(f"before, {said.en}", f"avant, {said.fr}")


BODY = evenly([
    (french_verb("se laver"), "wash", "hands", "les mains"),
    (french_verb("se laver"), "wash", "hair", "les cheveux"),
    (french_verb("se brosser"), "brush", "teeth", "les dents"),
])  # fmt: skip


def wash(rng: Random) -> Pair:
    """Je me lave les mains. I am washing my hands."""
    who = subject(rng)
    while who.own is None:
        who = subject(rng)
    reflexive, en, part, fr = BODY.draw(rng)
    the_verb = verb(en, f"se {reflexive.infinitive} {fr}")
    return say(rng, who, Predicate(the_verb, f"{who.own.en} {part}"))


# ------------------------------------------------------------------ patterns: wanting, having to


class Modal(NamedTuple):
    """A verb before an infinitive: what links them in French, and the English verb phrase."""

    verb: Verb
    link: str = ""


MODALS = weighted(
    (1.0, Modal(verb("want to", "vouloir"))),
    (0.5, Modal(verb("like to", "aimer"))),
    (0.3, Modal(verb("know how to", "savoir"))),
    (0.25, Modal(verb("prefer to", "préférer"))),
    (0.2, Modal(verb("hope to", "espérer"))),
)
LINKED = weighted(
    (0.8, Modal(verb("begin to", "commencer"), "à")),
    (0.8, Modal(verb("try to", "essayer"), "de")),
    (0.6, Modal(verb("forget to", "oublier"), "de")),
    (0.5, Modal(verb("decide to", "décider"), "de")),
    (0.4, Modal(verb("learn to", "apprendre"), "à")),
    (0.4, Modal(verb("continue to", "continuer"), "à")),
    (0.3, Modal(verb("refuse to", "refuser"), "de")),
)


SKILLS = Table(words.SKILLS)


def linked(modal: Modal, who: Subject, what: Predicate) -> Predicate:
    """A modal verb and an infinitive as one predicate."""
    bare = french_infinitive(what, who.fr_person)

    def tail(rest: str) -> str:
        return elide(spaced(modal.link, bare, what.verb.fr.tail, rest))

    en = spaced(what.verb.en.base, what.en)
    return Predicate(modal.verb, en, tail(what.fr), tail(what.fr_denied))


def wanted(rng: Random) -> Pair:
    """Elle veut acheter une voiture. She wants to buy a car."""
    who, modal = subject(rng), MODALS.draw(rng)
    if modal.verb.fr.infinitive == "savoir":
        return say(rng, who, linked(modal, who, Predicate(SKILLS.draw(rng))))
    return say(rng, who, linked(modal, who, acting(rng, who)))


def tried(rng: Random) -> Pair:
    """Il essaie d'ouvrir la porte. He is trying to open the door."""
    who, modal = subject(rng), LINKED.draw(rng)
    if modal.verb.fr.infinitive == "apprendre":
        what = Predicate(SKILLS.draw(rng))
    elif modal.verb.fr.infinitive == "continuer" or rng.random() < 0.5:
        what = doing_alone(rng, where=0.15)
    else:
        what = doing_to_thing(rng, who, ACTING_ROWS.draw(rng))
    return say(rng, who, linked(modal, who, what))


class Power(NamedTuple):
    """A French verb in one tense that English puts with one fixed auxiliary."""

    en: str
    fr: str
    tense: Tense


POWERS = weighted(
    (1.0, Power("can", "pouvoir", Tense.PRESENT)),
    (0.9, Power("must", "devoir", Tense.PRESENT)),
    (0.3, Power("should", "devoir", Tense.CONDITIONAL)),
    (0.3, Power("could", "pouvoir", Tense.IMPERFECT)),
)


def able(rng: Random) -> Pair:
    """Je ne peux pas dormir, tu dois partir. I cannot sleep, you must leave."""
    who, power = subject(rng), POWERS.draw(rng)
    what = linked(Modal(verb(power.en, power.fr)), who, acting(rng, who))
    middle = NOT if rng.random() < 0.3 and deniable(what) else PLAIN
    said = spaced(who.en, power.en, middle.en, what.en).replace("can not", "cannot")
    return Pair(said, french(who, what, power.tense, middle))


IT = Subject("it", "il", THIRD, THIRD, False, False, None, True)


def needed(rng: Random) -> Pair:
    """Il faut fermer la porte, il ne faut pas fumer. We have to close the door."""
    what = impersonal_action(rng)
    bare = spaced(what.verb.fr.infinitive, what.verb.fr.tail)
    en = spaced(what.verb.en.base, what.en)
    if rng.random() < 0.3 and deniable(what):
        return Pair(f"we must not {en}", f"il ne faut pas {spaced(bare, what.fr_denied)}")
    return Pair(f"we have to {en}", f"il faut {spaced(bare, what.fr)}")


def impersonal_action(rng: Random) -> Predicate:
    """An action with no "one's own" in it and no reflexive pronoun."""
    what = acting(rng, None)
    while what.verb.fr.reflexive:
        what = acting(rng, None)
    return what


FINISHING = Table([
    row
    for row in (*words.VERBS_ALONE, *words.VERBS_WITH_THING)
    if row.verb.en.base
    in ("arrive", "leave", "buy", "find", "get up", "wake up", "eat", "close", "open", "wash",
        "finish", "repair", "sell", "break", "receive", "lose", "take the train", "see")
])  # fmt: skip


def just_done(rng: Random) -> Pair:
    """Il vient de partir. He just left."""
    who = subject(rng)
    row = FINISHING.draw(rng)
    what = doing_to_thing(rng, who, row) if row in words.VERBS_WITH_THING else Predicate(row.verb)
    bare = spaced(french_infinitive(what, who.fr_person), what.verb.fr.tail, what.fr)
    come = french_verb("venir").present[who.fr_person]
    return Pair(
        spaced(who.en, "just", what.verb.en.past, what.en), f"{who.fr} {come} {elide('de ' + bare)}"
    )


def would_like(rng: Random) -> Pair:
    """Je voudrais un café. I would like a coffee."""
    who = subject(rng)
    if who.fr_person in (YOU, YOU_ALL):  # nobody is told what they would like
        who = PRONOUNS.items[0]
    wish = verb("like", "vouloir")
    if rng.random() < 0.5:
        theme = ranked(("drink", "food", "thing", "clothes")).draw(rng)
        what = predicate(wish, thing(rng, theme, None))
    else:
        what = linked(Modal(verb("like to", "vouloir")), who, acting(rng, who))
    return clause(who, what, Tense.CONDITIONAL)


PURPOSES = {key: Table(words.pairs(table)) for key, table in words.PURPOSES.items()}
PURPOSE_PLACES = Table(PURPOSES)
PURPOSE_TENSES = weighted((1.0, Tense.PRESENT), (0.8, Tense.PAST), (0.4, Tense.SOON))


def for_purpose(rng: Random) -> Pair:
    """Elle va au marché pour acheter du pain. She is going to the market to buy bread."""
    who, key = subject(rng), PURPOSE_PLACES.draw(rng)
    place, purpose = PLACES[key], PURPOSES[key].draw(rng)
    tense = PURPOSE_TENSES.draw(rng)
    said = clause(who, Predicate(MOTION.items[0].verb, place.to, place.fr), tense)
    bare = purpose.fr.replace("se ", REFLEXIVE[who.fr_person] + " ")
    return with_tail(said, Pair(f"to {purpose.en}", f"pour {bare}"))


def feel_like(rng: Random) -> Pair:
    """J'ai envie de dormir. I feel like sleeping."""
    who = subject(rng)
    what = acting(rng, who)
    bare = elide(spaced("de", french_infinitive(what, who.fr_person), what.verb.fr.tail, what.fr))
    denied = elide(
        spaced("de", french_infinitive(what, who.fr_person), what.verb.fr.tail, what.fr_denied)
    )
    feeling = verb("feel like", "avoir envie")
    en = spaced(what.verb.en.ing, what.en)
    middle = NOT if rng.random() < 0.5 and deniable(what) else PLAIN
    return clause(who, Predicate(feeling, en, bare, denied), Tense.PRESENT, middle)


# ------------------------------------------------------------------ patterns: being

FEELINGS, TRAITS = Table(words.FEELINGS), Table(words.TRAITS)
NATIONALITIES = Table(words.NATIONALITIES)
PROFESSIONS = Table(words.professions())
DEGREES = weighted(
    (5.0, Pair("", "")), (1.0, Pair("very", "très")), (0.4, Pair("too", "trop")),
    (0.4, Pair("a little", "un peu")), (0.2, Pair("really", "vraiment")),
)  # fmt: skip
NO_DEGREE = Pair("", "")
BE_FRAMES = weighted(
    (4.0, Frame(Tense.PRESENT)), (1.2, Frame(Tense.PRESENT, NOT)), (1.2, Frame(Tense.IMPERFECT)),
    (0.4, Frame(Tense.IMPERFECT, NOT)), (0.3, Frame(Tense.FUTURE)),
    (0.3, Frame(Tense.PRESENT, NO_LONGER)),
    *((0.3 / rank, Frame(Tense.PRESENT, often)) for rank, often in enumerate(FREQUENTLY, 1)),
    (0.1, Frame(Tense.PRESENT, NEVER)),
)  # fmt: skip
BE = verb("be", "être")


def being(who: Subject, adjective: Adjective, degree: Pair = NO_DEGREE) -> Predicate:
    """To be something, agreeing: elle est très contente."""
    fr = spaced(degree.fr, adjective.form(who.feminine, who.plural))
    return Predicate(BE, spaced(degree.en, adjective.english(who.feminine)), fr, fr)


def felt(rng: Random) -> Pair:
    """Elle est un peu fatiguée. She is a little tired."""
    who, frame = subject(rng), BE_FRAMES.draw(rng)
    degree = DEGREES.draw(rng) if not frame.middle.fr or frame.middle is NOT else NO_DEGREE
    adjective = FEELINGS.draw(rng)
    if adjective.en in GRADELESS or (degree.fr == "trop" and adjective.masculine[:3] == "en "):
        degree = NO_DEGREE
    if degree.fr == "un peu" and (frame.middle is NOT or adjective.en not in UNPLEASANT):
        degree = NO_DEGREE
    return clause(who, being(who, adjective, degree), frame.tense, frame.middle)


# One is "a little tired", but not "a little happy".
UNPLEASANT = listed(
    "tired, sad, sick, late, worried, nervous, jealous, disappointed, surprised, busy"
)
GRADELESS = listed("ready, lost, absent, early, alone, free, furious, married, single, dead")
TRAIT_FRAMES = weighted(
    (4.0, Frame(Tense.PRESENT)), (1.0, Frame(Tense.PRESENT, NOT)), (1.0, Frame(Tense.IMPERFECT)),
)  # fmt: skip


def is_like(rng: Random) -> Pair:
    """Mon frère est très grand. My brother is very tall."""
    who, frame, adjective = subject(rng), TRAIT_FRAMES.draw(rng), TRAITS.draw(rng)
    degree = DEGREES.draw(rng)
    if degree.fr == "un peu" or adjective.en in GRADELESS:
        degree = NO_DEGREE
    return clause(who, being(who, adjective, degree), frame.tense, frame.middle)


def acquaintance(rng: Random) -> Subject:
    """Somebody not already called by what they do: "le boulanger est avocat" is odd."""
    if rng.random() < 0.6:
        return PRONOUNS.draw(rng)
    if rng.random() < 0.5:
        return third_person(NAMES.draw(rng))
    return third_person(relative(rng, FAMILY_DETERMINERS.draw(rng)))


def works_as(rng: Random) -> Pair:
    """Elle est infirmière, il veut devenir médecin. She is a nurse."""
    who, job = acquaintance(rng), PROFESSIONS.draw(rng)
    en = job.en_feminine if who.feminine else job.en
    fr = job.fr_feminine if who.feminine else job.fr
    if who.plural:
        en, fr = words.plural_s(en), words.french_plural(fr)
    else:
        en = f"{article(en)} {en}"
    kind = rng.random()
    if kind < 0.7:
        frame = TRAIT_FRAMES.draw(rng)
        return clause(who, Predicate(BE, en, fr, fr), frame.tense, frame.middle)
    if kind < 0.85:
        return clause(
            who, Predicate(verb("want to become", "vouloir devenir"), en, fr), Tense.PRESENT
        )
    become = verb("become", "devenir")
    tense = Tense.PAST if rng.random() < 0.6 else Tense.FUTURE
    return clause(who, Predicate(become, en, fr), tense)


def comes_from(rng: Random) -> Pair:
    """Il vient du Japon, elle est anglaise. He comes from Japan, she is English."""
    who = subject(rng)
    if rng.random() < 0.5:
        return clause(who, being(who, NATIONALITIES.draw(rng)), Tense.PRESENT)
    country = (COUNTRIES if rng.random() < 0.6 else CITIES).draw(rng)
    what = Predicate(verb("come from", "venir"), country.en, country.fr_from, country.fr_from)
    return clause(who, what, Tense.HABIT)


LIVE = verb("live", "habiter")


def where_one_lives(rng: Random) -> Pair:
    """A country, city or kind of place to live in."""
    kind = rng.random()
    if kind < 0.75:
        country = (COUNTRIES if kind < 0.35 else CITIES).draw(rng)
        return Pair(f"in {country.en}", country.fr_in)
    en, fr = HOMES.draw(rng)
    return Pair(en, fr)


HOMES = Table(words.pairs("""
in town = en ville, in the country = à la campagne, in a big house = dans une grande maison
here = ici, in a small apartment = dans un petit appartement, near the sea = près de la mer
in a small village = dans un petit village, near the station = près de la gare
"""))  # fmt: skip


def lives(rng: Random) -> Pair:
    """Ma tante habite en Italie. My aunt lives in Italy."""
    who, where = subject(rng), where_one_lives(rng)
    return say(rng, who, Predicate(LIVE, where.en, where.fr, where.fr))


IDIOMS = Table([row.verb for row in words.AVOIR_IDIOMS])


def avoir_idiom(rng: Random) -> Pair:
    """J'ai faim. I am hungry."""
    who, frame = subject(rng), BE_FRAMES.draw(rng)
    return clause(who, Predicate(IDIOMS.draw(rng)), frame.tense, frame.middle)


def afraid(rng: Random) -> Pair:
    """Il a peur du chien. He is afraid of the dog."""
    who, what = subject(rng), FEARED.draw(rng)
    frame = TRAIT_FRAMES.draw(rng)
    fr = contract("de", what.fr)
    return clause(
        who, Predicate(verb("be afraid", "avoir peur"), f"of {what.en}", fr, fr), *frame[:2]
    )


FEARED = Table([
    *(noun_phrase(THE, noun) for noun in NOUNS["animal"][:4]),
    *(noun_phrase(THE, noun) for noun in NOUNS["wild"]),
    *(noun_phrase(ALL, noun, plural=True) for noun in NOUNS["animal"] + NOUNS["wild"]),
])  # fmt: skip


NUMBERS = Table(words.NUMBERS)
TENS = listed("twenty, thirty, forty, fifty")
YOUNG = listed("""
brother, sister, son, daughter, cousin, nephew, niece, child, boy, girl, brothers, sisters, cousins
children, boys, girls
""")
AGES_OF_CHILDREN = Table([age for age in words.NUMBERS if age.en not in TENS])
AGES_OF_ADULTS = Table([age for age in words.NUMBERS if age.en in TENS])


def years_old(rng: Random) -> Pair:
    """Ma fille a dix ans. My daughter is ten years old."""
    who = subject(rng)
    young = who.is_pronoun or who.en.split()[-1] in YOUNG
    number = (AGES_OF_CHILDREN if young else AGES_OF_ADULTS).draw(rng)
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


STATE_THEMES = Table(listed("""
thing, clothes, building, vehicle, meal, animal, food, reading, garment, wild, room, show, opening
lesson, furniture, drink, container, town, dish, nature
"""))  # fmt: skip
DEFINITE_OR_OWNED = weighted(
    (1.0, THE), (0.5, MY), (0.4, THIS), (0.25, YOUR), (0.2, OUR), (0.2, YOUR_VOUS), (0.15, THEIR),
)  # fmt: skip
JUST_THE = weighted((1.0, THE), (0.4, THIS))


def definite(rng: Random, theme: str) -> tuple[Phrase, Noun]:
    """Something known: the house, your shoes, this book."""
    noun = THINGS[theme].draw(rng)
    own = theme in ("thing", "clothes", "vehicle", "furniture", "reading", "printed", "animal")
    determiner = (DEFINITE_OR_OWNED if own else JUST_THE).draw(rng)
    plural = noun.kind == "count" and rng.random() < 0.2
    return noun_phrase(determiner, noun, plural), noun


def is_thus(rng: Random) -> Pair:
    """La porte est ouverte. The door is open."""
    theme = STATE_THEMES.draw(rng)
    phrase, _ = definite(rng, theme)
    who, frame = third_person(phrase), TRAIT_FRAMES.draw(rng)
    degree = DEGREES.draw(rng)
    adjective = THING_STATE_TABLES[theme].draw(rng)
    if degree.fr == "un peu" or adjective.en in THING_GRADELESS:
        degree = NO_DEGREE
    return clause(who, being(who, adjective, degree), frame.tense, frame.middle)


THING_GRADELESS = listed("open, closed, broken, empty, full, ready, over, delicious")


def is_colored(rng: Random) -> Pair:
    """Sa robe est rouge. Her dress is red."""
    theme = Table(COLORED).draw(rng)
    phrase, _ = definite(rng, theme)
    who, frame = third_person(phrase), TRAIT_FRAMES.draw(rng)
    return clause(who, being(who, color_for(rng, theme)), frame.tense, frame.middle)


def there_is(rng: Random) -> Pair:
    """Il y a deux chats dans le jardin. There are two cats in the garden."""
    what, where = located(rng)
    past, denied = rng.random() < 0.25, rng.random() < 0.2 and what.fr != what.fr_denied
    be = ("were" if past else "are") if what.plural else ("was" if past else "is")
    avoir = "avait" if past else "a"
    if denied and not what.plural:
        no = what.en.removeprefix("a ").removeprefix("an ")
        return Pair(
            f"there {be} no {no} {where.en}", f"il n'y {avoir} pas {what.fr_denied} {where.fr}"
        )
    return Pair(f"there {be} {what.en} {where.en}", f"il y {avoir} {what.fr} {where.fr}")


# Kinds of things, and where they may be.
SCENES = weighted(
    (1.0, ("thing, printed", """
on the table = sur la table, in the bag = dans le sac, on the desk = sur le bureau
in the drawer = dans le tiroir, under the bed = sous le lit, on the chair = sur la chaise
on the shelf = sur l'étagère""")),
    (0.8, ("person, people_count", """
in the street = dans la rue, in the park = au parc, in front of the door = devant la porte
at the station = à la gare, in the garden = dans le jardin, on the bus = dans le bus""")),
    (0.6, ("animal", """
in the garden = dans le jardin, at the farm = à la ferme, in the field = dans le champ
behind the house = derrière la maison""")),
    (0.6, ("food, drink", """
on the table = sur la table, in the kitchen = dans la cuisine, in the fridge = dans le frigo
in the basket = dans le panier""")),
    (0.5, ("pet", """
under the table = sous la table, on the bed = sur le lit, in the kitchen = dans la cuisine
in the garden = dans le jardin""")),
    (0.5, ("dish, container", """
on the table = sur la table, in the kitchen = dans la cuisine, on the shelf = sur l'étagère""")),
    (0.5, ("building", """
in this street = dans cette rue, in this city = dans cette ville, near here = près d'ici
in the village = dans le village, next to the station = à côté de la gare
near the park = près du parc""")),
    (0.3, ("furniture", """
in the bedroom = dans la chambre, in the living room = dans le salon
in the kitchen = dans la cuisine""")),
    (0.3, ("nature", """
near here = près d'ici, behind the house = derrière la maison
near the village = près du village""")),
)  # fmt: skip
SCENE_THEMES = {scene: Table(listed(scene[0])) for scene in SCENES.items}
SCENE_WHERE = {scene: Table(words.pairs(scene[1])) for scene in SCENES.items}


A_OR_COUNTED = Table([A, *COUNTED])


def located(rng: Random) -> tuple[Phrase, Pair]:
    """Something and a likely place for it: a key, in the drawer."""
    scene = SCENES.draw(rng)
    noun = THINGS[SCENE_THEMES[scene].draw(rng)].draw(rng)
    where = SCENE_WHERE[scene].draw(rng)
    while noun.en in where.en:  # no bag is in the bag
        where = SCENE_WHERE[scene].draw(rng)
    if noun.kind == "mass":
        return noun_phrase(SOME, noun), where
    if noun.kind == "plural" or rng.random() < 0.5:
        return noun_phrase(A, noun), where
    determiner = A_OR_COUNTED.draw(rng)
    return noun_phrase(determiner, noun, plural=True), where


def where_it_is(rng: Random) -> Pair:
    """Les clés sont sur la table. The keys are on the table."""
    scene = SCENES.draw(rng)
    theme = SCENE_THEMES[scene].draw(rng)
    phrase, noun = definite(rng, theme)
    where = SCENE_WHERE[scene].draw(rng)
    while noun.en in where.en:
        where = SCENE_WHERE[scene].draw(rng)
    who, frame = third_person(phrase), TRAIT_FRAMES.draw(rng)
    return clause(who, Predicate(BE, where.en, where.fr, where.fr), frame.tense, frame.middle)


def where_one_is(rng: Random) -> Pair:
    """Paul est au bureau. Paul is at the office."""
    who, place, frame = subject(rng), DESTINATIONS.draw(rng), BE_FRAMES.draw(rng)
    what = Predicate(BE, place.at, place.fr, place.fr)
    return clause(who, what, frame.tense, frame.middle)


SHOWN = weighted((1.0, A), (0.5, MY), (0.3, YOUR), (0.2, THE), (0.2, OUR))


def this_is(rng: Random) -> Pair:
    """C'est un beau livre, ce n'est pas ma voiture. This is a beautiful book."""
    theme = ranked(("thing", "building", "clothes", "reading", "animal", "vehicle", "person")).draw(
        rng
    )
    noun = THINGS[theme].draw(rng)
    plural = noun.kind == "plural" or (noun.kind == "count" and rng.random() < 0.15)
    determiner = SHOWN.draw(rng)
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
        return Pair(
            f"these are not {phrase.en}" if plural else f"this is not {phrase.en}",
            f"ce ne sont pas {phrase.fr}" if plural else f"ce n'est pas {phrase.fr}",
        )
    if plural:
        return Pair(f"these are {phrase.en}", f"ce sont {phrase.fr}")
    return Pair(f"this is {phrase.en}", f"c'est {phrase.fr}")


def whose(rng: Random) -> Pair:
    """C'est la voiture de Paul. This is Paul's car."""
    noun = THINGS[ranked(("thing", "vehicle", "clothes", "animal")).draw(rng)].draw(rng)
    thing_owned = noun_phrase(THE, noun)
    owner = NAMES.draw(rng) if rng.random() < 0.6 else relative(rng, MY)
    en = thing_owned.en.removeprefix("the ")
    mark = "'" if owner.en.endswith("s") and owner.plural else "'s"
    start = Pair("these are", "ce sont") if thing_owned.plural else Pair("this is", "c'est")
    return Pair(
        f"{start.en} {owner.en}{mark} {en}",
        f"{start.fr} {thing_owned.fr} {contract('de', owner.fr)}",
    )


IT_IS = Table(words.pairs("""
important = important, difficult = difficile, easy = facile, possible = possible, true = vrai
interesting = intéressant, too late = trop tard, very good = très bon, dangerous = dangereux
strange = étrange, not far away = tout près, wonderful = merveilleux, impossible = impossible
necessary = nécessaire, useful = utile, expensive = cher, over = fini, perfect = parfait
"""))  # fmt: skip
IT_BE = Table(words.pairs("it is = c'est, it was = c'était, it is not = ce n'est pas"))
IT_IS_TO = Table(words.pairs("""
important = important, difficult = difficile, easy = facile, possible = possible
dangerous = dangereux, useful = utile, impossible = impossible, necessary = nécessaire
pleasant = agréable
"""))  # fmt: skip


def it_is(rng: Random) -> Pair:
    """C'est facile, il est important de dormir. It is easy, it is important to sleep."""
    if rng.random() < 0.25:
        state = IT_IS.draw(rng)
        be = IT_BE.draw(rng)
        return Pair(f"{be.en} {state.en}", f"{be.fr} {state.fr}")
    state, what = IT_IS_TO.draw(rng), impersonal_action(rng)
    bare = spaced(what.verb.fr.infinitive, what.verb.fr.tail, what.fr)
    return Pair(
        spaced("it is", state.en, "to", what.verb.en.base, what.en),
        f"il est {state.fr} {elide('de ' + bare)}",
    )


COMPARED_PEOPLE = Table(words.compared(words.COMPARED_PEOPLE))
COMPARED_THINGS = {
    theme: Table(words.compared(table)) for theme, table in words.COMPARED_THINGS.items()
}
THAN = Table(
    words.pairs("me = moi, him = lui, you = toi, her = elle, us = nous, them = eux, you = vous")
)


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
        than = THAN.draw(rng)
        if rng.random() < 0.5:
            person = person_for(rng, who)
            than = Pair(person.en, person.fr)
        while than.fr in SELF[who.fr] if who.fr in SELF else than.fr == who.fr:
            than = THAN.draw(rng)
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


# Whom a pronoun subject is not compared with: itself, or a group it is in.
SELF = {
    "je": ("moi", "nous"), "tu": ("toi", "vous"), "il": ("lui",), "elle": ("elle",),
    "nous": ("nous", "moi"), "on": ("nous", "moi"), "vous": ("vous", "toi"),
    "ils": ("eux",), "elles": ("eux",),
}  # fmt: skip


def best(rng: Random) -> Pair:
    """C'est la plus grande maison du village. This is the biggest house in the village."""
    theme = ranked(("building", "town", "animal", "vehicle")).draw(rng)
    noun, found = THINGS[theme].draw(rng), COMPARED_THINGS[theme].draw(rng)
    form = found.adjective.form(noun.feminine, False, noun.fr)
    areas = AREAS if theme in ("building", "town") else FARMS
    area = areas.draw(rng)
    while noun.en in area.en:  # no country is the biggest "in the country"
        area = areas.draw(rng)
    le = "la" if noun.feminine else "le"
    after = found.adjective.masculine in ("rapide", "haut", "calme", "lourd", "léger")
    core = f"{le} {noun.fr} {le} plus {form}" if after else f"{le} plus {form} {noun.fr}"
    core = elide(core)
    return Pair(f"this is the {found.most} {noun.en} in {area.en}", f"c'est {core} {area.fr}")


AREAS = Table(words.pairs("""
the country = du pays, the world = du monde, France = de France, the region = de la région
Europe = d'Europe, Canada = du Canada
"""))  # fmt: skip
FARMS = Table(words.pairs("the world = du monde, the village = du village, the country = du pays"))


def tallest(rng: Random) -> Pair:
    """Paul est le plus grand de la classe. Paul is the tallest in the class."""
    who, found = third_person(other_person(rng)), COMPARED_PEOPLE.draw(rng)
    le = "les" if who.plural else "la" if who.feminine else "le"
    form = found.adjective.form(who.feminine, who.plural)
    group = GROUPS.draw(rng)
    what = Predicate(BE, f"the {found.most} {group.en}", f"{le} plus {form} {group.fr}")
    return clause(who, what, Tense.PRESENT)


GROUPS = Table(words.pairs("""
in the class = de la classe, in the family = de la famille, in the village = du village
in the school = de l'école, of all = de tous
"""))  # fmt: skip


# ------------------------------------------------------------------ patterns: quantities

QUANTITIES = Table(words.pairs("""
a lot of = beaucoup de, too much/too many = trop de, enough = assez de, little/few = peu de
"""))  # fmt: skip
QUANTITY_VERBS = weighted(
    (1.0, (verb("have", "avoir"), ("thing", "reading", "clothes", "animal"))),
    (0.8, (verb("eat", "manger"), ("food",))), (0.5, (verb("drink", "boire"), ("drink",))),
    (0.5, (verb("buy", "acheter"), ("food", "clothes", "thing"))),
    (0.4, (verb("read", "lire"), ("reading",))),
)  # fmt: skip


QUANTITY_TENSES = evenly([Tense.HABIT, Tense.PAST])


def how_much(rng: Random) -> Pair:
    """Elle a beaucoup de livres. She has a lot of books."""
    who, quantity = subject(rng), QUANTITIES.draw(rng)
    the_verb, themes = QUANTITY_VERBS.draw(rng)
    noun = THINGS[ranked(themes).draw(rng)].draw(rng)
    phrase = noun_phrase(SOME if noun.kind == "mass" else A, noun, noun.kind == "count")
    much, _, many = quantity.en.partition("/")
    en = many if many and noun.kind != "mass" else much
    fr = quantity.fr.removesuffix(" de") + " " + phrase.fr_denied
    tense = Tense.PRESENT if the_verb.aspect == "state" else QUANTITY_TENSES.draw(rng)
    return clause(who, Predicate(the_verb, f"{en} {phrase.en}", fr), tense)


# Amounts, what they are of, and what is done with that.
MEASURES = weighted(
    (1.0, ("a cup of = une tasse de, two cups of = deux tasses de",
           "tea = thé, coffee = café", "drink = boire")),
    (0.9, ("a glass of = un verre de, a bottle of = une bouteille de",
           "water = eau, milk = lait, wine = vin, orange juice = jus d'orange", "drink = boire")),
    (0.7, ("a piece of = un morceau de",
           "bread = pain, cheese = fromage, chocolate = chocolat, cake = gâteau", "eat = manger")),
    (0.5, ("a kilo of = un kilo de, two kilos of = deux kilos de",
           "apples = pommes, potatoes = pommes de terre, tomatoes = tomates, sugar = sucre",
           "buy = acheter")),
)  # fmt: skip
MEASURED = {
    row: (
        Table(words.pairs(row[0])),
        Table(words.pairs(row[1])),
        Table(words.pairs(f"{row[2]}, want = vouloir, bring = apporter, take = prendre")),
    )
    for row in MEASURES.items
}


def measured(rng: Random) -> Pair:
    """Je bois une tasse de thé. I am drinking a cup of tea."""
    who = subject(rng)
    amount, stuff, doing = (table.draw(rng) for table in MEASURED[MEASURES.draw(rng)])
    fr = elide(f"{amount.fr} {stuff.fr}")
    return say(rng, who, Predicate(verb(*doing), f"{amount.en} {stuff.en}", fr, fr))


# ------------------------------------------------------------------ patterns: nothing, nobody

NOTHING_VERBS = Table([
    verb(*both)
    for both in words.pairs("""
see = voir, eat = manger, know = savoir, understand = comprendre, buy = acheter, do = faire
say = dire, find = trouver, drink = boire, hear = entendre, forget = oublier
""")
])  # fmt: skip
NOBODY_VERBS = Table([
    verb(*both)
    for both in words.pairs("""
know = connaître, see = voir, love = aimer, listen to = écouter, help = aider, invite = inviter
call = appeler
""")
])  # fmt: skip


def nothing(rng: Random) -> Pair:
    """Il ne mange rien, je ne vois personne. He is eating nothing, I see nobody."""
    who = subject(rng)
    if rng.random() < 0.55:
        the_verb, word = NOTHING_VERBS.draw(rng), Pair("nothing", "rien")
    else:
        the_verb, word = NOBODY_VERBS.draw(rng), Pair("nobody", "personne")
    person = who.fr_person
    if rng.random() < 0.4 and the_verb.aspect != "state":
        avoir, participle = AVOIR.present[person], the_verb.fr.participle
        order = (word.fr, participle) if word.fr == "rien" else (participle, word.fr)
        en = english(who, Predicate(the_verb, word.en), Tense.PAST)
        return Pair(en, spaced(who.fr, "ne", avoir, *order))
    tense = Tense.HABIT if the_verb.aspect == "event" else Tense.PRESENT
    en = english(who, Predicate(the_verb, word.en), tense)
    return Pair(en, spaced(who.fr, "ne", the_verb.fr.present[person], word.fr))


# ------------------------------------------------------------------ patterns: time and weather

THE_WEATHER = IT._replace(en="the weather")
SKY = weighted(
    (1.0, (IT, verb("rain", "pleuvoir"))), (0.9, (IT, verb("be cold", "faire froid"))),
    (0.8, (THE_WEATHER, verb("be nice", "faire beau"))), (0.7, (IT, verb("be hot", "faire chaud"))),
    (0.6, (IT, verb("snow", "neiger"))), (0.3, (THE_WEATHER, verb("be bad", "faire mauvais"))),
)  # fmt: skip
SKY_PLACES = words.pairs(
    "here = ici, in the mountains = à la montagne, in the country = à la campagne"
)
SKY_PLACES += tuple(Pair(f"in {place.en}", place.fr_in) for place in words.COUNTRIES + words.CITIES)
SKY_HERE = Table(SKY_PLACES)
SKY_FRAMES = weighted(
    (1.0, Frame(Tense.PRESENT, times=NOW_TIMES, chance=0.4)), (0.6, Frame(Tense.PRESENT, NOT)),
    (0.7, Frame(Tense.IMPERFECT, times=Table(words.PAST_TIMES[:3]), chance=0.5)),
    (0.7, Frame(Tense.SOON, times=FUTURE_TIMES, chance=0.7)),
    (0.6, Frame(Tense.FUTURE, times=FUTURE_TIMES, chance=0.7)),
    (0.8, Frame(Tense.HABIT, FREQUENTLY[0], SKY_HERE, 1)),
    (0.4, Frame(Tense.HABIT, FREQUENTLY[2], SKY_HERE, 1)),
    (0.4, Frame(Tense.HABIT, FREQUENTLY[3], SKY_HERE, 1)),
    (0.5, Frame(Tense.PRESENT, PLAIN, SKY_HERE, 1)),
)  # fmt: skip


def weather(rng: Random) -> Pair:
    """Il pleut souvent en Angleterre. It often rains in England."""
    (who, sky), frame = SKY.draw(rng), SKY_FRAMES.draw(rng)
    return with_tail(clause(who, Predicate(sky), frame.tense, frame.middle), frame.time(rng))


DAYS, MONTHS = Table(words.DAYS), Table(words.MONTHS)


def clock(rng: Random) -> Pair:
    """Il est huit heures, le train part à midi. It is eight o'clock, the train leaves at noon."""
    kind = rng.random()
    hour = HOURS.draw(rng)
    if kind < 0.2:
        return Pair(f"it is {hour.en}", f"il est {hour.fr}")
    if kind < 0.35:
        day = DAYS.draw(rng)
        return Pair(f"today is {day.en}", f"aujourd'hui, c'est {day.fr}")
    if kind < 0.5:
        month = MONTHS.draw(rng)
        birthday = noun_phrase(ranked((MY, YOUR, YOUR_VOUS)).draw(rng), BIRTHDAY)
        return Pair(f"{birthday.en} is in {month.en}", f"{birthday.fr} est en {month.fr}")
    phrase, doing = SCHEDULED.draw(rng)
    tense = ranked((Tense.HABIT, Tense.PAST, Tense.FUTURE)).draw(rng)
    said = clause(third_person(phrase), Predicate(doing), tense)
    return with_tail(said, at_hour(hour))


BIRTHDAY = words.noun("time", "birthday", "anniversaire m")
_LEAVE, _ARRIVE = verb("leave", "partir"), verb("arrive", "arriver")
_OPEN, _CLOSE = verb("open", "ouvrir"), verb("close", "fermer")
_BEGIN, _END = verb("begin", "commencer"), verb("end", "finir")
SCHEDULED = evenly([
    (noun_phrase(THE, words.noun("time", en, fr)), doing)
    for en, fr, doings in (
        ("train", "train m", (_LEAVE, _ARRIVE)),
        ("bus", "bus m", (_LEAVE, _ARRIVE)),
        ("plane", "avion m", (_LEAVE, _ARRIVE)),
        ("store", "magasin m", (_OPEN, _CLOSE)),
        ("bank", "banque f", (_OPEN, _CLOSE)),
        ("museum", "musée m", (_OPEN, _CLOSE)),
        ("library", "bibliothèque f", (_OPEN, _CLOSE)),
        ("movie", "film m", (_BEGIN, _END)),
        ("game", "match m", (_BEGIN, _END)),
        ("class", "cours m", (_BEGIN, _END)),
        ("meeting", "réunion f", (_BEGIN, _END)),
    )
    for doing in doings
])  # fmt: skip

UNITS = Table(words.UNITS)
SINCE_WHEN = Table(
    words.pairs(
        "Monday = lundi, yesterday = hier, this morning = ce matin, noon = midi, Sunday = dimanche"
    )
)


def since(rng: Random) -> Pair:
    """J'habite ici depuis deux ans. I have lived here for two years."""
    who = subject(rng)
    if rng.random() < 0.35:
        where = where_one_lives(rng)
        what = Predicate(LIVE, where.en, where.fr)
    elif rng.random() < 0.3:
        person = NAMES.draw(rng) if rng.random() < 0.6 else somebody(rng, described=False)
        what = Predicate(verb("know", "connaître"), person.en, person.fr)
    else:
        what = lasting(rng)
    if what.verb.aspect == "action" and rng.random() < 0.4:
        start = SINCE_WHEN.draw(rng)
        long = Pair(f"since {start.en}", f"depuis {start.fr}")
    else:
        number, unit = NUMBERS.draw(rng), UNITS.draw(rng)
        long = Pair(f"for {number.en} {unit.en}", f"depuis {number.fr} {unit.fr}")
    have = HAVE[who.en_person]
    en = what.verb.en
    done = en.participle if what.verb.aspect == "state" else f"been {en.ing}"
    return Pair(
        spaced(who.en, have, done, what.en, long.en),
        f"{french(who, what, Tense.PRESENT)} {long.fr}",
    )


LASTING = Table([
    row for row in words.VERBS_ALONE
    if row.verb.en.base in ("work", "travel", "study", "learn French",
                            "learn English", "play the piano", "play the guitar")
])  # fmt: skip


def lasting(rng: Random) -> Predicate:
    """Something that one can have been doing for years."""
    row = LASTING.draw(rng)
    if row.takes and rng.random() < 0.4:
        place = PLACES[ranked(row.takes).draw(rng)]
        return Predicate(row.verb, place.at, place.fr)
    return Predicate(row.verb)


# ------------------------------------------------------------------ patterns: two clauses


def state_of(rng: Random, who: Subject, tense: Tense = Tense.PRESENT) -> Pair:
    """How somebody is: tired, hungry."""
    if rng.random() < 0.65:
        return clause(who, being(who, FEELINGS.draw(rng)), tense)
    return clause(who, Predicate(IDIOMS.draw(rng)), tense)


def again(who: Subject) -> Subject:
    """The pronoun for somebody already named: Paul -> he."""
    if who.is_pronoun:
        return who
    fr = ("elles" if who.feminine else "ils") if who.plural else "elle" if who.feminine else "il"
    en = "they" if who.plural else "she" if who.feminine else "he"
    return who._replace(en=en, fr=fr, is_pronoun=True)


CAUSES, HINDRANCES = Table(words.CAUSES), Table(words.HINDRANCES)


RESTORING = ("dormir", "reposer", "manger", "pleurer")


def in_state(who: Subject, cause: words.Cause) -> Predicate:
    """To be tired, to be hungry: with "être" the adjective agrees."""
    return being(who, cause.adjective) if cause.adjective else Predicate(cause.state)


def because(rng: Random) -> Pair:
    """Elle dort parce qu'elle est fatiguée. She is sleeping because she is tired."""
    who = subject(rng)
    act_tense, be_tense = Tense.PRESENT, Tense.PRESENT
    if rng.random() < 0.4:
        act_tense, be_tense = Tense.PAST, Tense.IMPERFECT
    if rng.random() < 0.5:
        cause = CAUSES.draw(rng)
        first = clause(who, Predicate(ranked(cause.verbs).draw(rng)), act_tense)
    else:
        cause = HINDRANCES.draw(rng)
        what = going(rng) if rng.random() < 0.3 else doing_alone(rng, where=0.15)
        while what.verb.fr.infinitive in RESTORING:  # "he does not eat because he is hungry"
            what = doing_alone(rng, where=0.15)
        if what.verb.aspect == "event":
            act_tense, be_tense = Tense.PAST, Tense.IMPERFECT
        first = clause(who, what, act_tense, NOT)
    reason = clause(again(who), in_state(again(who), cause), be_tense)
    return Pair(f"{first.en} because {reason.en}", f"{first.fr} parce que {reason.fr}")


OPINIONS = weighted(
    (1.0, verb("think", "penser")), (0.7, verb("know", "savoir")), (0.4, verb("believe", "croire")),
    (0.5, verb("say", "dire")), (0.4, verb("hope", "espérer")),
)  # fmt: skip


def clashing(who: Subject, other: Subject) -> bool:
    """Whether two subjects sit ill together: "nous espérons que je", "tu dis que vous"."""
    if not who.is_pronoun and not other.is_pronoun:
        return True
    overlapping = ({ME, WE}, {YOU, YOU_ALL})
    return who.fr != other.fr and any(
        {who.en_person, other.en_person} == side for side in overlapping
    )


def thinks_that(rng: Random) -> Pair:
    """Je pense que tu as raison. I think that you are right."""
    who, the_verb, other = subject(rng), OPINIONS.draw(rng), subject(rng)
    while clashing(who, other):
        other = subject(rng)
    tense = Tense.HABIT
    kind = 1.0 if the_verb.fr.infinitive == "espérer" else rng.random()
    if kind < 0.4:
        second = state_of(rng, other)
    elif kind < 0.6:
        second = clause(other, being(other, TRAITS.draw(rng)), Tense.PRESENT)
    else:
        what = doing_alone(rng, 0.2) if rng.random() < 0.6 else going(rng)
        past = rng.random() < 0.35 and the_verb.fr.infinitive != "espérer"
        second = clause(other, what, Tense.PAST if past else Tense.FUTURE)
    first = clause(who, Predicate(the_verb), tense)
    return Pair(f"{first.en} that {second.en}", f"{first.fr} que {second.fr}")


def while_then(rng: Random) -> Pair:
    """Il dormait quand le téléphone a sonné. He was sleeping when the phone rang."""
    who, what = subject(rng), doing_alone(rng, where=0.2)
    while what.verb.aspect != "action":
        what = doing_alone(rng, where=0.2)
    first = clause(who, what, Tense.IMPERFECT)
    second = INTERRUPTIONS.draw(rng)
    if rng.random() < 0.6:
        other = third_person(other_person(rng))
        second = clause(other, Predicate(ARRIVALS.draw(rng)), Tense.PAST)
    return Pair(f"{first.en} when {second.en}", f"{first.fr} quand {second.fr}")


INTERRUPTIONS = Table(words.pairs("""
the phone rang = le téléphone a sonné, the train arrived = le train est arrivé
it began to rain = il a commencé à pleuvoir, the bus arrived = le bus est arrivé
"""))  # fmt: skip
ARRIVALS = Table([
    verb(*both)
    for both in words.pairs(
        "arrive = arriver, call = appeler, leave = partir, come in = entrer, fall = tomber"
    )
])  # fmt: skip


def when_habit(rng: Random) -> Pair:
    """Quand il pleut, je reste à la maison. When it rains, I stay at home."""
    who = subject(rng)
    if rng.random() < 0.5:
        sky = SKY.draw(rng)
        condition = clause(sky[0], Predicate(sky[1]), Tense.HABIT)
        what = staying(rng, sky[1])
    else:
        cause = CAUSES.draw(rng)
        condition = clause(who, in_state(who, cause), Tense.HABIT)
        who, what = again(who), Predicate(ranked(cause.verbs).draw(rng))
    result = clause(who, what, Tense.HABIT)
    return Pair(f"when {condition.en}, {result.en}", f"quand {condition.fr}, {result.fr}")


OUTDOORS = Table(words.pairs("""
go to the park = aller au parc, go to the beach = aller à la plage, take a walk = se promener
swim = nager, play soccer = jouer au football, run = courir, go to town = aller en ville
"""))  # fmt: skip
INDOORS = Table(words.pairs("""
stay at home = rester à la maison, read = lire, sleep = dormir, take the bus = prendre le bus
watch television = regarder la télévision, play cards = jouer aux cartes, cook = cuisiner
go to the movies = aller au cinéma
"""))  # fmt: skip
FAIR = frozenset({"beau", "chaud"})


def staying(rng: Random, sky: Verb) -> Predicate:
    """What the weather decides: to stay at home, to go to the beach."""
    return Predicate(verb(*(OUTDOORS if sky.fr.tail in FAIR else INDOORS).draw(rng)))


def if_then(rng: Random) -> Pair:
    """S'il fait beau, nous irons à la plage. If the weather is nice, we will go to the beach."""
    who, (sky_subject, sky) = subject(rng), SKY.draw(rng)
    condition = clause(sky_subject, Predicate(sky), Tense.HABIT)
    result = clause(who, staying(rng, sky), Tense.FUTURE)
    return Pair(f"if {condition.en}, {result.en}", f"si {condition.fr}, {result.fr}")


MADE_THINGS = weighted(
    (1.0, (verb("read", "lire"), "reading")), (0.9, (verb("buy", "acheter"), "garment")),
    (0.8, (verb("buy", "acheter"), "thing")), (0.5, (verb("write", "écrire"), "writing")),
    (0.5, (verb("see", "voir"), "show")), (0.4, (verb("wear", "porter"), "clothes")),
    (0.3, (verb("lose", "perdre"), "thing")), (0.3, (verb("find", "trouver"), "animal")),
    (0.3, (verb("choose", "choisir"), "furniture")),
)  # fmt: skip


def which_one_did(rng: Random) -> Pair:
    """La lettre que j'ai écrite est longue. The letter that I wrote is long."""
    the_verb, theme = MADE_THINGS.draw(rng)
    noun = THINGS[theme].draw(rng)
    plural = noun.kind == "count" and rng.random() < 0.25
    phrase, who = noun_phrase(THE, noun, plural), PRONOUNS.draw(rng)
    done = Predicate(the_verb, "", "", "", "", phrase.feminine, phrase.plural)
    tense = Tense.PAST if the_verb.aspect != "action" or rng.random() < 0.6 else Tense.PRESENT
    relative_clause = clause(who, done, tense)
    whole = third_person(
        Phrase(
            f"{phrase.en} that {relative_clause.en}", f"{phrase.fr} que {relative_clause.fr}", "",
            phrase.feminine, phrase.plural,
        )
    )  # fmt: skip
    adjective = THING_STATE_TABLES["reading" if theme == "writing" else theme].draw(rng)
    return clause(whole, being(whole, adjective), Tense.PRESENT)


def who_does(rng: Random) -> Pair:
    """L'homme qui chante est mon oncle. The man who is singing is my uncle."""
    noun = PERSONS.draw(rng)
    phrase = noun_phrase(THE, noun)
    who = third_person(phrase)
    what = doing_alone(rng, where=0.4)
    while what.verb.aspect != "action" or not becoming(who, what):
        what = doing_alone(rng, where=0.4)
    said = clause(who._replace(en=f"{who.en} who", fr=f"{who.fr} qui"), what, Tense.PRESENT)
    whole = who._replace(en=said.en, fr=said.fr)
    if rng.random() < 0.5:
        found = relative(rng, FAMILY_DETERMINERS.draw(rng))
        while found.feminine != who.feminine or found.plural:
            found = relative(rng, FAMILY_DETERMINERS.draw(rng))
        return clause(whole, Predicate(BE, found.en, found.fr), Tense.PRESENT)
    return clause(whole, being(whole, TRAITS.draw(rng)), Tense.PRESENT)


def knows_someone_who(rng: Random) -> Pair:
    """J'ai un ami qui habite à Rome. I have a friend who lives in Rome."""
    who, noun = subject(rng), FAMILY.draw(rng)
    while noun.kind == "plural" or noun.en not in FRIENDLY_PLURALS:
        noun = FAMILY.draw(rng)
    friend = noun_phrase(A, noun)
    where = where_one_lives(rng)
    other = third_person(friend)._replace(en=f"{friend.en} who", fr=f"{friend.fr} qui")
    said = clause(other, Predicate(LIVE, where.en, where.fr), Tense.HABIT)
    return clause(who, Predicate(verb("have", "avoir"), said.en, said.fr), Tense.PRESENT)


TOO = Table(words.TOO)


def too_much_to(rng: Random) -> Pair:
    """Il est trop jeune pour conduire. He is too young to drive."""
    who, cause = subject(rng), TOO.draw(rng)
    what = Predicate(ranked(cause.verbs).draw(rng))
    state = (
        being(who, cause.adjective, Pair("too", "trop"))
        if cause.adjective
        else in_state(who, cause)
    )
    bare = spaced(french_infinitive(what, who.fr_person), what.verb.fr.tail)
    tense = Tense.PRESENT if rng.random() < 0.75 else Tense.IMPERFECT
    return with_tail(clause(who, state, tense), Pair(f"to {what.verb.en.base}", f"pour {bare}"))


# ------------------------------------------------------------------ patterns: questions


def yes_or_no(rng: Random) -> Pair:
    """Est-ce que tu connais ma sœur ? Do you know my sister?"""
    who, what, tense = questioned(rng, subject(rng))
    return Pair(english(who, what, tense, question=True), f"est-ce que {french(who, what, tense)}")


def turned_around(rng: Random) -> Pair:
    """Parle-t-elle français ? Does she speak French?"""
    who, what, tense = questioned(rng, pronoun(rng))
    return Pair(english(who, what, tense, question=True), french(who, what, tense, invert=True))


ASKED_TENSES: dict[words.Aspect, Table[Tense]] = {
    "action": weighted(
        (1.0, Tense.PRESENT), (0.9, Tense.PAST), (0.4, Tense.SOON), (0.2, Tense.FUTURE)
    ),
    "state": weighted((1.0, Tense.PRESENT), (0.15, Tense.IMPERFECT)),
    "perception": weighted((1.0, Tense.PRESENT), (0.6, Tense.PAST)),
    "event": weighted((1.0, Tense.PAST), (0.3, Tense.FUTURE)),
}  # fmt: skip


def questioned(rng: Random, who: Subject) -> tuple[Subject, Predicate, Tense]:
    """What a question may be about; one asks others more often than oneself."""
    while who.fr == "je":
        who = subject(rng)
    kind = rng.random()
    if kind < 0.4:
        what = doing_to_thing(rng, who, WITH_THING.draw(rng))
    elif kind < 0.55:
        row = WITH_PERSON.draw(rng)
        what = predicate(row.verb, person_for(rng, who))
    elif kind < 0.7:
        what = doing_alone(rng)
    elif kind < 0.8:
        what = being(who, FEELINGS.draw(rng))
    elif kind < 0.88:
        what = Predicate(IDIOMS.draw(rng))
    elif kind < 0.95:
        what = going(rng)
    else:
        modal = MODALS.items[0]
        what = linked(modal, who, acting(rng, who))
    return who, what, ASKED_TENSES[what.verb.aspect].draw(rng)


WHAT_VERBS = Table([
    verb(*both)
    for both in words.pairs("""
do = faire, eat = manger, want = vouloir, read = lire, look for = chercher, buy = acheter
see = voir, write = écrire, drink = boire, say = dire, watch = regarder, find = trouver
choose = choisir, understand = comprendre, hear = entendre, prepare = préparer, draw = dessiner
sell = vendre
""")
])  # fmt: skip


def what_question(rng: Random) -> Pair:
    """Qu'est-ce que vous cherchez ? What are you looking for?"""
    who, what = other_than_i(rng), Predicate(WHAT_VERBS.draw(rng))
    tense = ASKED_TENSES[what.verb.aspect].draw(rng)
    asked = english(who, what, tense, question=True)
    if who.is_pronoun and tense is Tense.PRESENT and rng.random() < 0.4:
        return Pair(f"what {asked}", f"que {french(who, what, tense, invert=True)}")
    return Pair(f"what {asked}", f"qu'est-ce que {french(who, what, tense)}")


def other_than_i(rng: Random) -> Subject:
    """A subject that one asks about."""
    who = subject(rng)
    while who.fr == "je":
        who = subject(rng)
    return who


ASKING = weighted(
    (1.0, Pair("why", "pourquoi")), (0.9, Pair("where", "où")), (0.8, Pair("when", "quand")),
    (0.3, Pair("how", "comment")), (0.4, Pair("with whom", "avec qui")),
)  # fmt: skip


def asked(rng: Random) -> Pair:
    """Pourquoi est-ce que tu pleures ? Why are you crying?"""
    who, word = other_than_i(rng), ASKING.draw(rng)
    if word.fr == "où":
        what = PLACED.draw(rng)
    elif word.fr == "comment":
        what = going(rng)
    elif word.fr == "avec qui":
        what = Predicate(SHARED.draw(rng))
    elif word.fr == "pourquoi" and rng.random() < 0.5:
        what = being(who, FEELINGS.draw(rng))
    else:
        what = doing_alone(rng, where=0)
    tense = Tense.PAST if what.fr and word.fr == "où" else ASKED_TENSES[what.verb.aspect].draw(rng)
    if word.fr == "quand" and tense in (Tense.PRESENT, Tense.IMPERFECT):
        tense = Tense.SOON
    question = english(who, what, tense, question=True)
    if who.is_pronoun and rng.random() < 0.5:
        return Pair(f"{word.en} {question}", f"{word.fr} {french(who, what, tense, invert=True)}")
    return Pair(f"{word.en} {question}", f"{word.fr} est-ce que {french(who, what, tense)}")


PLACED = Table([
    *(Predicate(verb(*both)) for both in words.pairs("""
go = aller, live = habiter, work = travailler, eat = manger, sleep = dormir, study = étudier
""")),
    *(Predicate(verb(en, fr), en_thing, fr_thing) for en, fr, en_thing, fr_thing in (
        ("buy", "acheter", "this book", "ce livre"),
        ("find", "trouver", "this key", "cette clé"),
        ("see", "voir", "my dog", "mon chien"),
        ("lose", "perdre", "the tickets", "les billets"),
        ("buy", "acheter", "these shoes", "ces chaussures"),
        ("meet", "rencontrer", "Paul", "Paul"),
    )),
])  # fmt: skip


def where_is(rng: Random) -> Pair:
    """Où est la gare ? Where is the station?"""
    theme = ranked(("building", "thing", "clothes", "printed", "animal", "room")).draw(rng)
    phrase, _ = definite(rng, theme)
    if rng.random() < 0.35:
        phrase = other_person(rng)
    be, être = ("are", "sont") if phrase.plural else ("is", "est")
    return Pair(f"where {be} {phrase.en}", f"où {être} {phrase.fr}")


WHO = Subject("who", "qui", THIRD, THIRD, False, False, None)


def who_question(rng: Random) -> Pair:
    """Qui a fermé la porte ? Who closed the door?"""
    kind = rng.random()
    if kind < 0.5:
        what = doing_to_thing(rng, None, WITH_THING.draw(rng))
    elif kind < 0.75:
        what = predicate(WITH_PERSON.draw(rng).verb, person_for(rng, None))
    else:
        what = doing_alone(rng)
    tense = ASKED_TENSES[what.verb.aspect].draw(rng)
    return Pair(english(WHO, what, tense), french(WHO, what, tense))


def how_many(rng: Random) -> Pair:
    """Combien de livres as-tu ? How many books do you have?"""
    who = pronoun(rng)
    the_verb, themes = QUANTITY_VERBS.draw(rng)
    noun = THINGS[ranked(themes).draw(rng)].draw(rng)
    phrase = noun_phrase(SOME if noun.kind == "mass" else A, noun, noun.kind == "count")
    tense = Tense.PRESENT if the_verb.aspect == "state" else Tense.SOON
    much = "much" if noun.kind == "mass" else "many"
    what = Predicate(the_verb)
    return Pair(
        f"how {much} {phrase.en} {english(who, what, tense, question=True)}",
        f"combien {phrase.fr_denied} {french(who, what, tense, invert=True)}",
    )


REQUESTS = weighted(
    (1.0, Pair("can you", "peux-tu")), (0.9, Pair("can you", "pouvez-vous")),
    (0.8, Pair("could you", "pourriez-vous")), (0.4, Pair("could you", "pourrais-tu")),
    (0.6, Pair("do you want to", "veux-tu")), (0.5, Pair("do you want to", "voulez-vous")),
    (0.4, Pair("can we", "pouvons-nous")), (0.3, Pair("must I", "dois-je")),
    (0.4, Pair("can I", "puis-je")),
)  # fmt: skip


ASKED_FOR = Table([
    row
    for row in (*words.VERBS_WITH_THING, *words.VERBS_ALONE)
    if row.verb.en.base
    in ("open", "close", "wash", "repair", "clean", "explain", "bring", "buy", "prepare", "read",
        "look for", "wait", "take", "sing", "work", "speak French", "cook dinner", "write")
    and not row.verb.fr.reflexive
])  # fmt: skip


def request(rng: Random) -> Pair:
    """Pourriez-vous ouvrir la fenêtre ? Could you open the window?"""
    ask = REQUESTS.draw(rng)
    row = ASKED_FOR.draw(rng)
    what = doing_to_thing(rng, None, row) if row in words.VERBS_WITH_THING else Predicate(row.verb)
    bare = spaced(what.verb.fr.infinitive, what.verb.fr.tail, what.fr)
    return Pair(spaced(ask.en, what.verb.en.base, what.en), f"{ask.fr} {bare}")


def about_person(rng: Random) -> Pair:
    """Comment va votre mère ? How is your mother?"""
    person = relative(rng, ranked((YOUR, YOUR_VOUS, THEIR)).draw(rng))
    kind = rng.random()
    if kind < 0.5:
        be, go = ("are", "vont") if person.plural else ("is", "va")
        return Pair(f"how {be} {person.en}", f"comment {go} {person.fr}")
    be, have = ("are", "ont") if person.plural else ("is", "a")
    return Pair(f"how old {be} {person.en}", f"quel âge {have} {person.fr}")


# ------------------------------------------------------------------ patterns: orders, exclamations

ORDERING = weighted((1.0, YOU_ALL), (0.9, YOU), (0.5, WE))
PLEASE = {YOU: "s'il te plaît", YOU_ALL: "s'il vous plaît"}
OWN_OF = {YOU: YOUR, YOU_ALL: YOUR_VOUS, WE: OUR}


def order(rng: Random) -> Pair:
    """Ferme la porte, n'oubliez pas vos clés, allons au cinéma. Close the door, let us go."""
    person = ORDERING.draw(rng)
    who = Subject("you", "", YOU, person, False, False, OWN_OF[person], True)
    what = acting(rng, who)
    while what.verb.fr.reflexive:
        what = acting(rng, who)
    en = spaced(what.verb.en.base, what.en)
    form = imperative(what.verb.fr, person)
    if rng.random() < 0.3 and deniable(what):
        en = f"let us not {en}" if person == WE else f"do not {en}"
        return Pair(en, elide(spaced("ne", form, "pas", what.verb.fr.tail, what.fr_denied)))
    if person == WE:
        return Pair(f"let us {en}", spaced(form, what.verb.fr.tail, what.fr))
    fr = spaced(form, what.verb.fr.tail, what.fr)
    if rng.random() < 0.35:
        return Pair(f"{en}, please", f"{fr}, {PLEASE[person]}")
    return Pair(en, fr)


RECEIVERS = Table(words.pairs("me = moi, us = nous, him = lui"))


def give_me(rng: Random) -> Pair:
    """Donne-moi la clé. Give me the key."""
    person = YOU if rng.random() < 0.5 else YOU_ALL
    row = GIVING.draw(rng)
    while row.verb.fr.infinitive == "expliquer":
        row = GIVING.draw(rng)
    to = RECEIVERS.draw(rng)
    gift = gift_for(rng, row, None)
    form = imperative(row.verb.fr, person)
    en, fr = f"{row.verb.en.base} {to.en} {gift.en}", f"{form}-{to.fr} {gift.fr}"
    if rng.random() < 0.4:
        return Pair(f"{en}, please", f"{fr}, {PLEASE[person]}")
    return Pair(en, fr)


DISLIKED = Table(words.adjectives("""
late = en retard !, sad = triste, angry = en colère !, shy = timide, nervous = nerveux
jealous = jaloux jalouse, lazy = paresseux, surprised = surpris
"""))  # fmt: skip


def do_not_be(rng: Random) -> Pair:
    """Ne sois pas triste. Do not be sad."""
    person = YOU if rng.random() < 0.5 else YOU_ALL
    adjective = DISLIKED.draw(rng)
    form = adjective.form(rng.random() < 0.3, person == YOU_ALL and rng.random() < 0.4)
    return Pair(f"do not be {adjective.en}", f"ne {imperative(ÊTRE, person)} pas {form}")


EXCLAIMED = listed("beautiful, big, good, interesting, fast, funny, strange, small, expensive, bad")


def what_a(rng: Random) -> Pair:
    """Quelle belle maison ! What a beautiful house!"""
    theme = ranked(("building", "thing", "clothes", "animal", "show", "vehicle", "room")).draw(rng)
    noun = THINGS[theme].draw(rng)
    adjective = NOUN_ADJECTIVE_TABLES[theme].draw(rng)
    while adjective.en not in EXCLAIMED:
        adjective = NOUN_ADJECTIVE_TABLES[theme].draw(rng)
    plural = noun.kind == "plural" or (noun.kind == "count" and rng.random() < 0.2)
    phrase = noun_phrase(A if noun.kind != "mass" else SOME, noun, plural, adjective)
    form = ("quelle" if noun.feminine else "quel") + "s" * plural
    core = phrase.fr_denied.removeprefix("de ").removeprefix("d'")
    return Pair(f"what {phrase.en}", f"{form} {core}")


def how_it_is(rng: Random) -> Pair:
    """Comme elle est belle ! How beautiful she is!"""
    who, adjective = other_than_i(rng), TRAITS.draw(rng)
    tense = Tense.PRESENT if rng.random() < 0.85 else Tense.IMPERFECT
    be = (BE_PRESENT if tense is Tense.PRESENT else BE_PAST)[who.en_person]
    said = french(who, being(who, adjective), tense)
    return Pair(f"how {adjective.english(who.feminine)} {who.en} {be}", f"comme {said}")


GREETINGS = Table(words.pairs("""
thank you very much = merci beaucoup, good evening = bonsoir, happy birthday = bon anniversaire
goodbye = au revoir, good night = bonne nuit, have a good trip = bon voyage, welcome = bienvenue
see you tomorrow = à demain, see you on Monday = à lundi, good luck = bonne chance
see you soon = à bientôt, congratulations = félicitations, good morning = bonjour
enjoy your meal = bon appétit, have a good day = bonne journée, see you tonight = à ce soir
"""))  # fmt: skip


def greeting(rng: Random) -> Pair:
    """Bonne nuit, Marie ! Good night, Marie!"""
    said, name = GREETINGS.draw(rng), NAMES.draw(rng)
    return Pair(f"{said.en}, {name.en}", f"{said.fr}, {name.fr}")


# ------------------------------------------------------------------ the corpus

Pattern = Callable[[Random], Pair]

STATEMENTS: list[tuple[float, Pattern]] = [
    (11.0, done_to_thing), (8.0, done_alone), (4.5, done_to_person), (4.2, gone), (4.0, felt),
    (3.6, is_thus), (3.2, wanted), (3.0, seen), (2.8, able), (2.5, there_is), (2.2, is_like),
    (1.2, travelled),
    (2.0, this_is), (2.0, daily), (1.8, where_one_is), (1.8, avoir_idiom), (1.7, lives),
    (1.6, said_to_person), (1.5, works_as), (1.5, would_like), (1.4, compared), (1.4, where_it_is),
    (1.4, thinks_that), (1.3, because), (1.3, needed), (1.2, given_to), (1.2, done_with),
    (1.1, weather), (1.1, tried), (1.0, spoken_to), (1.0, given), (1.0, comes_from), (1.0, since),
    (0.9, how_much), (0.9, nothing), (0.9, just_done), (0.8, for_purpose), (0.8, clock),
    (0.8, which_one_did), (0.7, if_then), (0.7, when_habit), (0.7, while_then), (0.7, years_old),
    (0.6, who_does), (0.6, measured), (0.6, gone_there), (0.5, it_is), (0.5, is_colored),
    (0.5, feel_like), (0.5, knows_someone_who), (0.4, afraid), (0.4, too_much_to), (0.4, wash),
    (0.4, used_to), (0.3, best), (0.3, whose), (0.3, tallest), (0.3, called),
]  # fmt: skip
QUESTIONS: list[tuple[float, Pattern]] = [
    (3.0, yes_or_no), (2.0, turned_around), (1.6, asked), (1.5, who_question), (1.4, where_is),
    (1.2, request), (1.2, what_question), (0.7, how_many), (0.5, about_person),
]  # fmt: skip
ORDERS: list[tuple[float, Pattern]] = [(3.0, order), (1.0, give_me), (0.2, do_not_be)]
EXCLAMATIONS: list[tuple[float, Pattern]] = [
    (1.3, what_a), (0.9, how_it_is), (0.7, order), (0.2, greeting), (0.1, do_not_be),
]  # fmt: skip

PATTERNS = weighted(
    *((weight, (pattern, ".")) for weight, pattern in STATEMENTS + ORDERS),
    *((weight, (pattern, "?")) for weight, pattern in QUESTIONS),
    *((weight, (pattern, "!")) for weight, pattern in EXCLAMATIONS),
)


def written(said: Pair, mark: str) -> tuple[str, str]:
    """English and French as one writes them: a capital, the elisions, and the mark."""
    french_mark = mark if mark == "." else f" {mark}"
    french_text = elide(said.fr)
    return (
        said.en[0].upper() + said.en[1:] + mark,
        french_text[0].upper() + french_text[1:] + french_mark,
    )


_WORD = re.compile(r"[^\W\d_]+'?|\d+|[.,!?]")


def fits(pair: tuple[str, str]) -> bool:
    """Whether both sides have a length worth learning from."""
    longest = max(map(len, pair))
    if 18 < longest < 50 and min(map(len, pair)) > 14:
        return True  # so few letters cannot be too many words
    return all(SHORTEST <= len(_WORD.findall(side)) <= LONGEST for side in pair)


def sentences(seed: int = 0) -> Iterator[tuple[str, str]]:
    """Sentence pairs without end, with repetitions, as the grammar happens to make them."""
    rng = Random(seed)  # noqa: S311 - a corpus, not a secret
    while True:
        pattern, mark = PATTERNS.draw(rng)
        pair = written(pattern(rng), mark)
        if fits(pair):
            yield pair


def starter_pairs(seed: int = 0) -> list[tuple[str, str]]:
    """The corpus: distinct (english, french) pairs, each French sentence once, always the same."""
    english_of: dict[str, str] = {}
    for en, fr in sentences(seed):
        english_of.setdefault(fr, en)
        if len(english_of) == PAIR_COUNT:
            return [(en, fr) for fr, en in english_of.items()]
    raise AssertionError("sentences() has no end")
