"""Sentences of two clauses."""

from random import Random

from tools.starter.clauses import NOT, Predicate, Tense, clause
from tools.starter.draw import Table, ranked, weighted
from tools.starter.french import ME, WE, YOU, YOU_ALL
from tools.starter.lexicon import Pair, Verb, pairs, verb, verbs
from tools.starter.people import (
    FAMILY_DETERMINERS,
    FRIENDLY_PLURALS,
    PRONOUNS,
    Subject,
    again,
    other_person,
    relative,
    subject,
    third_person,
)
from tools.starter.phrases import THE, A, noun_phrase
from tools.starter.predicates import (
    BE,
    SKY,
    becoming,
    being,
    doing_alone,
    going,
    in_state,
    living,
)
from tools.starter.words.adjectives import FEELINGS, THING_STATES, TRAITS
from tools.starter.words.nouns import NOUNS
from tools.starter.words.verbs import AVOIR_IDIOMS, CAUSES, HINDRANCES

_RESTORING = ("dormir", "reposer", "manger", "pleurer")


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
        while what.verb.fr.infinitive in _RESTORING:  # "he does not eat because he is hungry"
            what = doing_alone(rng, where=0.15)
        if what.verb.aspect == "event":
            act_tense, be_tense = Tense.PAST, Tense.IMPERFECT
        first = clause(who, what, act_tense, NOT)
    reason = clause(again(who), in_state(again(who), cause), be_tense)
    return Pair(f"{first.en} because {reason.en}", f"{first.fr} parce que {reason.fr}")


_OPINIONS = weighted(
    (1.0, verb("think", "penser")), (0.7, verb("know", "savoir")), (0.4, verb("believe", "croire")),
    (0.5, verb("say", "dire")), (0.4, verb("hope", "espérer")),
)  # fmt: skip


def _clashing(who: Subject, other: Subject) -> bool:
    """Return whether two subjects do not go together: "nous espérons que je"."""
    if not who.is_pronoun and not other.is_pronoun:
        return True
    overlapping = ({ME, WE}, {YOU, YOU_ALL})
    return who.fr != other.fr and any(
        {who.en_person, other.en_person} == side for side in overlapping
    )


def thinks_that(rng: Random) -> Pair:
    """Je pense que tu as raison. I think that you are right."""
    who, the_verb, other = subject(rng), _OPINIONS.draw(rng), subject(rng)
    while _clashing(who, other):
        other = subject(rng)
    kind = 1.0 if the_verb.fr.infinitive == "espérer" else rng.random()
    if kind < 0.4:
        tired = rng.random() < 0.65
        what = being(other, FEELINGS.draw(rng)) if tired else Predicate(AVOIR_IDIOMS.draw(rng).verb)
        second = clause(other, what, Tense.PRESENT)
    elif kind < 0.6:
        second = clause(other, being(other, TRAITS.draw(rng)), Tense.PRESENT)
    else:
        what = doing_alone(rng, 0.2) if rng.random() < 0.6 else going(rng)
        past = rng.random() < 0.35 and the_verb.fr.infinitive != "espérer"
        second = clause(other, what, Tense.PAST if past else Tense.FUTURE)
    first = clause(who, Predicate(the_verb), Tense.HABIT)
    return Pair(f"{first.en} that {second.en}", f"{first.fr} que {second.fr}")


_INTERRUPTIONS = Table(pairs("""
the phone rang = le téléphone a sonné, the train arrived = le train est arrivé
it began to rain = il a commencé à pleuvoir, the bus arrived = le bus est arrivé
"""))  # fmt: skip
_ARRIVALS = Table(verbs("""
arrive = arriver, call = appeler, leave = partir, come in = entrer, fall = tomber
"""))  # fmt: skip


def while_then(rng: Random) -> Pair:
    """Il dormait quand le téléphone a sonné. He was sleeping when the phone rang."""
    who, what = subject(rng), doing_alone(rng, where=0.2)
    while what.verb.aspect != "action":
        what = doing_alone(rng, where=0.2)
    first = clause(who, what, Tense.IMPERFECT)
    second = _INTERRUPTIONS.draw(rng)
    if rng.random() < 0.6:
        other = third_person(other_person(rng))
        second = clause(other, Predicate(_ARRIVALS.draw(rng)), Tense.PAST)
    return Pair(f"{first.en} when {second.en}", f"{first.fr} quand {second.fr}")


_OUTDOORS = Table(verbs("""
go to the park = aller au parc, go to the beach = aller à la plage, take a walk = se promener
swim = nager, play soccer = jouer au football, run = courir, go to town = aller en ville
"""))  # fmt: skip
_INDOORS = Table(verbs("""
stay at home = rester à la maison, read = lire, sleep = dormir, take the bus = prendre le bus
watch television = regarder la télévision, play cards = jouer aux cartes, cook = cuisiner
go to the movies = aller au cinéma
"""))  # fmt: skip
_FAIR = frozenset({"beau", "chaud"})


def _staying(rng: Random, sky: Verb) -> Predicate:
    """Draw what people do in this weather: stay at home, go to the beach."""
    return Predicate((_OUTDOORS if sky.fr.tail in _FAIR else _INDOORS).draw(rng))


def when_habit(rng: Random) -> Pair:
    """Quand il pleut, je reste à la maison. When it rains, I stay at home."""
    who = subject(rng)
    if rng.random() < 0.5:
        sky_subject, sky = SKY.draw(rng)
        condition = clause(sky_subject, Predicate(sky), Tense.HABIT)
        what = _staying(rng, sky)
    else:
        cause = CAUSES.draw(rng)
        condition = clause(who, in_state(who, cause), Tense.HABIT)
        who, what = again(who), Predicate(ranked(cause.verbs).draw(rng))
    result = clause(who, what, Tense.HABIT)
    return Pair(f"when {condition.en}, {result.en}", f"quand {condition.fr}, {result.fr}")


def if_then(rng: Random) -> Pair:
    """S'il fait beau, nous irons à la plage. If the weather is nice, we will go to the beach."""
    who, (sky_subject, sky) = subject(rng), SKY.draw(rng)
    condition = clause(sky_subject, Predicate(sky), Tense.HABIT)
    result = clause(who, _staying(rng, sky), Tense.FUTURE)
    return Pair(f"if {condition.en}, {result.en}", f"si {condition.fr}, {result.fr}")


_MADE_THINGS = weighted(
    (1.0, (verb("read", "lire"), "reading")), (0.9, (verb("buy", "acheter"), "garment")),
    (0.8, (verb("buy", "acheter"), "thing")), (0.5, (verb("write", "écrire"), "writing")),
    (0.5, (verb("see", "voir"), "show")), (0.4, (verb("wear", "porter"), "clothes")),
    (0.3, (verb("lose", "perdre"), "thing")), (0.3, (verb("find", "trouver"), "animal")),
    (0.3, (verb("choose", "choisir"), "furniture")),
)  # fmt: skip


def which_one_did(rng: Random) -> Pair:
    """La lettre que j'ai écrite est longue. The letter that I wrote is long."""
    the_verb, theme = _MADE_THINGS.draw(rng)
    noun = NOUNS[theme].draw(rng)
    plural = noun.kind == "count" and rng.random() < 0.25
    phrase, who = noun_phrase(THE, noun, plural), PRONOUNS.draw(rng)
    done = Predicate(the_verb, clitic_feminine=phrase.feminine, clitic_plural=phrase.plural)
    tense = Tense.PAST if the_verb.aspect != "action" or rng.random() < 0.6 else Tense.PRESENT
    said = clause(who, done, tense)
    whole = third_person(
        phrase._replace(en=f"{phrase.en} that {said.en}", fr=f"{phrase.fr} que {said.fr}")
    )
    adjective = THING_STATES["reading" if theme == "writing" else theme].draw(rng)
    return clause(whole, being(whole, adjective), Tense.PRESENT)


def who_does(rng: Random) -> Pair:
    """L'homme qui chante est mon oncle. The man who is singing is my uncle."""
    who = third_person(noun_phrase(THE, NOUNS["person"].draw(rng)))
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
    who, noun = subject(rng), NOUNS["family"].draw(rng)
    while noun.kind == "plural" or noun.en not in FRIENDLY_PLURALS:
        noun = NOUNS["family"].draw(rng)
    friend = noun_phrase(A, noun)
    other = third_person(friend)._replace(en=f"{friend.en} who", fr=f"{friend.fr} qui")
    said = clause(other, living(rng), Tense.HABIT)
    return clause(who, Predicate(verb("have", "avoir"), said.en, said.fr), Tense.PRESENT)
