import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from s2s.errors import UserError
from s2s.records import EOS
from s2s.training.checkpoint import save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation import translator as translator_module
from s2s.translation.translator import Translator
from tests.tiny import tiny_corpus, tiny_task

MakeTrainer = Callable[..., Trainer]


@pytest.fixture
def translator(make_trainer: MakeTrainer) -> Translator:
    """Of an untrained model."""
    return Translator(make_trainer().checkpoint())


def always(translator: Translator, word: int) -> None:
    """The model finds this word likeliest, whatever came before."""
    with torch.no_grad():
        translator._model.decoder.out.weight.zero_()
        translator._model.decoder.out.bias.zero_()
        translator._model.decoder.out.bias[word] = 9.0


def test_a_model_that_learnt_its_corpus_translates_it(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(
        hidden_size=32, batch_size=16, dropout=0.0, learning_rate=0.01, optimizer="adam"
    )
    for _ in range(150):
        trainer.step()
    translations = Translator(trainer.checkpoint()).translate(
        ["Tu  prend UN chat.", "elle aime du pain ."]
    )
    assert [each.text for each in translations] == ["you take a cat.", "she like bread."]
    assert translations[0].source == "Tu  prend UN chat."
    assert [word.text for word in translations[0].words] == ["you", "take", "a", "cat", "."]
    assert all(0.3 < word.probability <= 1 for each in translations for word in each.words)
    assert all(each.finished and each.seconds > 0 for each in translations)


def test_each_sentence_is_translated_as_if_alone(translator: Translator) -> None:
    sentences = ["je mange du pain.", "tu", "elle veux un chat."]
    together = translator.translate(sentences)
    for sentence, one in zip(sentences, together, strict=True):
        [alone] = translator.translate([sentence])
        assert dataclasses.replace(alone, seconds=0.0) == dataclasses.replace(one, seconds=0.0)


def test_texts_alone_are_those_of_the_translations(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(hidden_size=32, batch_size=16, learning_rate=0.01)
    for _ in range(30):
        trainer.step()
    translator = Translator(trainer.checkpoint())
    sentences = ["je mange du pain.", "tu", "elle veux un chat.", "il prend leau."]
    wanted = [each.text for each in translator.translate(sentences)]
    assert len(set(wanted)) > 1
    assert translator.texts(sentences) == wanted
    with pytest.raises(UserError, match="No word is left of"):
        translator.texts(["tu", " "])


def test_unknown_words_in_order_and_once(translator: Translator) -> None:
    [translation] = translator.translate(["zorro mange aaa du zorro 42 pain!"])
    assert translation.unknown_words == ("zorro", "aaa", "42", "!")
    assert translator.translate(["je mange du pain."])[0].unknown_words == ()


def test_the_names_of_special_symbols_are_words_like_others(translator: Translator) -> None:
    assert translator.translate(["eos pad"])[0].unknown_words == ("eos", "pad")


def test_cut_at_the_length_limit(translator: Translator) -> None:
    always(translator, 5)
    [translation] = translator.translate(["tu"], max_words=7)
    assert not translation.finished
    assert len(translation.words) == 7
    assert len(translator.translate(["tu"])[0].words) == 40


def test_an_end_at_once_is_an_empty_translation(translator: Translator) -> None:
    always(translator, EOS)
    [translation] = translator.translate(["tu"])
    assert translation.finished
    assert (translation.text, translation.words) == ("", ())


@pytest.mark.parametrize("sentence", ["", "  \t\n ", "\u200b"])
def test_a_sentence_without_words(translator: Translator, sentence: str) -> None:
    with pytest.raises(UserError, match="No word is left of"):
        translator.translate(["tu", sentence])


def test_the_articles_normaliser_where_the_model_was_trained_with_it(tmp_path: Path) -> None:
    corpus = tiny_corpus(tmp_path, "ascii", normalizer="article")
    trainer = Trainer(tiny_task(corpus, corpus="ascii"))
    translator = Translator(trainer.checkpoint())
    accented, plain = translator.translate(["Jé mange du pàin.", "je mange du pain."])
    assert accented.words == plain.words
    assert accented.unknown_words == ()
    with pytest.raises(UserError, match="No word is left of '日本語 42'"):
        translator.translate(["日本語 42"])


@pytest.mark.parametrize("sentence", ["tu", " "])
def test_one_thread_while_translating_and_as_many_as_before_afterwards(
    translator: Translator, monkeypatch: pytest.MonkeyPatch, sentence: str
) -> None:
    threads_seen = []
    split = translator_module.split_sentence

    def noted(*arguments: object) -> list[str]:
        threads_seen.append(torch.get_num_threads())
        return split(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(translator_module, "split_sentence", noted)
    torch.set_num_threads(3)
    try:
        if sentence.strip():
            translator.translate([sentence])
        else:
            with pytest.raises(UserError):
                translator.translate([sentence])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)
    assert threads_seen == [1]


def test_loaded_from_a_run_folder(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    checkpoint = make_trainer(layers=2).checkpoint()
    (tmp_path / "5").mkdir()
    save_checkpoint(tmp_path / "5", checkpoint)
    loaded = Translator.load(tmp_path / "5").translate(["tu vois un chat."])[0]
    kept = Translator(checkpoint).translate(["tu vois un chat."])[0]
    assert loaded.text == kept.text
    # Where weights lie in memory decides which vector instructions add them up.
    assert [word.probability for word in loaded.words] == pytest.approx(
        [word.probability for word in kept.words], rel=1e-5
    )
    with pytest.raises(UserError, match="Run 6 has no checkpoint"):
        Translator.load(tmp_path / "6")


def test_a_very_long_sentence(translator: Translator) -> None:
    assert translator.translate(["tu " * 5000])[0].words
