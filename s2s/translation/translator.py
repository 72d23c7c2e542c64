"""Translate typed sentences with the weights of a checkpoint."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import torch

from s2s.data.batches import pad
from s2s.data.text import join_words, split_sentence
from s2s.errors import UserError, quote
from s2s.records import TranslatedWord, Translation
from s2s.training.checkpoint import Checkpoint, load_checkpoint
from s2s.training.timing import interference
from s2s.translation.decoding import MAX_WORDS, Decoded, decode_greedily
from s2s.translation.metadata import TranslationMetadata
from s2s.validation import parse_dataclass

_thread_count_lock = threading.Lock()
"""Translations take turns, because they change torch's number of threads."""


class Translator:
    """Translator that uses one thread of the CPU, to slow a training run little.

    A run that trains in this process leaves the steps during a translation out of its timing.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.iteration, self.config = checkpoint.iteration, checkpoint.config
        self.metadata = parse_dataclass(TranslationMetadata, checkpoint.task)
        self._model = self.metadata.build_model(checkpoint.config)
        self._model.load_state_dict(checkpoint.weights, assign=True)

    @classmethod
    def load(cls, run_folder: Path) -> Self:
        """Load a run's checkpoint; raise UserError if it is missing or damaged."""
        with interference():
            return cls(load_checkpoint(run_folder))

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        """Translate the sentences one by one, and time each.

        Raises:
            UserError: A sentence has no words after normalizing.
        """
        with _limit_torch_to_one_thread():
            return [self._translate(sentence) for sentence in sentences]

    def translate_together(self, sentences: Sequence[str]) -> list[str]:
        """Translate the sentences in one batch, which is much faster, and return the texts."""
        with _limit_torch_to_one_thread():
            decoded = self._decode([self._split(each) for each in sentences])
        return [join_words(self.metadata.target.decode(each.word_ids)) for each in decoded]

    def _split(self, sentence: str) -> list[str]:
        words = split_sentence(sentence, self.metadata.choices.normalizer)
        if not any(words):
            raise UserError(f"{quote(sentence)} has no words. Enter a sentence with words in it.")
        return words

    def _decode(self, sentences: Sequence[list[str]]) -> list[Decoded]:
        ids = [self.metadata.source.encode(words) for words in sentences]
        return decode_greedily(self._model, *pad(ids, torch.device("cpu")), MAX_WORDS)

    def _translate(self, sentence: str) -> Translation:
        started = time.perf_counter()
        words = self._split(sentence)
        [decoded] = self._decode([words])
        outputs = self.metadata.target.decode(decoded.word_ids)
        unknown = [word for word in words if word not in self.metadata.source]
        return Translation(
            source=sentence,
            text=join_words(outputs),
            words=tuple(
                TranslatedWord(word, probability)
                for word, probability in zip(outputs, decoded.probabilities, strict=True)
            ),
            unknown_words=tuple(dict.fromkeys(unknown)),
            seconds=time.perf_counter() - started,
            finished=decoded.finished,
        )


@contextmanager
def _limit_torch_to_one_thread() -> Iterator[None]:
    with _thread_count_lock, interference():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
