"""Noun phrases: a determiner, a noun and its adjectives, in agreement."""

from functools import cache
from typing import NamedTuple

from tools.starter.english import article
from tools.starter.french import begins_with_vowel, elide
from tools.starter.lexicon import Adjective, Noun
from tools.starter.words.times import NUMBERS


class Phrase(NamedTuple):
    """A noun phrase. `fr_denied` is what it becomes after "pas": du pain -> de pain."""

    en: str
    fr: str
    fr_denied: str
    feminine: bool = False
    plural: bool = False


class Determiner(NamedTuple):
    """A determiner in all its forms; the vowel forms go before vowels."""

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
    Determiner("", number.en, "", "", number.fr, "", "") for number in NUMBERS.items[:8]
)
"""Two apples, three apples: numbers as determiners."""
OWN = Determiner("own", "", "", "", "", "", "")
"""Stands for the possessive of the subject, whoever that is."""


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
