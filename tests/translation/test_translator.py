"""Translations of typed sentences: text, probabilities, unknown words and limits."""

import dataclasses
from pathlib import Path

import pytest
import torch

from s2s.errors import UserError
from s2s.records import EOS, PAD, SOS
from s2s.training.checkpoint import save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.model import Seq2Seq
from s2s.translation.translator import Translator, decode_greedily
from tests.tiny import MakeTrainer, tiny_corpus, tiny_task


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


# Greedy decoding with models whose output is known

SOURCE, LENGTHS = torch.tensor([[4, 5], [2, 2]]), torch.tensor([2, 2])
E5 = float(torch.tensor(5.0).exp())


@pytest.mark.parametrize(
    ("logits", "words", "finished"),
    [
        ({EOS: 5.0}, [], True),
        ({4: 5.0}, [4] * 7, False),  # cut at the limit
        ({PAD: 9.0, SOS: 9.0, 5: 5.0}, [5] * 7, False),  # PAD and SOS are never an output
    ],
)
def test_a_model_whose_logits_are_constant(
    logits: dict[int, float], words: list[int], finished: bool
) -> None:
    model = Seq2Seq(10, 6, hidden_size=4, dropout=0.0)
    with torch.no_grad():
        model.decoder.out.weight.zero_()
        model.decoder.out.bias.zero_()
        for word, logit in logits.items():
            model.decoder.out.bias[word] = logit
    for decoded in decode_greedily(model, SOURCE, LENGTHS, max_words=7):
        assert (decoded.word_ids, decoded.finished) == (words, finished)
        if PAD not in logits:
            assert decoded.probabilities == pytest.approx([E5 / (E5 + 5)] * len(words))


def test_a_translation_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(3)
    model = Seq2Seq(10, 6, hidden_size=8, dropout=0.2)
    padded, lengths = torch.tensor([[4, 5], [6, 2], [7, 0], [2, 0]]), torch.tensor([4, 2])
    together = decode_greedily(model, padded, lengths, max_words=5)
    [single] = decode_greedily(model, padded[:2, 1:], lengths[1:], max_words=5)
    assert together[1].word_ids == single.word_ids
    assert together[1].probabilities == pytest.approx(single.probabilities, rel=1e-5)
