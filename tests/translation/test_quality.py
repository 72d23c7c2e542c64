"""BLEU and chrF of known outputs, and quality on the test split with all its references."""

import zipfile
from collections import defaultdict
from pathlib import Path

import pytest

from s2s.config import CorpusChoices, Direction
from s2s.data import catalog
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.paths import corpora_folder, run_folder
from s2s.task import Quality
from s2s.training.checkpoint import save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.evaluation import collect_references, measure_quality, score
from tests.tiny import tiny_task


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
