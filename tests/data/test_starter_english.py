"""The starter corpus's English: forms that were written down by hand."""

import pytest

from s2s.data.starter.english import article, english_verb, plural_s


@pytest.mark.parametrize(
    ("phrase", "forms"),
    [
        ("look for", "look for,looks for,looked for,looked for,looking for"),
        ("stop", "stop,stops,stopped,stopped,stopping"),
        ("study", "study,studies,studied,studied,studying"),
        ("write", "write,writes,wrote,written,writing"),
        ("see", "see,sees,saw,seen,seeing"), ("watch", "watch,watches,watched,watched,watching"),
        ("prefer", "prefer,prefers,preferred,preferred,preferring"),
        ("clean", "clean,cleans,cleaned,cleaned,cleaning"),
        ("go to bed", "go to bed,goes to bed,went to bed,gone to bed,going to bed"),
        ("play", "play,plays,played,played,playing"), ("cut", "cut,cuts,cut,cut,cutting"),
    ],
)  # fmt: skip
def test_english_verbs(phrase: str, forms: str) -> None:
    assert ",".join(english_verb(phrase)[:5]) == forms


@pytest.mark.parametrize(
    ("word", "expected"),
    [("apple", "an"), ("hour", "an"), ("university", "a"), ("house", "a"), ("old man", "an"),
     ("European", "a"), ("umbrella", "an"), ("honest man", "an")],
)  # fmt: skip
def test_articles(word: str, expected: str) -> None:
    assert article(word) == expected


@pytest.mark.parametrize(
    ("word", "plural"),
    [("box", "boxes"), ("story", "stories"), ("key", "keys"), ("dish", "dishes"), ("cat", "cats")],
)
def test_english_plurals(word: str, plural: str) -> None:
    assert plural_s(word) == plural
