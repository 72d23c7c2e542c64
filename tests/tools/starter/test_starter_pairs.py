"""The starter corpus: the shipped pairs are the generated ones, and their grammar is right."""

import gzip
import re
from itertools import islice

import pytest

from s2s.data.catalog import STARTER_FILE
from tools.starter.generate import sentences, starter_pairs

Pairs = list[tuple[str, str]]
VOWEL = r"(?!onze|oui|yaourt|huit|haut|hér|hibou|hamster|haricot|hongr)[aeiouàâéèêëîïôûœh]"
NOT_FRENCH = [
    r"\b(?:de|à) les?\b", r"\bde d[ue]s?\b", r"\bsi ils?\b", r"\bpas pas\b", r"\bj'y irai",
    rf"(?<!-)\b(?:je|me|te|se|ne|de|que|le|la|ma|ta|sa|ce) {VOWEL}", r"\bd' | l' ",
    r"\b(?:beau|vieux|nouveau) (?:homme|ami|arbre|hôtel|hôpital|ordinateur|ours|appartement)\b",
    r"  ", r"[^ ][?!]", r"’", r" [.,]", r"\bsoeur|coeur|oeuf\b", r"\bne (?:\w+ ){1,2}ne\b",
    r"\b(?:un|le|ce|mon|du) (?:maison|voiture|école|table|mère|sœur)\b",
    r"\b(?:une|la|cette|ma) (?:chien|chat|livre|père|frère|jardin|pain)\b",
    r"\bil est (?:\w+ée|allée)\b", r"\belle est (?:allé|parti|venu)\b", r"\bils? est allés\b",
    r"\bje (?:est|a|va|sont)\b", r"\bnous (?:est|ont|vont)\b(?! )", r"\bils (?:est|a|va)\b",
    r"\ben (?:Japon|Canada|Portugal)\b", r"\bau (?:France|Italie|Espagne)\b",
    r"(?-i:^[^A-ZÀ-Ý])", r"(?<!\w)\.$", r"(?<!\w )[!?]$", r"[^.!?]$",
]  # fmt: skip
NOT_ENGLISH = [
    r"  ", r" [.,?!]", r"\ba (?!uni|use|euro|one)[aeiou]", r"\ban (?!hour|honest)[^aeiou]",
    r"\ban uni", r"\bI (?:is|are|has|does)\b", r"\b(?:the|a) the\b", r"\bto (?:to|at|in) ",
    r"^(?:He|She|It) (?:am|are|have|do|were)\b", r"^(?:We|They|You) (?:am|is|has|does|was)\b",
    r"\b(?:can|must|will|would|should|could) (?:not )?(?:\w+ed|goes|has|is|was)\b(?<!need)",
    r"\b(?:can|do) not (?:not|never)\b", r"\bdid not (?:was|were|had|went|ate|saw)\b",
    r"\b(?:one|two|three) \w+ (?:is|was) ", r"\bn't\b", r"\bis going to is\b", r"\bcan not\b",
    r"^[^A-Z]", r"[^.!?]$",
]  # fmt: skip


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return starter_pairs()


def test_the_shipped_pairs_are_the_generated_ones(pairs: Pairs) -> None:
    """`python -m tools.starter` writes the new pairs after a change of the grammar."""
    text = gzip.decompress(STARTER_FILE.read_bytes()).decode("utf-8")
    assert [tuple(line.split("\t")) for line in text.splitlines()] == pairs


@pytest.mark.long
def test_each_french_sentence_is_unique_and_has_one_translation(pairs: Pairs) -> None:
    assert len({french for _, french in pairs}) == len(pairs)
    english_of: dict[str, str] = {}
    for english, french in islice(sentences(3), 20_000):
        assert english_of.setdefault(french, english) == english, french


@pytest.mark.long
def test_no_sentence_breaks_the_grammar(pairs: Pairs) -> None:
    english, french = ("\n".join(side) for side in zip(*pairs, strict=True))
    found = [
        re.search(rf"^.*(?:{forbidden}).*$", text, flags)
        for text, rules, flags in (
            (english, NOT_ENGLISH, re.MULTILINE),
            (french, NOT_FRENCH, re.MULTILINE | re.IGNORECASE),
        )
        for forbidden in rules
    ]
    assert [match[0] for match in found if match] == []
