"""Translation quality on the test split against its references, by sacrebleu."""

from collections.abc import Callable, Sequence
from pathlib import Path

import sacrebleu

from s2s.data.catalog import open_corpus
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.task import Quality
from s2s.translation.translator import Translator

_BATCH = 32
"""Sentences translated at once. More delay `progress`, and save little time."""


def measure_quality(
    run_folder: Path, most_sentences: int, progress: Callable[[float], object]
) -> Quality:
    """Translate the test split's first sources greedily; score each against all its references.

    Args:
        run_folder: The folder of a run with a checkpoint.
        progress: Called with the fraction done, several times per second; may raise to stop.

    Raises:
        UserError: There is no checkpoint or no test split, or the corpus has changed.
    """
    translator = Translator.load(run_folder)
    corpus = open_corpus(corpora_folder(), translator.config.corpus)
    translator.metadata.check_corpus(corpus)
    references = references_of_test_split(corpus)
    sources, outputs = list(references)[:most_sentences], list[str]()
    for start in range(0, len(sources), _BATCH):
        progress(start / len(sources))
        outputs += translator.translate_together(sources[start : start + _BATCH])
    progress(1.0)
    return score(outputs, [references[source] for source in sources])


def references_of_test_split(corpus: Corpus) -> dict[str, list[str]]:
    """Return each distinct source of the test split with all its translations in the corpus.

    Pairs that share a sentence are in the same split, so no other split holds a reference.

    Raises:
        UserError: There is no test split.
    """
    references: dict[str, list[str]] = {}
    for index in corpus.test:
        source, target = corpus.get_pair(index)
        references.setdefault(source, []).append(target)
    if not references:
        raise UserError(f"Corpus {corpus.info.name!r} is too small to have a test split.")
    return references


def score(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> Quality:
    """Score one output per source sentence against all references of that sentence."""
    # sacrebleu takes None for a missing reference; its annotations do not say so.
    most = max(len(each) for each in references)
    streams = [
        [each[number] if number < len(each) else None for each in references]
        for number in range(most)
    ]
    return Quality(
        sacrebleu.corpus_bleu(outputs, streams).score,  # type: ignore[arg-type]
        sacrebleu.corpus_chrf(outputs, streams).score,  # type: ignore[arg-type]
        len(outputs),
    )
