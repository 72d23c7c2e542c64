"""Orders, exclamations and greetings."""

from random import Random

from tools.starter.clauses import ÊTRE, Tense, english_infinitive, french, spaced
from tools.starter.draw import Table, ranked, weighted
from tools.starter.english import BE_PAST, BE_PRESENT
from tools.starter.frames import deniable
from tools.starter.french import WE, YOU, YOU_ALL, elide, imperative
from tools.starter.lexicon import Pair, adjectives, listed, pairs
from tools.starter.people import NAMES, Subject, other_than_i
from tools.starter.phrases import OUR, SOME, YOUR, YOUR_VOUS, A, noun_phrase
from tools.starter.predicates import acting_plainly, being
from tools.starter.things import gift_for
from tools.starter.words.adjectives import NOUN_ADJECTIVES, TRAITS
from tools.starter.words.nouns import NOUNS
from tools.starter.words.verbs import VERBS_OF_GIVING

_ORDERING = weighted((1.0, YOU_ALL), (0.9, YOU), (0.5, WE))
_PLEASE = {YOU: "s'il te plaît", YOU_ALL: "s'il vous plaît"}
_OWN_OF = {YOU: YOUR, YOU_ALL: YOUR_VOUS, WE: OUR}


def order(rng: Random) -> Pair:
    """Ferme la porte, n'oubliez pas vos clés, allons au cinéma. Close the door, let us go."""
    person = _ORDERING.draw(rng)
    who = Subject("you", "", YOU, person, False, False, _OWN_OF[person], True)
    what = acting_plainly(rng, who)
    en = english_infinitive(what)
    form = imperative(what.verb.fr, person)
    if rng.random() < 0.3 and deniable(what):
        en = f"let us not {en}" if person == WE else f"do not {en}"
        return Pair(en, elide(spaced("ne", form, "pas", what.verb.fr.tail, what.fr_denied)))
    fr = spaced(form, what.verb.fr.tail, what.fr)
    if person == WE:
        return Pair(f"let us {en}", fr)
    if rng.random() < 0.35:
        return Pair(f"{en}, please", f"{fr}, {_PLEASE[person]}")
    return Pair(en, fr)


_RECEIVERS = Table(pairs("me = moi, us = nous, him = lui"))


def give_me(rng: Random) -> Pair:
    """Donne-moi la clé. Give me the key."""
    person = YOU if rng.random() < 0.5 else YOU_ALL
    row = VERBS_OF_GIVING.draw(rng)
    while row.verb.fr.infinitive == "expliquer":
        row = VERBS_OF_GIVING.draw(rng)
    to = _RECEIVERS.draw(rng)
    gift = gift_for(rng, row, None)
    form = imperative(row.verb.fr, person)
    en, fr = f"{row.verb.en.base} {to.en} {gift.en}", f"{form}-{to.fr} {gift.fr}"
    if rng.random() < 0.4:
        return Pair(f"{en}, please", f"{fr}, {_PLEASE[person]}")
    return Pair(en, fr)


_DISLIKED = Table(adjectives("""
late = en retard !, sad = triste, angry = en colère !, shy = timide, nervous = nerveux
jealous = jaloux jalouse, lazy = paresseux, surprised = surpris
"""))  # fmt: skip


def do_not_be(rng: Random) -> Pair:
    """Ne sois pas triste. Do not be sad."""
    person = YOU if rng.random() < 0.5 else YOU_ALL
    adjective = _DISLIKED.draw(rng)
    form = adjective.form(rng.random() < 0.3, person == YOU_ALL and rng.random() < 0.4)
    return Pair(f"do not be {adjective.en}", f"ne {imperative(ÊTRE, person)} pas {form}")


_EXCLAIMED = listed(
    "beautiful, big, good, interesting, fast, funny, strange, small, expensive, bad"
)


def what_a(rng: Random) -> Pair:
    """Quelle belle maison ! What a beautiful house!"""
    theme = ranked(("building", "thing", "clothes", "animal", "show", "vehicle", "room")).draw(rng)
    noun = NOUNS[theme].draw(rng)
    adjective = NOUN_ADJECTIVES[theme].draw(rng)
    while adjective.en not in _EXCLAIMED:
        adjective = NOUN_ADJECTIVES[theme].draw(rng)
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


_GREETINGS = Table(pairs("""
thank you very much = merci beaucoup, good evening = bonsoir, happy birthday = bon anniversaire
goodbye = au revoir, good night = bonne nuit, have a good trip = bon voyage, welcome = bienvenue
see you tomorrow = à demain, see you on Monday = à lundi, good luck = bonne chance
see you soon = à bientôt, congratulations = félicitations, good morning = bonjour
enjoy your meal = bon appétit, have a good day = bonne journée, see you tonight = à ce soir
"""))  # fmt: skip


def greeting(rng: Random) -> Pair:
    """Bonne nuit, Marie ! Good night, Marie!"""
    said, name = _GREETINGS.draw(rng), NAMES.draw(rng)
    return Pair(f"{said.en}, {name.en}", f"{said.fr}, {name.fr}")
