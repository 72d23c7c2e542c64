"""A finished model's quality on the test part of its corpus."""

from s2s.config import UserError
from s2s.data.catalog import open_corpus
from s2s.home import corpora_folder, run_folder
from s2s.metrics.quality import Quality, quality
from s2s.training.translator import Translator


def quality_on_test_part(run_id: int, most_sentences: int = 2000) -> Quality:
    """Greedy translations of the test part's first sources, each against all its references.

    Raises UserError where the run has no checkpoint or its corpus has no test part.
    """
    translator = Translator.load(run_folder(run_id))
    corpus = open_corpus(corpora_folder(), translator.checkpoint.config.corpus)
    made = (translator.checkpoint.corpus_sha256, translator.checkpoint.choices)
    if made != (corpus.info.content_sha256, corpus.info.choices):
        raise UserError(
            f"The corpus {corpus.info.name!r} has changed since run {run_id} was trained, so its "
            "test part may hold sentences that the run has seen; train anew to evaluate."
        )
    references: dict[str, list[str]] = {}
    for index in corpus.test:
        source, target = corpus.pair(index)
        references.setdefault(source, []).append(target)
    if not references:
        raise UserError(f"The corpus {corpus.info.name!r} is too small to have a test part.")
    sources = list(references)[:most_sentences]
    outputs = [translation.text for translation in translator.translate(sources)]
    return quality(outputs, [references[source] for source in sources])
