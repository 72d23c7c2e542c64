"""What examples begin with: a valid corpus file, and all that is done with one that was taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from s2s.config import CorpusChoices, TrainConfig
from s2s.data import catalog
from s2s.data import stats as describe
from s2s.data.corpus import Corpus
from s2s.paths import corpora_folder
from s2s.records import StepRecord
from s2s.training.trainer import Trainer
from s2s.translation.task import TranslationTask

SUBJECTS, VERBS, THINGS = ("i je", "you tu", "he il"), ("see vois", "eat mange"), ("a un", "b deux")
LINES = [
    "\t".join(
        " ".join(words) + "." for words in zip(*(each.split() for each in three), strict=True)
    )
    for three in ((s, v, t) for s in SUBJECTS for v in VERBS for t in THINGS)
]
TEXT = ("\n".join([*LINES, "don't!\tl’été\u202f?\tCC-BY", "日本\tСлово"]) + "\n").encode()


def add(file: Path, name: str = "x", choices: CorpusChoices | None = None) -> Corpus:
    """Prepared in the home of this example. UserError where it is refused."""
    catalog.add(corpora_folder(), file, name, choices)
    return catalog.open_corpus(corpora_folder(), name)


@contextmanager
def home_made_in(folder: Path) -> Iterator[Path]:
    """S2S_HOME meanwhile: it holds the corpus `x`, and what the caller adds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(folder / "home"))
        (folder / "x.txt").write_bytes(TEXT)
        add(folder / "x.txt")
        yield folder / "home"


def config(**changes: object) -> TrainConfig:
    """Two steps that take a blink."""
    values = {"corpus": "x", "batch_size": 3, "iterations": 2, "hidden_size": 4, "threads": 1}
    return TrainConfig(**{**values, "device": "cpu", **changes})  # type: ignore[arg-type]


def use(corpus: Corpus) -> None:
    """Two steps of training with evaluations, and all that the page Corpora shows of it."""
    torch.set_num_threads(1)
    trainer = Trainer(TranslationTask(config(), corpus, torch.device("cpu")))
    steps = [each for each in trainer.run() if isinstance(each, StepRecord)]
    assert len(steps) == 2
    assert all(float(each.loss_sum) >= 0 for each in steps)  # False for NaN
    look_at(corpus)


def look_at(corpus: Corpus) -> None:
    """As the page Corpora does."""
    describe.example_sentence(corpus)
    described = describe.draw_batch(corpus, 5, seed=0)
    assert 0 <= described.padding_ratio <= described.joint_padded_share < 1
    for side, ids in ((corpus.source, described.source), (corpus.target, described.target)):
        describe.length_percentile(describe.length_histogram(side), 99)
        found = describe.most_frequent(side, 5) + describe.search_words(side, "e", 5)
        assert all(describe.pairs_with(side, each.id, 3) for each in found)
        describe.kept_shares(side)
        describe.words_of(side, ids)
    for part in (corpus.training, corpus.validation, corpus.test):
        for index in part[:3]:
            corpus.pair(index)
