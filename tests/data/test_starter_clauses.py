"""The starter corpus's noun phrases and clauses: both languages, written down by hand."""

import pytest

from s2s.data.starter.clauses import (
    NEVER,
    NOT,
    PLAIN,
    Predicate,
    Tense,
    english,
    french,
    inverted,
)
from s2s.data.starter.generate import written
from s2s.data.starter.lexicon import Noun, Pair, adjectives, verb
from s2s.data.starter.people import PRONOUNS, Subject
from s2s.data.starter.phrases import HER, HIS, MY, OUR, SOME, THE, THIS, A, noun_phrase
from s2s.data.starter.words_nouns import NOUNS

# ------------------------------------------------------------------ noun phrases


def the_noun(theme: str, french_word: str) -> Noun:
    return next(noun for noun in NOUNS[theme].items if noun.fr == french_word)


BEAUTIFUL, OLD, SMALL, BLACK, NEW = adjectives(
    "handsome/beautiful = <beau belle bel, old = <vieux vieille vieil, small = <petit, "
    "black = noir, new = <nouveau nouvelle nouvel"
)


@pytest.mark.parametrize(
    ("determiner", "noun", "plural", "adjective", "color", "fr", "en"),
    [
        (A, ("animal", "chat"), False, SMALL, BLACK, "un petit chat noir", "a small black cat"),
        (A, ("building", "maison"), False, BEAUTIFUL, None, "une belle maison",
         "a beautiful house"),
        (A, ("person", "homme"), False, BEAUTIFUL, None, "un bel homme", "a handsome man"),
        (A, ("family", "ami"), False, OLD, None, "un vieil ami", "an old friend"),
        (A, ("vehicle", "voiture"), False, NEW, None, "une nouvelle voiture", "a new car"),
        (A, ("thing", "fleur"), True, BEAUTIFUL, None, "de belles fleurs", "beautiful flowers"),
        (MY, ("family", "amie"), False, None, None, "mon amie", "my friend"),
        (HER, ("building", "école"), False, None, None, "son école", "her school"),
        (HIS, ("clothes", "écharpe"), False, None, None, "son écharpe", "his scarf"),
        (MY, ("family", "amie"), False, OLD, None, "ma vieille amie", "my old friend"),
        (THE, ("person", "héros"), False, None, None, "le héros", "the hero"),
        (THE, ("person", "homme"), False, None, None, "l'homme", "the man"),
        (THE, ("person", "homme"), False, OLD, None, "le vieil homme", "the old man"),
        (THIS, ("nature", "arbre"), False, None, None, "cet arbre", "this tree"),
        (THIS, ("nature", "arbre"), False, NEW, None, "ce nouvel arbre", "this new tree"),
        (OUR, ("family", "enfants"), False, None, None, "nos enfants", "our children"),
        (SOME, ("drink", "eau"), False, None, None, "de l'eau", "water"),
        (SOME, ("food", "pain"), False, None, None, "du pain", "bread"),
        (A, ("reading", "journal"), True, None, None, "des journaux", "newspapers"),
        (A, ("animal", "oiseau"), True, OLD, None, "de vieux oiseaux", "old birds"),
    ],
)  # fmt: skip
def test_noun_phrases(determiner, noun, plural, adjective, color, fr, en) -> None:  # type: ignore[no-untyped-def]
    phrase = noun_phrase(determiner, the_noun(*noun), plural, adjective, color)
    assert (phrase.fr, phrase.en) == (fr, en)


@pytest.mark.parametrize(
    ("determiner", "noun", "plural", "denied"),
    [(SOME, ("food", "pain"), False, "de pain"), (A, ("food", "orange"), True, "d'oranges"),
     (THE, ("food", "pain"), False, "le pain"), (MY, ("thing", "clé"), False, "ma clé"),
     (A, ("food", "haricot"), True, "de haricots")],
)  # fmt: skip
def test_after_pas(determiner, noun, plural, denied) -> None:  # type: ignore[no-untyped-def]
    assert noun_phrase(determiner, the_noun(*noun), plural).fr_denied == denied


# ------------------------------------------------------------------ clauses


def who(fr: str, feminine: bool = False) -> Subject:
    return next(found for found in PRONOUNS.items if found.fr == fr and found.feminine is feminine)


EAT_BREAD = Predicate(verb("eat", "manger"), "bread", "du pain", "de pain")


@pytest.mark.parametrize(
    ("subject", "what", "tense", "middle", "fr", "en"),
    [
        (who("il"), EAT_BREAD, Tense.PRESENT, PLAIN, "Il mange du pain.",
         "He is eating bread."),
        (who("je"), EAT_BREAD, Tense.HABIT, NEVER, "Je ne mange jamais de pain.",
         "I never eat bread."),
        (who("nous"), EAT_BREAD, Tense.PAST, NOT, "Nous n'avons pas mangé de pain.",
         "We did not eat bread."),
        (who("elle", True), Predicate(verb("leave", "partir")), Tense.PAST, PLAIN,
         "Elle est partie.", "She left."),
        (who("elles", True), Predicate(verb("leave", "partir")), Tense.PAST, NOT,
         "Elles ne sont pas parties.", "They did not leave."),
        (who("je", True), Predicate(verb("get up", "se lever")), Tense.PAST, PLAIN,
         "Je me suis levée.", "I got up."),
        (who("on"), Predicate(verb("get dressed", "s'habiller")), Tense.SOON, PLAIN,
         "On va s'habiller.", "We are going to get dressed."),
        (who("elle", True), Predicate(verb("wash", "se laver les mains"), "her hands"),
         Tense.PAST, PLAIN, "Elle s'est lavé les mains.", "She washed her hands."),
        (who("je"), Predicate(verb("be hungry", "avoir faim")), Tense.PRESENT, NOT,
         "Je n'ai pas faim.", "I am not hungry."),
        (who("il"), Predicate(verb("see", "voir"), "her", "", "", "la", True), Tense.PAST,
         PLAIN, "Il l'a vue.", "He saw her."),
        (who("vous"), Predicate(verb("see", "voir"), "them", "", "", "les", False, True),
         Tense.PAST, PLAIN, "Vous les avez vus.", "You saw them."),
        (who("tu"), Predicate(verb("see", "voir"), "me", "", "", "me"), Tense.SOON, NOT,
         "Tu ne vas pas me voir.", "You are not going to see me."),
    ],
)  # fmt: skip
def test_clauses(subject, what, tense, middle, fr, en) -> None:  # type: ignore[no-untyped-def]
    said = Pair(english(subject, what, tense, middle), french(subject, what, tense, middle))
    assert written(said, ".") == (en, fr)


@pytest.mark.parametrize(
    ("form", "pronoun", "turned"),
    [("parle", "il", "parle-t-il"), ("va", "elle", "va-t-elle"), ("as", "tu", "as-tu"),
     ("prend", "on", "prend-on"), ("voulez", "vous", "voulez-vous"), ("a", "on", "a-t-on")],
)  # fmt: skip
def test_inversion(form: str, pronoun: str, turned: str) -> None:
    assert inverted(form, pronoun) == turned
