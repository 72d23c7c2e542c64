"""Evaluation of a model: loss, sample translations, sentence gradients, BLEU and chrF."""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import sacrebleu
import torch
from torch import Tensor
from torch.nn import functional

from s2s.data.batches import BatchMaker, PackedBatch, pad
from s2s.data.catalog import open_corpus
from s2s.data.corpus import Corpus
from s2s.data.text import join_words, split_sentence
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.records import SampleTranslation
from s2s.task import Quality
from s2s.translation.engines import decode_teacher_forced
from s2s.translation.fast.projection import CHUNK_ROWS
from s2s.translation.model import Seq2Seq
from s2s.translation.translator import MAX_WORDS, Translator, decode_greedily

SAMPLE_PAIRS = 4
_LOSS_BATCH = 128
_QUALITY_BATCH = 32
"""Sentences per batch. A larger batch would delay `progress`, and save little time."""


@torch.no_grad()
def measure_loss(
    model: Seq2Seq, batches: BatchMaker, indices: Sequence[int], check_stop: Callable[[], object]
) -> float | None:
    """Return the teacher-forced loss per real target token in nats; `None` if there are no pairs.

    Args:
        check_stop: Called before each batch. It may raise to stop the evaluation.
    """
    model.eval()
    loss_sum, token_count = 0.0, 0
    for start in range(0, len(indices), _LOSS_BATCH):
        check_stop()
        batch = batches.make_packed(np.asarray(indices[start : start + _LOSS_BATCH], np.int64))
        hidden = decode_teacher_forced(model, batch)
        chunks = (torch.split(each, CHUNK_ROWS) for each in (hidden, batch.target.tokens))
        batch_loss = hidden.new_zeros(())
        for rows, tokens in zip(*chunks, strict=True):
            logits = model.decoder.out(rows)
            batch_loss += functional.cross_entropy(logits, tokens, reduction="sum")
        loss_sum += float(batch_loss)
        token_count += batch.target_tokens
    return loss_sum / token_count if token_count else None


class SampleSentences:
    """Sentences to translate at each evaluation: a few of the corpus, and the user's own."""

    def __init__(self, corpus: Corpus, user_sentences: Sequence[str]) -> None:
        split = corpus.validation or corpus.training  # a small corpus has no validation split
        order = np.random.default_rng(0).permutation(len(split))
        indices = [split[number] for number in order[:SAMPLE_PAIRS].tolist()]
        normalizer = corpus.info.choices.normalizer
        sentences = [corpus.source.get_sentence(index) for index in indices]
        sentences += [split_sentence(text, normalizer) for text in user_sentences]
        self._pairs = [corpus.get_pair(index) for index in indices]
        self._pairs += [(text, "") for text in user_sentences]
        vocabulary = corpus.source.build_vocabulary()
        self._word_ids = [vocabulary.encode(sentence) for sentence in sentences]
        self._target_vocabulary = corpus.target.build_vocabulary()

    def translate(self, model: Seq2Seq) -> tuple[SampleTranslation, ...]:
        """Translate all sentences greedily."""
        device = model.decoder.out.weight.device
        decoded = decode_greedily(model, *pad(self._word_ids, device), MAX_WORDS)
        words = [self._target_vocabulary.decode(each.word_ids) for each in decoded]
        return tuple(
            SampleTranslation(source, reference, join_words(output))
            for (source, reference), output in zip(self._pairs, words, strict=True)
        )


def compute_sentence_gradients(model: Seq2Seq, batch: PackedBatch) -> Sequence[Tensor]:
    """Return each parameter's gradient of the mean loss per sentence. `.grad` stays as it is."""
    logits = model.decoder.out(decode_teacher_forced(model, batch))
    loss_sum = functional.cross_entropy(logits, batch.target.tokens, reduction="sum")
    return torch.autograd.grad(loss_sum / batch.samples, list(model.parameters()))


def measure_quality(
    run_folder: Path, max_samples: int, progress: Callable[[float], object]
) -> Quality:
    """Translate sources of the test split, and score the outputs against all references.

    Args:
        run_folder: The folder of a run with a checkpoint.
        max_samples: Number of distinct sources to translate, the first of the split.
        progress: Called with the fraction done, several times per second. It may raise to stop.

    Raises:
        UserError: There is no checkpoint or no test split, or the corpus has changed.
    """
    translator = Translator.load(run_folder)
    corpus = open_corpus(corpora_folder(), translator.config.corpus)
    translator.metadata.check_corpus(corpus)
    references = collect_references(corpus)
    sources, outputs = list(references)[:max_samples], list[str]()
    for start in range(0, len(sources), _QUALITY_BATCH):
        progress(start / len(sources))
        outputs += translator.translate_together(sources[start : start + _QUALITY_BATCH])
    progress(1.0)
    return score(outputs, [references[source] for source in sources])


def collect_references(corpus: Corpus) -> dict[str, list[str]]:
    """Return each distinct source of the test split with all its translations in the corpus.

    Pairs that share a sentence are in the same split, so the test split holds them all.

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
    """Compute BLEU and chrF, comparing each sentence's output with all references of it."""
    # sacrebleu expects one list of all first references, one of all second references, and so on,
    # with `None` where a sentence has fewer.
    streams = [*zip_longest(*references)]
    bleu, chrf = sacrebleu.corpus_bleu(outputs, streams), sacrebleu.corpus_chrf(outputs, streams)
    return Quality(bleu.score, chrf.score, len(outputs))
