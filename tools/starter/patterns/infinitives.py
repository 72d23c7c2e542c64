"""Sentences with an infinitive: wanting to, having to, being able to."""

from random import Random
from typing import NamedTuple

from tools.starter.clauses import (
    NOT,
    PLAIN,
    REFLEXIVE,
    Predicate,
    Tense,
    clause,
    english_infinitive,
    french,
    french_infinitive,
    predicate,
    spaced,
    with_tail,
)
from tools.starter.draw import Table, ranked, weighted
from tools.starter.frames import deniable, say
from tools.starter.french import YOU, YOU_ALL, elide, french_verb
from tools.starter.lexicon import Pair, verb
from tools.starter.people import PRONOUNS, subject
from tools.starter.predicates import (
    ACTING_ROWS,
    Modal,
    acting,
    acting_plainly,
    doing,
    doing_alone,
    doing_to_thing,
    in_state,
    linked,
)
from tools.starter.things import thing
from tools.starter.words.places import PLACES, PURPOSES
from tools.starter.words.verbs import SKILLS, TOO, VERBS_ALONE, VERBS_WITH_THING

_MODALS = weighted(
    (1.0, Modal(verb("want to", "vouloir"))),
    (0.5, Modal(verb("like to", "aimer"))),
    (0.3, Modal(verb("know how to", "savoir"))),
    (0.25, Modal(verb("prefer to", "préférer"))),
    (0.2, Modal(verb("hope to", "espérer"))),
)


def wanted(rng: Random) -> Pair:
    """Elle veut acheter une voiture. She wants to buy a car."""
    who, modal = subject(rng), _MODALS.draw(rng)
    if modal.verb.fr.infinitive == "savoir":
        return say(rng, who, linked(modal, who, Predicate(SKILLS.draw(rng))))
    return say(rng, who, linked(modal, who, acting(rng, who)))


_LINKED = weighted(
    (0.8, Modal(verb("begin to", "commencer"), "à")),
    (0.8, Modal(verb("try to", "essayer"), "de")),
    (0.6, Modal(verb("forget to", "oublier"), "de")),
    (0.5, Modal(verb("decide to", "décider"), "de")),
    (0.4, Modal(verb("learn to", "apprendre"), "à")),
    (0.4, Modal(verb("continue to", "continuer"), "à")),
    (0.3, Modal(verb("refuse to", "refuser"), "de")),
)


def tried(rng: Random) -> Pair:
    """Il essaie d'ouvrir la porte. He is trying to open the door."""
    who, modal = subject(rng), _LINKED.draw(rng)
    if modal.verb.fr.infinitive == "apprendre":
        what = Predicate(SKILLS.draw(rng))
    elif modal.verb.fr.infinitive == "continuer" or rng.random() < 0.5:
        what = doing_alone(rng, where=0.15)
    else:
        what = doing_to_thing(rng, who, ACTING_ROWS.draw(rng))
    return say(rng, who, linked(modal, who, what))


class _Power(NamedTuple):
    """A French verb in one tense that English puts with one fixed auxiliary."""

    en: str
    fr: str
    tense: Tense


_POWERS = weighted(
    (1.0, _Power("can", "pouvoir", Tense.PRESENT)),
    (0.9, _Power("must", "devoir", Tense.PRESENT)),
    (0.3, _Power("should", "devoir", Tense.CONDITIONAL)),
    (0.3, _Power("could", "pouvoir", Tense.IMPERFECT)),
)


def able(rng: Random) -> Pair:
    """Je ne peux pas dormir, tu dois partir. I cannot sleep, you must leave."""
    who, power = subject(rng), _POWERS.draw(rng)
    what = linked(Modal(verb(power.en, power.fr)), who, acting(rng, who))
    middle = NOT if rng.random() < 0.3 and deniable(what) else PLAIN
    said = spaced(who.en, power.en, middle.en, what.en).replace("can not", "cannot")
    return Pair(said, french(who, what, power.tense, middle))


def needed(rng: Random) -> Pair:
    """Il faut fermer la porte, il ne faut pas fumer. We have to close the door."""
    what = acting_plainly(rng)
    en = english_infinitive(what)
    if rng.random() < 0.3 and deniable(what):
        return Pair(f"we must not {en}", f"il ne faut pas {french_infinitive(what, denied=True)}")
    return Pair(f"we have to {en}", f"il faut {french_infinitive(what)}")


_FINISHING = Table([
    row
    for row in (*VERBS_ALONE.items, *VERBS_WITH_THING.items)
    if row.verb.en.base
    in ("arrive", "leave", "buy", "find", "get up", "wake up", "eat", "close", "open", "wash",
        "finish", "repair", "sell", "break", "receive", "lose", "take the train", "see")
])  # fmt: skip


def just_done(rng: Random) -> Pair:
    """Il vient de partir. He just left."""
    who = subject(rng)
    what = doing(rng, _FINISHING.draw(rng), who)
    come = french_verb("venir").present[who.fr_person]
    return Pair(
        spaced(who.en, "just", what.verb.en.past, what.en),
        elide(f"{who.fr} {come} de {french_infinitive(what, who.fr_person)}"),
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


_GO = verb("go", "aller")
_PURPOSE_PLACES = Table(PURPOSES)
_PURPOSE_TENSES = weighted((1.0, Tense.PRESENT), (0.8, Tense.PAST), (0.4, Tense.SOON))


def for_purpose(rng: Random) -> Pair:
    """Elle va au marché pour acheter du pain. She is going to the market to buy bread."""
    who, key = subject(rng), _PURPOSE_PLACES.draw(rng)
    place, purpose = PLACES[key], PURPOSES[key].draw(rng)
    tense = _PURPOSE_TENSES.draw(rng)
    said = clause(who, Predicate(_GO, place.to, place.fr), tense)
    bare = purpose.fr.replace("se ", REFLEXIVE[who.fr_person] + " ")
    return with_tail(said, Pair(f"to {purpose.en}", f"pour {bare}"))


_FEEL_LIKE = Modal(verb("feel like", "avoir envie"), "de")


def feel_like(rng: Random) -> Pair:
    """J'ai envie de dormir. I feel like sleeping."""
    who = subject(rng)
    what = acting(rng, who)
    feeling = linked(_FEEL_LIKE, who, what)._replace(en=spaced(what.verb.en.ing, what.en))
    middle = NOT if rng.random() < 0.5 and deniable(what) else PLAIN
    return clause(who, feeling, Tense.PRESENT, middle)


def too_much_to(rng: Random) -> Pair:
    """Il est trop jeune pour conduire. He is too young to drive."""
    who, cause = subject(rng), TOO.draw(rng)
    what = Predicate(ranked(cause.verbs).draw(rng))
    state = in_state(who, cause, Pair("too", "trop"))
    bare = french_infinitive(what, who.fr_person)
    tense = Tense.PRESENT if rng.random() < 0.75 else Tense.IMPERFECT
    return with_tail(clause(who, state, tense), Pair(f"to {what.verb.en.base}", f"pour {bare}"))
