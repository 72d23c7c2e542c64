"""Valid files for examples to mutate: a corpus file, and a home with runs and a sweep."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest
import torch

from s2s.config import CorpusChoices, SweepConfig, TrainConfig
from s2s.data import catalog, stats
from s2s.data.corpus import Corpus
from s2s.paths import corpora_folder
from s2s.records import StepRecord
from s2s.runs.execute import execute
from s2s.store import Store
from s2s.sweeps.plan import create_sweep
from s2s.training.trainer import Trainer
from s2s.translation.task import TranslationTask

LINES = [
    f"{subject} {verb} {thing}.\t{french_subject} {french_verb} {french_thing}."
    for subject, french_subject in (("i", "je"), ("you", "tu"), ("he", "il"))
    for verb, french_verb in (("see", "vois"), ("eat", "mange"))
    for thing, french_thing in (("a", "un"), ("b", "deux"))
]
TEXT = ("\n".join([*LINES, "don't!\tl’été\u202f?\tCC-BY", "日本\tСлово"]) + "\n").encode()


def add(file: Path, name: str = "x", choices: CorpusChoices | None = None) -> Corpus:
    """Prepare and open a corpus in the home of this example."""
    catalog.add(corpora_folder(), file, name, choices)
    return catalog.open_corpus(corpora_folder(), name)


@contextmanager
def new_home(folder: Path) -> Iterator[Path]:
    """Set S2S_HOME to a home with the corpora `x` and `y`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(folder / "home"))
        (folder / "x.txt").write_bytes(TEXT)
        for name in ("x", "y"):
            add(folder / "x.txt", name)
        yield folder / "home"


def config(**changes: object) -> TrainConfig:
    """Return a configuration of two short steps."""
    values = {"corpus": "x", "batch_size": 3, "iterations": 2, "hidden_size": 4, "threads": 1}
    return TrainConfig(**{**values, "device": "cpu", **changes})  # type: ignore[arg-type]


def add_runs(home: Path) -> None:
    """Train runs 1, tagged, and 2, archived; create a sweep."""
    with closing(Store(home)) as store:
        for size in (2, 3):
            execute(store, store.create_run(config(batch_size=size)), Event())
        store.annotate_run(1, "note", ["tag"])
        store.archive_run(2)
        create_sweep(store, SweepConfig(base=config(), batch_sizes=(2, 3), amount=30))


def use(corpus: Corpus) -> None:
    """Train two steps with evaluations, and compute all statistics of the Corpora page."""
    torch.set_num_threads(1)
    trainer = Trainer(TranslationTask(config(), corpus, torch.device("cpu")))
    steps = [event for event in trainer.run() if isinstance(event, StepRecord)]
    assert len(steps) == 2
    assert all(float(step.loss_sum) >= 0 for step in steps)  # False for NaN
    stats.pick_example_sentence(corpus)
    batch = stats.draw_batch(corpus, 5, seed=0)
    assert 0 <= batch.padding_ratio <= batch.joint_padding_ratio < 1
    for side, ids in ((corpus.source, batch.source), (corpus.target, batch.target)):
        stats.compute_length_percentile(stats.count_lengths(side), 99)
        stats.list_frequent_words(side, 5)
        stats.measure_coverage(side)
        stats.decode_rows(side, ids)
    for split in (corpus.training, corpus.validation, corpus.test):
        for index in split[:3]:
            corpus.get_pair(index)
