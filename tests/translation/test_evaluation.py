"""Validation loss against word-by-word sums, and the sentences translated at each evaluation."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from s2s.data.batches import Batches
from s2s.data.corpus import Corpus
from s2s.records import SOS
from s2s.training.trainer import Trainer
from s2s.translation import evaluation
from s2s.translation import task as task_module
from s2s.translation.evaluation import SAMPLE_PAIRS, SampleSentences, measure_loss
from s2s.translation.model import Seq2Seq
from s2s.translation.translator import Translator
from tests.tiny import tiny_task

MakeTrainer = Callable[..., Trainer]


def loss_of_pair(model: Seq2Seq, corpus: Corpus, index: int) -> float:
    """-sum log p of one pair, word by word."""
    source, target = (
        side.replace_unknown_words()[side.offsets[index] : side.offsets[index + 1]].tolist()
        for side in (corpus.source, corpus.target)
    )
    with torch.no_grad():
        state = model.encode(torch.tensor(source).unsqueeze(1), torch.tensor([len(source)]))
        word, total = SOS, 0.0
        for expected in target:
            hidden, state = model.decoder(torch.tensor([[word]]), state)
            total -= float(model.decoder.out(hidden[0, 0]).log_softmax(0)[expected])
            word = expected
    return total


def test_validation_loss_is_that_of_the_first_pairs_one_by_one(
    tiny: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "_LOSS_BATCH", 2)
    monkeypatch.setattr(evaluation, "CHUNK_ROWS", 5)
    monkeypatch.setattr(task_module, "VALIDATION_PAIRS", 3)
    task, checks = tiny_task(tiny, dropout=0.5, layers=2), list[None]()
    model = task.model.train()
    loss = task.validate(lambda: checks.append(None))
    indices = tiny.validation[:3]
    tokens = sum(int(tiny.target.lengths[index]) for index in indices)
    expected = sum(loss_of_pair(model, tiny, index) for index in indices) / tokens
    assert loss == pytest.approx(expected, rel=1e-5)
    assert len(checks) == 2
    batches = Batches(tiny, torch.device("cpu"))
    assert measure_loss(model, batches, [], lambda: None) is None


def test_samples_are_held_out_pairs_and_the_users_sentences(
    make_trainer: MakeTrainer, tiny: Corpus
) -> None:
    own = ("Tu vois zorro", "je  mange du pain.")
    trainer = make_trainer(sentences=own, dropout=0.5)
    for _ in range(20):
        trainer.step()
    samples = trainer.evaluate().translations
    pairs = [(each.source, each.reference) for each in samples]
    assert set(pairs[:SAMPLE_PAIRS]) <= {tiny.get_pair(index) for index in tiny.validation}
    assert len(set(pairs[:SAMPLE_PAIRS])) == SAMPLE_PAIRS
    assert pairs[SAMPLE_PAIRS:] == [(text, "") for text in own]
    others = make_trainer(sentences=own, seed=2).evaluate().translations
    assert pairs == [(each.source, each.reference) for each in others]
    translator = Translator(trainer.checkpoint())
    for sample in samples:
        assert translator.translate([sample.source])[0].text == sample.output


def test_without_a_validation_split_training_pairs_are_translated(tiny: Corpus) -> None:
    info = dataclasses.replace(tiny.info, training_pairs=60, validation_pairs=0, test_pairs=0)
    corpus = Corpus(info, tiny.source, tiny.target)
    translations = SampleSentences(corpus, ()).translate(tiny_task(corpus).model)
    assert len(translations) == SAMPLE_PAIRS
    training = {corpus.get_pair(index)[0] for index in corpus.training}
    assert {each.source for each in translations} <= training
