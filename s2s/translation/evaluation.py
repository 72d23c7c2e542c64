"""Evaluation of a model: validation loss, sample translations, and gradients per sentence."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from s2s.data.batches import Batches, PackedBatch, pad
from s2s.data.corpus import Corpus
from s2s.data.text import join_words, split_sentence
from s2s.records import SampleTranslation
from s2s.translation.decoding import MAX_WORDS, decode_greedily
from s2s.translation.engines import decode_teacher_forced
from s2s.translation.fast.projection import CHUNK_ROWS
from s2s.translation.model import Seq2Seq

SAMPLE_PAIRS = 4
_BATCH = 128


@torch.no_grad()
def loss_per_token(
    model: Seq2Seq, batches: Batches, indices: Sequence[int], check_stop: Callable[[], object]
) -> float | None:
    """Return the teacher-forced loss per real target token, in nats; None for no pairs.

    Args:
        check_stop: Called before each batch; may raise.
    """
    model.eval()
    loss_sum, tokens = 0.0, 0
    for start in range(0, len(indices), _BATCH):
        check_stop()
        batch = batches.make_packed(np.asarray(indices[start : start + _BATCH], np.int64))
        hidden = decode_teacher_forced(model, batch)
        chunks = (torch.split(each, CHUNK_ROWS) for each in (hidden, batch.target.tokens))
        total = hidden.new_zeros(())
        for rows, words in zip(*chunks, strict=True):
            total += functional.cross_entropy(model.decoder.out(rows), words, reduction="sum")
        loss_sum += float(total)
        tokens += batch.target_tokens
    return loss_sum / tokens if tokens else None


class SampleSentences:
    """Sentences translated at each evaluation: some held-out pairs, then the user's own."""

    def __init__(self, corpus: Corpus, own: Sequence[str]) -> None:
        held_out = corpus.validation or corpus.training
        numbers = np.random.default_rng(0).permutation(len(held_out))[:SAMPLE_PAIRS]
        pairs = [held_out[int(number)] for number in numbers]
        normalizer = corpus.info.choices.normalizer
        sentences = [corpus.source.get_sentence(pair) for pair in pairs]
        sentences += [split_sentence(text, normalizer) for text in own]
        self._texts = [*map(corpus.get_pair, pairs), *((text, "") for text in own)]
        self._ids = [*map(corpus.source.build_vocabulary().encode, sentences)]
        self._target = corpus.target.build_vocabulary()

    def translate(self, model: Seq2Seq) -> tuple[SampleTranslation, ...]:
        """Translate all sentences greedily."""
        if not self._ids:
            return ()
        device = model.decoder.out.weight.device
        decoded = decode_greedily(model, *pad(self._ids, device), MAX_WORDS)
        return tuple(
            SampleTranslation(source, reference, join_words(self._target.decode(each.words)))
            for (source, reference), each in zip(self._texts, decoded, strict=True)
        )


def sentence_gradients(model: Seq2Seq, batch: PackedBatch) -> Sequence[Tensor]:
    """Return the gradient of the mean loss per sentence, per parameter; leave `.grad` alone."""
    logits = model.decoder.out(decode_teacher_forced(model, batch))
    loss_sum = functional.cross_entropy(logits, batch.target.tokens, reduction="sum")
    return torch.autograd.grad(loss_sum / batch.samples, list(model.parameters()))
