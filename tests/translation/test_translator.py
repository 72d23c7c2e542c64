"""Translations of typed sentences: text, probabilities, unknown words, limits and threads."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from s2s.errors import UserError
from s2s.training.checkpoint import save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.translator import Translator
from tests.tiny import tiny_corpus, tiny_task

MakeTrainer = Callable[..., Trainer]


@pytest.fixture
def translator(make_trainer: MakeTrainer) -> Translator:
    """A translator with an untrained model."""
    return Translator(make_trainer().checkpoint())


def test_a_model_that_learned_its_corpus(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(
        hidden_size=32, batch_size=16, dropout=0.0, learning_rate=0.01, optimizer="adam"
    )
    for _ in range(150):
        trainer.step()
    save_checkpoint(tmp_path, trainer.checkpoint())
    translator = Translator.load(tmp_path)
    sentences = ["Tu  prend UN chat.", "elle aime du pain ."]
    translations = translator.translate(sentences)
    assert [each.text for each in translations] == ["you take a cat.", "she like bread."]
    assert translator.translate_together(sentences) == [each.text for each in translations]
    assert [each.source for each in translations] == sentences
    assert [word.text for word in translations[0].words] == ["you", "take", "a", "cat", "."]
    assert all(0.3 < word.probability <= 1 for each in translations for word in each.words)
    assert all(each.finished and each.seconds > 0 for each in translations)


def test_each_sentence_is_translated_by_itself(translator: Translator) -> None:
    sentences = ["je mange du pain.", "tu", "elle veux un chat.", "tu " * 500]
    for sentence, one in zip(sentences, translator.translate(sentences), strict=True):
        [single] = translator.translate([sentence])
        assert dataclasses.replace(single, seconds=0.0) == dataclasses.replace(one, seconds=0.0)


def test_unknown_words_in_order_and_once(translator: Translator) -> None:
    for sentence, unknown in {
        "zorro mange aaa du zorro 42 pain!": ("zorro", "aaa", "42", "!"),
        "je mange du pain.": (),
        "eos pad": ("eos", "pad"),  # special symbols are not words
    }.items():
        assert translator.translate([sentence])[0].unknown_words == unknown


@pytest.mark.parametrize("sentence", ["", "  \t\n ", "\u200b"])
def test_a_sentence_without_words(translator: Translator, sentence: str) -> None:
    for translate in (translator.translate, translator.translate_together):
        with pytest.raises(UserError):
            translate(["tu", sentence])


def test_the_normalizer_is_that_of_the_corpus(tmp_path: Path) -> None:
    corpus = tiny_corpus(tmp_path, "ascii", normalizer="article")
    translator = Translator(Trainer(tiny_task(corpus, corpus="ascii")).checkpoint())
    accented, plain = translator.translate(["Jé mange du pàin.", "je mange du pain."])
    assert accented.words == plain.words
    assert accented.unknown_words == ()
    with pytest.raises(UserError, match="日本語 42"):
        translator.translate(["日本語 42"])
