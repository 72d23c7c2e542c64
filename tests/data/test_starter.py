"""The starter corpus: its size and shape, and what its text has and never has."""

import math
import re
import subprocess
import sys
import time
from collections import Counter
from itertools import islice
from random import Random

import pytest

from s2s.data.starter import starter_pairs
from s2s.data.starter.generate import sentences
from s2s.data.starter.grammar import PATTERNS
from s2s.data.starter.words_nouns import NOUNS

WORD = re.compile(r"[^\W\d_]+'?|\d+|[.,!?]")


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    return starter_pairs()


@pytest.fixture(scope="module")
def english(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(english for english, _ in pairs)


@pytest.fixture(scope="module")
def french(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(french for _, french in pairs)


# ------------------------------------------------------------------ size and shape


def test_same_corpus_every_time(pairs: list[tuple[str, str]]) -> None:
    assert starter_pairs() == pairs


def test_same_corpus_whatever_the_hash_seed() -> None:
    program = (
        "from s2s.data.starter.generate import sentences; from itertools import islice;"
        "print(list(islice(sentences(0), 300)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_another_seed_makes_another_corpus() -> None:
    assert list(islice(sentences(1), 100)) != list(islice(sentences(0), 100))


def test_made_within_seconds() -> None:
    started = time.process_time()
    starter_pairs(seed=7)
    assert time.process_time() - started < 6  # 1.1 s where written; room for a slow machine


def test_many_distinct_pairs(pairs: list[tuple[str, str]]) -> None:
    assert len(pairs) == len(set(pairs)) >= 50_000


def test_each_french_sentence_once(pairs: list[tuple[str, str]]) -> None:
    assert len({french for _, french in pairs}) == len(pairs)


def test_french_decides_the_english() -> None:
    """Not by leaving out the second translation: the grammar never makes one."""
    made: dict[str, str] = {}
    for english, french in islice(sentences(3), 60_000):
        assert made.setdefault(french, english) == english, french


@pytest.mark.parametrize(("side", "types"), [(0, 600), (1, 1200)])
def test_vocabulary_lengths_and_zipf(pairs: list[tuple[str, str]], side: int, types: int) -> None:
    counts: Counter[str] = Counter()
    lengths = []
    for pair in pairs:
        tokens = WORD.findall(pair[side].lower())
        counts.update(tokens)
        lengths.append(len(tokens))
    assert len(counts) >= types
    assert 6 <= sum(lengths) / len(lengths) <= 9
    assert min(lengths) >= 3
    assert max(lengths) <= 14
    ranked = [
        (math.log(rank), math.log(count))
        for rank, (_, count) in enumerate(counts.most_common(500), 1)
    ]
    mean_x = sum(x for x, _ in ranked) / len(ranked)
    mean_y = sum(y for _, y in ranked) / len(ranked)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in ranked) / sum(
        (x - mean_x) ** 2 for x, _ in ranked
    )
    assert -1.3 < slope < -0.8


def test_no_first_words_dominate(pairs: list[tuple[str, str]]) -> None:
    starts = Counter(" ".join(english.split()[:2]) for english, _ in pairs)
    assert starts.most_common(1)[0][1] < len(pairs) / 20
    assert len(starts) > 1000


def test_every_pattern_is_used_and_explains_itself() -> None:
    for pattern, _ in PATTERNS.items:
        assert pattern.__doc__, pattern
        rng = Random(5)
        made = {pattern(rng) for _ in range(40)}
        assert len(made) > 8, pattern


# ------------------------------------------------------------------ all of the text

VOWEL = r"(?!onze|oui|yaourt|huit|haut|hér|hibou|hamster|haricot|hongr)[aeiouàâéèêëîïôûœh]"


@pytest.mark.parametrize(
    "forbidden",
    [
        r"\bde le\b", r"\bà le\b", r"\bde les\b", r"\bà les\b", r"\bde du\b", r"\bde des\b",
        rf"(?<!-)\b(?:je|me|te|se|ne|de|que|le|la) {VOWEL}", r"\bsi ils?\b",
        rf"\b(?:ma|ta|sa|ce) {VOWEL}",
        r"\b(?:beau|vieux|nouveau) (?:homme|ami|arbre|hôtel|hôpital|ordinateur|ours|appartement)\b",
        r"  ", r"\bpas (?:du|des|un|une) (?!de )(?:pain|eau)\b", r"[^ ][?!]", r"’", r" [.,]",
        r"\b(?:un|le|ce|mon|du) (?:maison|voiture|école|table|mère|sœur)\b",
        r"\b(?:une|la|cette|ma) (?:chien|chat|livre|père|frère|jardin|pain)\b",
        r"\bil est (?:\w+ée|allée)\b", r"\belle est (?:allé|parti|venu)\b", r"\bils? est allés\b",
        r"\bje (?:est|a|va|sont)\b", r"\bnous (?:est|ont|vont)\b(?! )", r"\bils (?:est|a|va)\b",
        r"\bne (?:\w+ ){1,2}ne\b", r"\bpas pas\b", r"\bj'y irai",
        r"\ben (?:Japon|Canada|Portugal)\b",
        r"\bau (?:France|Italie|Espagne)\b", r"\bsoeur|coeur|oeuf\b", r"\bd' | l' ",
    ],
)  # fmt: skip
def test_french_never_has(french: str, forbidden: str) -> None:
    found = re.search(rf"^.*(?:{forbidden}).*$", french, re.MULTILINE | re.IGNORECASE)
    assert found is None, found and found[0]


@pytest.mark.parametrize(
    "forbidden",
    [
        r"  ", r" [.,?!]", r"\ba (?!uni|use|euro|one)[aeiou]", r"\ban (?!hour|honest)[^aeiou]",
        r"\ban uni", r"\bI (?:is|are|has|does)\b",
        r"^(?:He|She|It) (?:am|are|have|do|were)\b", r"^(?:We|They|You) (?:am|is|has|does|was)\b",
        r"\b(?:can|must|will|would|should|could) (?:not )?(?:\w+ed|goes|has|is|was)\b(?<!need)",
        r"\bcan not\b", r"\bdo not never\b", r"\bdid not (?:was|were|had|went|ate|saw)\b",
        r"\bthe the\b", r"\ba the\b", r"\bto to\b", r"\bis going to is\b", r"\bnot not\b",
        r"\b(?:one|two|three) \w+ (?:is|was) ", r"\bn't\b", r"\bto (?:at|in) ",
    ],
)  # fmt: skip
def test_english_never_has(english: str, forbidden: str) -> None:
    found = re.search(rf"^.*(?:{forbidden}).*$", english, re.MULTILINE)
    assert found is None, found and found[0]


def test_sentences_begin_with_a_capital_and_end_with_a_mark(pairs: list[tuple[str, str]]) -> None:
    for english, french in pairs:
        assert english[0].isupper()
        assert french[0].isupper()
        assert english[-1] == french[-1]
        assert re.search(r"\w[.!?]$", english)
        assert re.search(r"\w(?:\.| !| \?)$", french)


@pytest.mark.parametrize("mark", [".", "?", "!"])
def test_every_kind_of_sentence_is_there(pairs: list[tuple[str, str]], mark: str) -> None:
    assert sum(english.endswith(mark) for english, _ in pairs) > 500


@pytest.mark.parametrize(
    "construct",
    [
        r"est-ce que", r"-t-(?:il|elle|on) ", r"\bqu'est-ce qu", r"\bcombien d", r"\bpourquoi\b",
        r"\bil y a\b", r"\bil faut\b", r"^C'est ", r"n'est pas", r"\bjamais\b", r"\bplus\b",
        r"\brien\b", r"\bpersonne\b", r"\bdepuis\b", r"\bplus \w+ que\b", r"\baussi \w+ qu",
        r"\bil pleut\b", r"\bvoudrais\b", r"\bme lève\b", r"\bai faim\b", r"\bpeur d", r"\baux? ",
        r"\bchez\b", r"\ben train\b", r"\bà pied\b", r"\bparce qu", r"\bquand\b", r"\bsi |s'il\b",
        r" qui ", r"\bs'il (?:vous|te) plaît", r"\bvien(?:s|t) de\b|venons de",
        r"\by (?:vais|va)\b",
        r"\bsœur\b", r"\bheures et demie\b", r"\bOn ", r"\bmédecin\b", r"\bhér|Hongrie",
        r"\bQuelle? ", r"\bbeaucoup d", r"\btasse d", r"\b(?:ans|mois)\.$",
    ],
)  # fmt: skip
def test_construct_is_there(french: str, construct: str) -> None:
    assert len(re.findall(construct, french, re.MULTILINE | re.IGNORECASE)) >= 10


def test_words_of_each_theme_are_drawn(french: str) -> None:
    written_words = set(WORD.findall(french.lower()))
    for theme, nouns in NOUNS.items():
        drawn = [
            noun for noun in nouns.items if set(WORD.findall(noun.fr.lower())) <= written_words
        ]
        assert len(drawn) >= 0.7 * len(nouns.items), theme
