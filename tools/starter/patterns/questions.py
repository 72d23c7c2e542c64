"""Questions."""

from random import Random

from tools.starter.clauses import (
    Predicate,
    Tense,
    english,
    english_infinitive,
    french,
    french_infinitive,
    predicate,
)
from tools.starter.draw import Table, ranked, weighted
from tools.starter.french import THIRD
from tools.starter.lexicon import Aspect, Pair, verb, verbs
from tools.starter.people import (
    Subject,
    other_person,
    other_than_i,
    person_for,
    pronoun,
    relative,
    subject,
)
from tools.starter.phrases import THEIR, YOUR, YOUR_VOUS
from tools.starter.predicates import (
    Modal,
    acting,
    being,
    doing,
    doing_alone,
    doing_to_thing,
    going,
    linked,
)
from tools.starter.things import definite
from tools.starter.words.adjectives import FEELINGS
from tools.starter.words.verbs import (
    AVOIR_IDIOMS,
    SHARED,
    VERBS_ALONE,
    VERBS_WITH_PERSON,
    VERBS_WITH_THING,
)

_WANT = Modal(verb("want to", "vouloir"))
_ASKED_TENSES: dict[Aspect, Table[Tense]] = {
    "action": weighted(
        (1.0, Tense.PRESENT), (0.9, Tense.PAST), (0.4, Tense.SOON), (0.2, Tense.FUTURE)
    ),
    "state": weighted((1.0, Tense.PRESENT), (0.15, Tense.IMPERFECT)),
    "perception": weighted((1.0, Tense.PRESENT), (0.6, Tense.PAST)),
    "event": weighted((1.0, Tense.PAST), (0.3, Tense.FUTURE)),
}  # fmt: skip
_WHO = Subject("who", "qui", THIRD, THIRD, False, False, None)


def _questioned(rng: Random, who: Subject) -> tuple[Subject, Predicate, Tense]:
    """Draw the clause of a question; most are about others than the speaker."""
    while who.fr == "je":
        who = subject(rng)
    kind = rng.random()
    if kind < 0.4:
        what = doing_to_thing(rng, who, VERBS_WITH_THING.draw(rng))
    elif kind < 0.55:
        row = VERBS_WITH_PERSON.draw(rng)
        what = predicate(row.verb, person_for(rng, who))
    elif kind < 0.7:
        what = doing_alone(rng)
    elif kind < 0.8:
        what = being(who, FEELINGS.draw(rng))
    elif kind < 0.88:
        what = Predicate(AVOIR_IDIOMS.draw(rng).verb)
    elif kind < 0.95:
        what = going(rng)
    else:
        what = linked(_WANT, who, acting(rng, who))
    return who, what, _ASKED_TENSES[what.verb.aspect].draw(rng)


def yes_or_no(rng: Random) -> Pair:
    """Est-ce que tu connais ma sœur ? Do you know my sister?"""
    who, what, tense = _questioned(rng, subject(rng))
    return Pair(english(who, what, tense, question=True), f"est-ce que {french(who, what, tense)}")


def turned_around(rng: Random) -> Pair:
    """Parle-t-elle français ? Does she speak French?"""
    who, what, tense = _questioned(rng, pronoun(rng))
    return Pair(english(who, what, tense, question=True), french(who, what, tense, invert=True))


_WHAT_VERBS = Table(verbs("""
do = faire, eat = manger, want = vouloir, read = lire, look for = chercher, buy = acheter
see = voir, write = écrire, drink = boire, say = dire, watch = regarder, find = trouver
choose = choisir, understand = comprendre, hear = entendre, prepare = préparer, draw = dessiner
sell = vendre
"""))  # fmt: skip


def what_question(rng: Random) -> Pair:
    """Qu'est-ce que vous cherchez ? What are you looking for?"""
    who, what = other_than_i(rng), Predicate(_WHAT_VERBS.draw(rng))
    tense = _ASKED_TENSES[what.verb.aspect].draw(rng)
    asked = english(who, what, tense, question=True)
    if who.is_pronoun and tense is Tense.PRESENT and rng.random() < 0.4:
        return Pair(f"what {asked}", f"que {french(who, what, tense, invert=True)}")
    return Pair(f"what {asked}", f"qu'est-ce que {french(who, what, tense)}")


_ASKING = weighted(
    (1.0, Pair("why", "pourquoi")), (0.9, Pair("where", "où")), (0.8, Pair("when", "quand")),
    (0.3, Pair("how", "comment")), (0.4, Pair("with whom", "avec qui")),
)  # fmt: skip
_PLACED = Table([
    *(Predicate(the_verb) for the_verb in verbs("""
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


def asked(rng: Random) -> Pair:
    """Pourquoi est-ce que tu pleures ? Why are you crying?"""
    who, word = other_than_i(rng), _ASKING.draw(rng)
    if word.fr == "où":
        what = _PLACED.draw(rng)
    elif word.fr == "comment":
        what = going(rng)
    elif word.fr == "avec qui":
        what = Predicate(SHARED.draw(rng))
    elif word.fr == "pourquoi" and rng.random() < 0.5:
        what = being(who, FEELINGS.draw(rng))
    else:
        what = doing_alone(rng, where=0)
    tense = Tense.PAST if what.fr and word.fr == "où" else _ASKED_TENSES[what.verb.aspect].draw(rng)
    if word.fr == "quand" and tense in (Tense.PRESENT, Tense.IMPERFECT):
        tense = Tense.SOON
    question = english(who, what, tense, question=True)
    if who.is_pronoun and rng.random() < 0.5:
        return Pair(f"{word.en} {question}", f"{word.fr} {french(who, what, tense, invert=True)}")
    return Pair(f"{word.en} {question}", f"{word.fr} est-ce que {french(who, what, tense)}")


def where_is(rng: Random) -> Pair:
    """Où est la gare ? Where is the station?"""
    theme = ranked(("building", "thing", "clothes", "printed", "animal", "room")).draw(rng)
    phrase, _ = definite(rng, theme)
    if rng.random() < 0.35:
        phrase = other_person(rng)
    be, être = ("are", "sont") if phrase.plural else ("is", "est")
    return Pair(f"where {be} {phrase.en}", f"où {être} {phrase.fr}")


def who_question(rng: Random) -> Pair:
    """Qui a fermé la porte ? Who closed the door?"""
    kind = rng.random()
    if kind < 0.5:
        what = doing_to_thing(rng, None, VERBS_WITH_THING.draw(rng))
    elif kind < 0.75:
        what = predicate(VERBS_WITH_PERSON.draw(rng).verb, person_for(rng, None))
    else:
        what = doing_alone(rng)
    tense = _ASKED_TENSES[what.verb.aspect].draw(rng)
    return Pair(english(_WHO, what, tense), french(_WHO, what, tense))


_REQUESTS = weighted(
    (1.0, Pair("can you", "peux-tu")), (0.9, Pair("can you", "pouvez-vous")),
    (0.8, Pair("could you", "pourriez-vous")), (0.4, Pair("could you", "pourrais-tu")),
    (0.6, Pair("do you want to", "veux-tu")), (0.5, Pair("do you want to", "voulez-vous")),
    (0.4, Pair("can we", "pouvons-nous")), (0.3, Pair("must I", "dois-je")),
    (0.4, Pair("can I", "puis-je")),
)  # fmt: skip
_ASKED_FOR = Table([
    row
    for row in (*VERBS_WITH_THING.items, *VERBS_ALONE.items)
    if row.verb.en.base
    in ("open", "close", "wash", "repair", "clean", "explain", "bring", "buy", "prepare", "read",
        "look for", "wait", "take", "sing", "work", "speak French", "cook dinner", "write")
    and not row.verb.fr.reflexive
])  # fmt: skip


def request(rng: Random) -> Pair:
    """Pourriez-vous ouvrir la fenêtre ? Could you open the window?"""
    ask = _REQUESTS.draw(rng)
    what = doing(rng, _ASKED_FOR.draw(rng))
    return Pair(f"{ask.en} {english_infinitive(what)}", f"{ask.fr} {french_infinitive(what)}")


def about_person(rng: Random) -> Pair:
    """Comment va votre mère ? How is your mother?"""
    person = relative(rng, ranked((YOUR, YOUR_VOUS, THEIR)).draw(rng))
    kind = rng.random()
    if kind < 0.5:
        be, go = ("are", "vont") if person.plural else ("is", "va")
        return Pair(f"how {be} {person.en}", f"comment {go} {person.fr}")
    be, have = ("are", "ont") if person.plural else ("is", "a")
    return Pair(f"how old {be} {person.en}", f"quel âge {have} {person.fr}")
