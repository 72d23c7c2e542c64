"""A sentence as typed -> its translation, from one checkpoint."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch

from s2s.config import UserError
from s2s.data.batches import pad
from s2s.data.text import split_sentence
from s2s.model.decoding import greedy
from s2s.records import TranslatedWord, Translation
from s2s.training.checkpoint import Checkpoint, load_checkpoint
from s2s.training.disturbance import disturbing
from s2s.training.evaluation import MAX_WORDS, encode_sentences, text_of, word_ids

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
        with _one_thread, disturbing():
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            try:
                return [self._translate(sentence, max_words) for sentence in sentences]
            finally:
                torch.set_num_threads(threads)

    def _translate(self, sentence: str, max_words: int) -> Translation:
        started = time.perf_counter()
        words = split_sentence(sentence, self.checkpoint.choices.normalizer)
        if not any(words):
            raise UserError(f"No word is left of {sentence!r}; type a sentence with words in it.")
        decoded = greedy(
            self._model, *pad(encode_sentences([words], self._ids), torch.device("cpu")), max_words
        )[0]
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
