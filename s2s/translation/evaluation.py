"""What a model can do with sentences it was not trained on: validation loss and translations."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from s2s.data.batches import Batches, pad
from s2s.data.corpus import Corpus
from s2s.data.text import join_words, split_sentence
from s2s.records import EOS, UNK, SampleTranslation
from s2s.translation.decoding import Decoded, greedy
from s2s.translation.engines import teacher_forced
from s2s.translation.loss import projected_loss_sum
from s2s.translation.model import Seq2Seq

SHOWN_PAIRS = 4
MAX_WORDS = 40
_BATCH = 128


@torch.no_grad()
def validation_loss_per_token(
    model: Seq2Seq,
    batches: Batches,
    indices: Sequence[int],
    look: Callable[[], object] = bool,
) -> float | None:
    """Teacher-forced loss in nats over the real target tokens of the pairs at `indices`.

    None for no pairs. Calls `look` before each batch; what that raises ends the work.
    """
    model.eval()
    loss_sum, tokens = 0.0, 0
    for start in range(0, len(indices), _BATCH):
        look()
        batch = batches.packed(np.asarray(indices[start : start + _BATCH], np.int64))
        hidden = teacher_forced(model, batch)
        loss_sum += float(projected_loss_sum(hidden, model.decoder.out, batch.target.tokens))
        tokens += batch.target_tokens
    return loss_sum / tokens if tokens else None


class FollowedSentences:
    """Sentences translated at each evaluation of a run: some held-out pairs, some the user's."""

    def __init__(self, corpus: Corpus, given: Sequence[str]) -> None:
        held_out = corpus.validation or corpus.training
        drawn = np.random.default_rng(0).permutation(len(held_out))[:SHOWN_PAIRS]
        pairs = [corpus.pair(held_out[int(index)]) for index in drawn]
        sentences = [corpus.source.sentence(held_out[int(index)]) for index in drawn]
        normalizer = corpus.info.choices.normalizer
        self._texts = [*pairs, *((text, "") for text in given)]
        self._ids = encode_sentences(
            [*sentences, *(split_sentence(text, normalizer) for text in given)],
            word_ids(corpus.source.known_words()),
        )
        self._target_words = corpus.target.known_words()

    def translate(self, model: Seq2Seq) -> tuple[SampleTranslation, ...]:
        if not self._ids:
            return ()
        device = model.decoder.out.weight.device
        decoded = greedy(model, *pad(self._ids, device), MAX_WORDS)
        return tuple(
            SampleTranslation(source, reference, text_of(each, self._target_words))
            for (source, reference), each in zip(self._texts, decoded, strict=True)
        )


def word_ids(words: Sequence[str]) -> dict[str, int]:
    return {word: index for index, word in enumerate(words)}


def encode_sentences(sentences: Sequence[list[str]], ids: dict[str, int]) -> list[list[int]]:
    """Word ids, UNK for unknown words, EOS at the end."""
    return [[*(ids.get(word, UNK) for word in words), EOS] for words in sentences]


def text_of(decoded: Decoded, words: Sequence[str]) -> str:
    return join_words([words[index] for index in decoded.words])
