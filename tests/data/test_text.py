"""Text to words and back."""

import re
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import Normalizer
from s2s.data.text import SENTENCE_END, join_words, split_sentence, split_words

# Characters that the normalizers treat specially, close together.
TRICKY = st.text(
    "abdstéÉœŒßİ15 .,:;!?…'’´-_\"«»()[]\t\r\u2028\u00a0\u202f\u2009\u200b\u00ad\u0301"
    "日本語かー。कि่",
    max_size=14,
)
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=30)
LINE = st.one_of(ANY, TRICKY)
PIECES = [
    *("l'homme", "c'était", "aujourd'hui", "qu'on", "don't", "it's", "we'll", "est-ce", "dit-il"),
    *("12.5", "7:30", "42", "東京", "です", "œuf", "été", "straße", "привет", "snake_case"),
    *"?!,:;()[]\"'%。-",
]


def article_words(sentence: str) -> list[str]:
    """Apply the article's rules to one line."""
    text = "".join(
        each
        for each in unicodedata.normalize("NFD", sentence.lower().strip())
        if unicodedata.category(each) != "Mn"
    )
    text = re.sub(r"([.!?])", r" \1", text)
    text = re.sub(r"[^a-zA-Z.!?]+", r" ", text)
    return text.split(" ")


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("J\u202f'ai\u00a0faim\u202f!", "j ' ai faim !"),
        ("L’homme,\u2009c´est moi.", "l' homme , c' est moi ."),
        ("Qu'est-ce que c'est ?", "qu' est -ce que c' est ?"),
        ("I don't think it's John's.", "i don 't think it 's john 's ."),
        ("We'll've rock'n'roll", "we 'll 've rock' n' roll"),
        ("«\u00a0Oui\u00a0», “yes”, „ja‟", '" oui " , " yes " , " ja "'),
        ("co\u00adopé\u200bration\ufeff", "coopération"),
        ("Œuvre cœur Æsir ﬁn", "oeuvre coeur aesir fin"),
        ("À 7:30, 3.5 % de 1,234.5", "à 7:30 , 3.5 % de 1,234.5"),
        ("3 - 2 – 1 −1", "3 - 2 - 1 - 1"),
        ("snake_case l' 'single'", "snake _ case l ' ' single '"),
        ("e\u0301te\u0301 İyi", "été iyi"),
        ("Привет, мир!", "привет , мир !"),
        ("我喜歡你。", "我 喜 歡 你 。"),
        ("私はトムです。", "私 は ト ム で す 。"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("Va\r\nlà !", "va là !"),
        (" \t ", ""),
    ],
)
def test_unicode_normalizer(sentence: str, words: str) -> None:
    assert split_sentence(sentence, Normalizer.UNICODE) == words.split()


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("J'ai 2 chats.", "j ai chats ."),
        ("Ça, c'est l'été…", "ca c est l ete "),
        ("le cœur à 7:30", "le c ur a "),
        ("日本", " "),
        ("a" + "\u0301" * 1000, "a"),
        ("", ""),
    ],
)
def test_article_normalizer_with_its_empty_words(sentence: str, words: str) -> None:
    assert split_sentence(sentence, Normalizer.ARTICLE) == words.split(" ")


def test_both_normalizers_on_real_lines(test_data: Path) -> None:
    text = zipfile.ZipFile(test_data / "fra-eng.zip").read("fra.txt").decode()
    sentences = [column for line in text.split("\n")[:-1:20] for column in line.split("\t")]
    expected = [word for each in sentences for word in (*article_words(each), SENTENCE_END)]
    assert split_words(sentences, Normalizer.ARTICLE) == expected
    for sentence in sentences:
        words = split_sentence(sentence, Normalizer.UNICODE)
        assert split_sentence(join_words(words), Normalizer.UNICODE) == words


@given(lines=st.lists(LINE))
def test_many_sentences_split_like_each_alone(lines: list[str]) -> None:
    expected = [word for each in lines for word in (*article_words(each), SENTENCE_END)]
    assert split_words(lines, Normalizer.ARTICLE) == expected
    lines = [" ".join(each.splitlines()) for each in lines]
    expected = [
        word for each in lines for word in (*split_sentence(each, Normalizer.UNICODE), SENTENCE_END)
    ]
    assert split_words(lines, Normalizer.UNICODE) == expected


@given(LINE)
def test_no_letter_is_lost_and_no_word_contains_a_space(line: str) -> None:
    words = split_sentence(line, Normalizer.UNICODE)
    assert all(words)
    assert not any(character.isspace() for word in words for character in word)
    expected = unicodedata.normalize("NFKC", line).replace("İ", "i").lower()
    for letter, replacement in {"œ": "oe", "æ": "ae", "ʼ": "'", "ʹ": "'"}.items():
        expected = expected.replace(letter, replacement)
    assert list(filter(str.isalnum, "".join(words))) == list(filter(str.isalnum, expected))


@given(st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_joined_words_split_into_the_same_words(line: str) -> None:
    words = split_sentence(line, Normalizer.UNICODE)
    assert split_sentence(join_words(words), Normalizer.UNICODE) == words


@pytest.mark.parametrize("mark", ["\u0301", "\u0f73", "\uff9e"])
def test_no_letter_keeps_more_marks_than_a_script_has(mark: str) -> None:
    """Otherwise normalizing takes quadratic time.

    U+0F73 counts as no mark until it is decomposed, U+FF9E as a letter.
    """
    words = split_sentence("a" + mark * 1000 + "\u0323" * 1000, Normalizer.UNICODE)
    assert len("".join(words)) <= 1 + 2 * 30
    [word] = split_sentence("x" + "\u0323" * 30, Normalizer.UNICODE)
    assert unicodedata.normalize("NFD", word) == "x" + "\u0323" * 30
