"""Clauses: a subject, a verb and its complements in a tense, in both languages."""

from enum import Enum, auto
from typing import NamedTuple

from tools.starter.english import BE_PAST, BE_PRESENT, DO
from tools.starter.french import THIRD, agree, contract, french_verb
from tools.starter.lexicon import Pair, Verb
from tools.starter.people import Subject
from tools.starter.phrases import Phrase


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
"""No word beside the verb."""


def spaced(*parts: str) -> str:
    """The parts that are not empty, with spaces between."""
    return " ".join(filter(None, parts))


class Predicate(NamedTuple):
    """A verb and what follows it; `clitic` is an object pronoun, which French puts before it."""

    verb: Verb
    en: str = ""
    fr: str = ""
    fr_denied: str = ""
    clitic: str = ""
    clitic_feminine: bool = False
    clitic_plural: bool = False


def predicate(the_verb: Verb, thing: Phrase) -> Predicate:
    """A verb with its object."""
    if the_verb.fr.tail == "besoin":
        return _needing(the_verb, thing)
    return Predicate(the_verb, thing.en, thing.fr, thing.fr_denied)


def _needing(the_verb: Verb, thing: Phrase) -> Predicate:
    """Avoir besoin swallows a partitive: besoin de + du pain -> besoin de pain."""
    swallowed = thing.fr.startswith(("du ", "de la ", "de l'", "des ", "de ", "d'"))
    fr = thing.fr_denied if swallowed else contract("de", thing.fr)
    return Predicate(the_verb, thing.en, fr, fr)


REFLEXIVE = ("me", "te", "se", "nous", "vous", "se")
"""By person number."""
ÊTRE, AVOIR, _ALLER = french_verb("être"), french_verb("avoir"), french_verb("aller")


def french_infinitive(what: Predicate, person: int = THIRD, denied: bool = False) -> str:
    """The infinitive with its pronoun and what follows: me lever, le voir, manger du pain."""
    clitic = REFLEXIVE[person] if what.verb.fr.reflexive else what.clitic
    after = what.fr_denied if denied else what.fr
    return spaced(clitic, what.verb.fr.infinitive, what.verb.fr.tail, after)


def english_infinitive(what: Predicate) -> str:
    """The bare infinitive and what follows: get up, eat bread."""
    return spaced(what.verb.en.base, what.en)


def _french_participle(who: Subject, what: Predicate) -> str:
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
    clitic, participle = REFLEXIVE[person] if the_verb.reflexive else what.clitic, ""
    ne, after = ("ne", what.fr_denied) if middle.ne else ("", what.fr)
    front = "" if invert else who.fr
    if tense is Tense.SOON:
        going = inverted(_ALLER.present[person], who.fr) if invert else _ALLER.present[person]
        bare = french_infinitive(what, person, middle.ne)
        return spaced(front, ne, going, middle.fr, bare)
    if tense is Tense.PAST:
        form = (ÊTRE if the_verb.with_être else AVOIR).present[person]
        participle = _french_participle(who, what)
    elif tense in (Tense.IMPERFECT, Tense.USED_TO):
        form = the_verb.imperfect[person]
    elif tense is Tense.FUTURE:
        form = the_verb.future[person]
    elif tense is Tense.CONDITIONAL:
        form = the_verb.conditional[person]
    else:
        form = the_verb.present[person]
    form = inverted(form, who.fr) if invert else form
    return spaced(front, ne, clitic, form, middle.fr, participle, the_verb.tail, after)


def _english_verb_parts(
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
    with_auxiliary = question or middle is NOT
    auxiliary, rest = _english_verb_parts(what.verb, who.en_person, tense, with_auxiliary)
    if question:
        return spaced(auxiliary, who.en, middle.en, rest, what.en)
    return spaced(who.en, auxiliary, middle.en, rest, what.en)


def clause(who: Subject, what: Predicate, tense: Tense, middle: Middle = PLAIN) -> Pair:
    """A statement in both languages."""
    return Pair(english(who, what, tense, middle), french(who, what, tense, middle))


def with_tail(said: Pair, tail: Pair | None) -> Pair:
    """A clause and what is said after it: when, where, with whom."""
    return Pair(f"{said.en} {tail.en}", f"{said.fr} {tail.fr}") if tail else said
