"""A sentence as typed -> its translation, from one checkpoint."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import torch

from s2s.config import UserError
from s2s.data.batches import pad
from s2s.data.text import split_sentence
from s2s.records import TranslatedWord, Translation
from s2s.training.checkpoint import Checkpoint, load_checkpoint
from s2s.training.disturbance import disturbing
from s2s.translation.decoding import Decoded, greedy
from s2s.translation.evaluation import MAX_WORDS, encode_sentences, text_of, word_ids
from s2s.validation import quoted

_one_thread = threading.Lock()
"""The number of threads is torch's for all: two translations at once must not mix it up."""


class Translator:
    """Translates on the CPU, with one thread, so as to disturb a training run little.

    Steps of a run that trains meanwhile in this process are marked and left out of its timing.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._model = checkpoint.model()
        self._ids = word_ids(checkpoint.source_words)

    @classmethod
    def load(cls, run_folder: Path) -> Self:
        """Raises UserError where the run has no readable checkpoint."""
        with disturbing():
            return cls(load_checkpoint(run_folder))

    def translate(self, sentences: Sequence[str], max_words: int = MAX_WORDS) -> list[Translation]:
        """One translation a sentence, each decoded on its own and timed.

        Raises UserError for a sentence in which the normaliser leaves no word.
        """
        with _on_one_thread():
            return [self._translate(sentence, max_words) for sentence in sentences]

    def texts(self, sentences: Sequence[str], max_words: int = MAX_WORDS) -> list[str]:
        """The translations as texts alone, all decoded together, which takes far less time."""
        with _on_one_thread():
            decoded = self._decoded([self._words(each) for each in sentences], max_words)
        return [text_of(each, self.checkpoint.target_words) for each in decoded]

    def _words(self, sentence: str) -> list[str]:
        words = split_sentence(sentence, self.checkpoint.choices.normalizer)
        if not any(words):
            raise UserError(
                f"No word is left of {quoted(sentence)}; type a sentence with words in it."
            )
        return words

    def _decoded(self, sentences: Sequence[list[str]], max_words: int) -> list[Decoded]:
        ids = encode_sentences(sentences, self._ids)
        return greedy(self._model, *pad(ids, torch.device("cpu")), max_words)

    def _translate(self, sentence: str, max_words: int) -> Translation:
        started = time.perf_counter()
        words = self._words(sentence)
        [decoded] = self._decoded([words], max_words)
        vocabulary = self.checkpoint.target_words
        return Translation(
            source=sentence,
            text=text_of(decoded, vocabulary),
            words=tuple(
                TranslatedWord(vocabulary[word], probability)
                for word, probability in zip(decoded.words, decoded.probabilities, strict=True)
            ),
            unknown_words=tuple(dict.fromkeys(word for word in words if word not in self._ids)),
            seconds=time.perf_counter() - started,
            finished=decoded.finished,
        )


@contextmanager
def _on_one_thread() -> Iterator[None]:
    with _one_thread, disturbing():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
