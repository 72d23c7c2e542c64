import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from s2s.data.batches import Batches
from s2s.data.corpus import Corpus
from s2s.records import EOS, SOS, UNK
from s2s.training.trainer import Trainer
from s2s.translation import evaluation
from s2s.translation.decoding import Decoded
from s2s.translation.evaluation import (
    SHOWN_PAIRS,
    FollowedSentences,
    encode_sentences,
    text_of,
    validation_loss_per_token,
    word_ids,
)
from s2s.translation.model import Seq2Seq
from s2s.translation.translator import Translator

MakeTrainer = Callable[..., Trainer]
CPU = torch.device("cpu")


def loss_of_pair(model: Seq2Seq, corpus: Corpus, index: int) -> float:
    """-sum log p, word by word, of one pair alone."""
    source, target = (
        side.model_tokens()[side.offsets[index] : side.offsets[index + 1]].tolist()
        for side in (corpus.source, corpus.target)
    )
    model.eval()
    with torch.no_grad():
        state = model.encode(torch.tensor(source).unsqueeze(1), torch.tensor([len(source)]))
        word, total = SOS, 0.0
        for wanted in target:
            hidden, state = model.decoder(torch.tensor([[word]]), state)
            total -= float(model.decoder.out(hidden[0, 0]).log_softmax(0)[wanted])
            word = wanted
    return total


@pytest.mark.parametrize("batch", [1, 4, 128])
def test_validation_loss_is_that_of_the_pairs_one_by_one(
    make_trainer: MakeTrainer,
    tiny: Corpus,
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    monkeypatch.setattr(evaluation, "_BATCH", batch)
    model = make_trainer(dropout=0.5, layers=2).model.train()
    indices = [5, 0, 17, 30, 44]
    found = validation_loss_per_token(model, Batches(tiny, CPU), indices)
    tokens = sum(int(tiny.target.lengths()[index]) for index in indices)
    expected = sum(loss_of_pair(model, tiny, index) for index in indices) / tokens
    assert found == pytest.approx(expected, rel=1e-5)


def test_no_validation_pairs(make_trainer: MakeTrainer, tiny: Corpus) -> None:
    model = make_trainer().model
    assert validation_loss_per_token(model, Batches(tiny, CPU), []) is None


def test_without_validation_pairs_training_pairs_are_followed(tiny: Corpus) -> None:
    info = dataclasses.replace(tiny.info, training_pairs=60, validation_pairs=0, test_pairs=0)
    corpus = Corpus(info, tiny.source, tiny.target)
    shown = [text for text, _ in FollowedSentences(corpus, ())._texts]
    assert len(shown) == SHOWN_PAIRS
    assert set(shown) <= {corpus.pair(index)[0] for index in corpus.training}


def test_followed_are_held_out_pairs_and_the_users_own(
    make_trainer: MakeTrainer, tiny: Corpus
) -> None:
    trainer = make_trainer(sentences=("Tu vois zorro", "je  mange du pain."))
    translations = trainer.evaluate().translations
    assert len(translations) == SHOWN_PAIRS + 2
    held_out = {tiny.pair(index) for index in tiny.validation}
    shown = {(each.source, each.reference) for each in translations[:SHOWN_PAIRS]}
    assert len(shown) == SHOWN_PAIRS
    assert shown <= held_out
    assert [(each.source, each.reference) for each in translations[SHOWN_PAIRS:]] == [
        ("Tu vois zorro", ""),
        ("je  mange du pain.", ""),
    ]


def test_followed_are_translated_as_the_translator_does(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(sentences=("tu vois un chat.", "zorro"), dropout=0.5)
    for _ in range(20):
        trainer.step()
    translator = Translator(trainer.checkpoint())
    for followed in trainer.evaluate().translations:
        assert translator.translate([followed.source])[0].text == followed.output


def test_the_same_pairs_are_shown_in_every_run(make_trainer: MakeTrainer) -> None:
    first, second = make_trainer(seed=1).evaluate(), make_trainer(seed=2).evaluate()
    assert [each.source for each in first.translations] == [
        each.source for each in second.translations
    ]


def test_encoding() -> None:
    ids = word_ids(["PAD", "SOS", "EOS", "UNK", "tu", "vois"])
    assert encode_sentences([["vois", "zorro", "tu"], []], ids) == [[5, UNK, 4, EOS], [EOS]]
    assert text_of(Decoded([5, 4], [0.5, 0.5], finished=True), list(ids)) == "vois tu"


def test_only_the_first_validation_pairs_are_used(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer()
    drawn = []
    batch = trainer._batches.packed

    def noted(indices: np.ndarray) -> object:
        drawn.extend(indices.tolist())
        return batch(indices)

    monkeypatch.setattr(trainer._batches, "packed", noted)
    monkeypatch.setattr("s2s.training.trainer.VALIDATION_PAIRS", 2)
    trainer.evaluate()
    assert drawn == list(trainer._corpus.validation[:2])
