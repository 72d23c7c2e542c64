"""The grammar of the starter corpus: forms and clauses against hand-written ones."""

import pytest

from tools.starter.clauses import NEVER, NOT, PLAIN, Predicate, Tense, english, french, inverted
from tools.starter.english import article, english_verb, plural_s
from tools.starter.french import (
    agree,
    contract,
    elide,
    french_feminine,
    french_plural,
    french_verb,
    imperative,
)
from tools.starter.generate import write_sentence
from tools.starter.lexicon import Pair, verb
from tools.starter.people import PRONOUNS


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (french_verb("manger").imperfect[0], "mangeais"),
        (french_verb("préférer").future[0], "préférerai"),
        (french_verb("acheter").present[5], "achètent"),
        (french_verb("nettoyer").present[2], "nettoie"),
        (french_verb("finir").present[3], "finissons"),
        (french_verb("vouloir").conditional[4], "voudriez"),
        (french_verb("prendre").participle, "pris"), (french_verb("devoir").participle, "dû"),
        (imperative(french_verb("parler"), 1), "parle"),
        (imperative(french_verb("avoir"), 4), "ayez"),
        (agree("parti", True, True), "parties"), (agree("pris", False, True), "pris"),
        (french_plural("journal"), "journaux"), (french_plural("bras"), "bras"),
        (french_feminine("heureux"), "heureuse"), (french_feminine("jeune"), "jeune"),
        (elide("je habite"), "j'habite"), (elide("le héros"), "le héros"),
        (elide("si il pleut"), "s'il pleut"), (elide("si elle"), "si elle"),
        (elide("parce que elle"), "parce qu'elle"), (elide("donne-le à"), "donne-le à"),
        (elide("quelque ami"), "quelque ami"), (elide("de onze"), "de onze"),
        (contract("à", "le marché"), "au marché"), (contract("de", "les États"), "des États"),
        (contract("de", "l'homme"), "de l'homme"), (contract("de", "Alice"), "d'Alice"),
        (inverted("parle", "il"), "parle-t-il"), (inverted("prend", "on"), "prend-on"),
        (",".join(english_verb("look for")[1:5]), "looks for,looked for,looked for,looking for"),
        (",".join(english_verb("stop")[1:5]), "stops,stopped,stopped,stopping"),
        (",".join(english_verb("study")[1:5]), "studies,studied,studied,studying"),
        (",".join(english_verb("write")[1:5]), "writes,wrote,written,writing"),
        (article("hour"), "an"), (article("university"), "a"), (article("umbrella"), "an"),
        (plural_s("box"), "boxes"), (plural_s("story"), "stories"), (plural_s("key"), "keys"),
    ],
)  # fmt: skip
def test_forms(form: str, expected: str) -> None:
    assert form == expected


EAT_BREAD = Predicate(verb("eat", "manger"), "bread", "du pain", "de pain")
LEAVE = Predicate(verb("leave", "partir"))
WASH_HANDS = Predicate(verb("wash", "se laver les mains"), "her hands")
SEE_HER = Predicate(verb("see", "voir"), "her", "", "", "la", True)
SEE_ME = Predicate(verb("see", "voir"), "me", "", "", "me")


@pytest.mark.parametrize(
    ("pronoun", "feminine", "what", "tense", "middle", "fr", "en"),
    [
        ("il", False, EAT_BREAD, Tense.PRESENT, PLAIN, "Il mange du pain.", "He is eating bread."),
        ("je", False, EAT_BREAD, Tense.HABIT, NEVER, "Je ne mange jamais de pain.",
         "I never eat bread."),
        ("nous", False, EAT_BREAD, Tense.PAST, NOT, "Nous n'avons pas mangé de pain.",
         "We did not eat bread."),
        ("elles", True, LEAVE, Tense.PAST, NOT, "Elles ne sont pas parties.",
         "They did not leave."),
        ("elle", True, WASH_HANDS, Tense.PAST, PLAIN, "Elle s'est lavé les mains.",
         "She washed her hands."),
        ("il", False, SEE_HER, Tense.PAST, PLAIN, "Il l'a vue.", "He saw her."),
        ("tu", False, SEE_ME, Tense.SOON, NOT, "Tu ne vas pas me voir.",
         "You are not going to see me."),
    ],
)  # fmt: skip
def test_clauses(pronoun, feminine, what, tense, middle, fr, en) -> None:  # type: ignore[no-untyped-def]
    subject = next(
        each for each in PRONOUNS.items if each.fr == pronoun and each.feminine is feminine
    )
    words = Pair(english(subject, what, tense, middle), french(subject, what, tense, middle))
    assert write_sentence(words, ".") == (en, fr)
