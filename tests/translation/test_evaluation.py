"""Validation loss, sample translations, and BLEU and chrF of known outputs and a test split."""

import dataclasses
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest
import torch

from s2s.config import CorpusChoices, Direction
from s2s.data import catalog
from s2s.data.batches import BatchMaker
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.paths import corpora_folder, run_folder
from s2s.records import SOS
from s2s.task import Quality
from s2s.training.checkpoint import save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation import evaluation
from s2s.translation import task as task_module
from s2s.translation.evaluation import (
    SAMPLE_PAIRS,
    SampleSentences,
    collect_references,
    measure_loss,
    measure_quality,
    score,
)
from s2s.translation.model import Seq2Seq
from s2s.translation.translator import Translator
from tests.tiny import MakeTrainer, tiny_task


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
    batches = BatchMaker(tiny, torch.device("cpu"))
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


# BLEU and chrF


def prepare(path: Path, text: str) -> Corpus:
    """Prepare a corpus named as the file, from its first language to its second."""
    path.write_text(text, encoding="utf-8")
    choices = CorpusChoices(direction=Direction.FIRST_TO_SECOND)
    catalog.add(corpora_folder(), path, path.stem, choices)
    return catalog.open_corpus(corpora_folder(), path.stem)


def distinct_pairs(first: int) -> str:
    tails = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(first, first + 200)]
    return "".join(f"word{tail} end\tmot{tail} fin\n" for tail in tails)


def test_scores_of_known_outputs() -> None:
    cat, dog = "the cat sleeps on the red mat .", "a dog barks at the old moon ."
    perfect = pytest.approx(100.0)
    assert score([cat], [[cat]]) == Quality(perfect, perfect, 1)
    nothing = score(["aaa bbb ccc ddd"], [["xxx yyy zzz www"]])
    assert nothing.bleu < 1
    assert nothing.chrf == 0
    # Sentences may have different numbers of references, and any of them counts.
    references = [["it is raining in the town .", cat], [dog]]
    assert score([cat, dog], references).bleu == perfect
    assert score([cat, dog], [references[0][:1], references[1]]).bleu < 90


def test_quality_on_the_test_split(tmp_path: Path) -> None:
    corpus = prepare(tmp_path / "tiny.txt", distinct_pairs(0))
    run_folder(1).mkdir(parents=True)
    save_checkpoint(run_folder(1), Trainer(tiny_task(corpus)).checkpoint())
    progress: list[float] = []
    quality = measure_quality(run_folder(1), 2000, progress.append)
    assert progress == [0.0, 1.0]
    assert quality.sentences == len(corpus.test) == 20
    assert 0 <= quality.bleu <= 100
    assert 0 <= quality.chrf <= 100
    assert measure_quality(run_folder(1), 7, progress.append).sentences == 7

    catalog.remove(corpora_folder(), "tiny")
    prepare(tmp_path / "tiny.txt", distinct_pairs(100))
    with pytest.raises(UserError, match="'tiny' has changed"):
        measure_quality(run_folder(1), 2000, progress.append)


def test_a_corpus_without_a_test_split(tmp_path: Path) -> None:
    corpus = prepare(tmp_path / "two.txt", "yes\toui\nno\tnon\n")
    with pytest.raises(UserError, match="'two'"):
        collect_references(corpus)


def test_real_sentences_with_several_references(test_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(test_data / "fra-eng.zip") as archive:
        lines = archive.read("fra.txt").decode("utf-8").splitlines()[40_000:60_000]
    references = collect_references(prepare(tmp_path / "fra.txt", "\n".join(lines)))
    in_file = defaultdict[str, list[str]](list)
    for line in lines:
        english, french = line.split("\t")[:2]
        in_file[letters(english)].append(letters(french))
    for source, targets in references.items():
        assert sorted(map(letters, targets)) == sorted(in_file[letters(source)])
    several = [targets for targets in references.values() if len(targets) > 1]
    assert len(several) > len(references) / 10

    # The last reference is as good a translation as the first.
    outputs = [targets[-1] for targets in several]
    first, all_references = score(outputs, [each[:1] for each in several]), score(outputs, several)
    assert first.bleu < 90 < all_references.bleu == pytest.approx(100)
    assert first.chrf < 90 < all_references.chrf == pytest.approx(100)


def letters(text: str) -> str:
    """Return what normalizing keeps of a sentence."""
    return "".join(filter(str.isalnum, text.lower().replace("œ", "oe")))
