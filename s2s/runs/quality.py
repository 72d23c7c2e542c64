"""A finished model's quality on the test part of its corpus."""

from collections.abc import Callable

from s2s.config import UserError
from s2s.data.catalog import open_corpus
from s2s.data.corpus import Corpus
from s2s.paths import corpora_folder, run_folder
from s2s.training.checkpoint import Checkpoint
from s2s.translation.quality import Quality, quality
from s2s.translation.translator import Translator

MOST_SENTENCES = 2000
_BATCH = 32
"""Sentences translated at once. More take longer until `progress` is called, and save little."""


def quality_on_test_part(
    run_id: int,
    most_sentences: int = MOST_SENTENCES,
    progress: Callable[[float], object] = id,
) -> Quality:
    """Greedy translations of the test part's first sources, each against all its references.

    Calls `progress` with the share that is done, several times a second; what that raises ends
    the work. Raises UserError where the run has no checkpoint or its corpus has no test part.
    """
    translator = Translator.load(run_folder(run_id))
    references = references_of_test_part(corpus_of(run_id, translator.checkpoint))
    sources, outputs = list(references)[:most_sentences], list[str]()
    for start in range(0, len(sources), _BATCH):
        progress(start / len(sources))
        outputs += translator.texts(sources[start : start + _BATCH])
    progress(1.0)
    return quality(outputs, [references[source] for source in sources])


def references_of_test_part(corpus: Corpus) -> dict[str, list[str]]:
    """Each distinct source of the test part with all its translations in the corpus.

    Pairs that share a sentence lie in one part of a corpus, so no reference lies elsewhere.
    Raises UserError where there is no test part.
    """
    references: dict[str, list[str]] = {}
    for index in corpus.test:
        source, target = corpus.pair(index)
        references.setdefault(source, []).append(target)
    if not references:
        raise UserError(f"The corpus {corpus.info.name!r} is too small to have a test part.")
    return references


def corpus_of(run_id: int, checkpoint: Checkpoint) -> Corpus:
    """The corpus that the run was trained on; UserError where it is not as it was then."""
    corpus = open_corpus(corpora_folder(), checkpoint.config.corpus)
    if (checkpoint.corpus_sha256, checkpoint.choices) != (
        corpus.info.content_sha256,
        corpus.info.choices,
    ):
        raise UserError(
            f"The corpus {corpus.info.name!r} has changed since run {run_id} was trained, so its "
            "parts are no longer those that it learnt from and never saw; train anew."
        )
    return corpus
