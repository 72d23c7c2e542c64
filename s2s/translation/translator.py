"""Greedy translation, with the weights of a checkpoint or with a model in training."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from s2s.config import CorpusChoices, TrainConfig
from s2s.data.batches import pad
from s2s.data.corpus import Corpus
from s2s.data.text import join_words, split_sentence
from s2s.data.vocabulary import Vocabulary
from s2s.errors import UserError, quote
from s2s.records import EOS, PAD, SOS, TranslatedWord, Translation
from s2s.training.checkpoint import Checkpoint, load_checkpoint
from s2s.training.timing import declare_interference
from s2s.translation.model import Seq2Seq
from s2s.validation import parse_dataclass

MAX_WORDS = 40
"""Maximum number of words in a translation."""
_thread_count_lock = threading.Lock()
"""Held by a translation while torch's number of threads is changed."""


@dataclass(frozen=True)
class DecodedSentence:
    """A translation as word ids."""

    word_ids: list[int]
    """Ids of the words before EOS."""
    probabilities: list[float]
    """Probability of each word, given the words before it."""
    finished: bool
    """Whether EOS came before the maximum length."""


@torch.no_grad()
def decode_greedily(
    model: Seq2Seq, source: Tensor, lengths: Tensor, max_words: int
) -> list[DecodedSentence]:
    """Translate (S, B) word ids with (B,) lengths, to at most `max_words` words per sentence."""
    model.eval()
    state = model.encode(source, lengths)
    word_ids = torch.full((source.shape[1],), SOS, device=source.device)
    is_finished = torch.zeros_like(word_ids, dtype=torch.bool)
    steps: list[tuple[Tensor, Tensor]] = []
    for _ in range(max_words + 1):  # one more step, for EOS
        hidden, state = model.decoder(word_ids.unsqueeze(0), state)
        probabilities = model.decoder.out(hidden[0]).softmax(1)
        probabilities[:, [PAD, SOS]] = 0.0  # they are never targets in training
        highest, word_ids = probabilities.max(1)
        steps.append((word_ids, highest))
        is_finished |= word_ids == EOS
        if bool(is_finished.all()):
            break
    sentences, likelihoods = (
        torch.stack(column, 1).tolist() for column in zip(*steps, strict=True)
    )
    decoded = []
    for ids, values in zip(sentences, likelihoods, strict=True):
        end = ids.index(EOS) if EOS in ids else max_words
        decoded.append(DecodedSentence(ids[:end], values[:end], EOS in ids))
    return decoded


@dataclass(frozen=True)
class TranslationMetadata:
    """Everything needed to translate with a model's weights, apart from its configuration."""

    choices: CorpusChoices
    """How the corpus's text was turned into words."""
    corpus_sha256: str
    """Hash of the corpus's content. A corpus of the same name may later hold other sentences."""
    source_language: str
    target_language: str
    source: Vocabulary
    target: Vocabulary

    @classmethod
    def from_corpus(cls, corpus: Corpus) -> Self:
        info = corpus.info
        return cls(
            info.choices,
            info.content_sha256,
            info.source_language,
            info.target_language,
            corpus.source.build_vocabulary(),
            corpus.target.build_vocabulary(),
        )

    def build_model(self, config: TrainConfig, device: str = "meta") -> Seq2Seq:
        """Build the model, by default on the meta device, where its weights have no memory."""
        sizes = len(self.source), len(self.target), config.hidden_size, config.layers
        with torch.device(device):
            return Seq2Seq(*sizes, config.dropout)

    def check_corpus(self, corpus: Corpus) -> None:
        """Raise UserError if the corpus has changed since the model was trained on it."""
        info = corpus.info
        if (self.corpus_sha256, self.choices) != (info.content_sha256, info.choices):
            raise UserError(
                f"Corpus {info.name!r} has changed since the run was trained. Prepare the corpus "
                "as it was, or train a new run."
            )


class Translator:
    """Translates with a checkpoint's weights, on one CPU thread to spare a training run.

    If a run trains in this process, its steps during a translation do not count as timed.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.iteration, self.config = checkpoint.iteration, checkpoint.config
        self.metadata = parse_dataclass(TranslationMetadata, checkpoint.task)
        self._model = self.metadata.build_model(checkpoint.config)
        self._model.load_state_dict(checkpoint.weights, assign=True)

    @classmethod
    def load(cls, run_folder: Path) -> Self:
        """Load a run's checkpoint; raise UserError if it is missing or damaged."""
        with declare_interference():
            return cls(load_checkpoint(run_folder))

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        """Translate the sentences one by one, and measure the time of each.

        Raises:
            UserError: A sentence has no words after normalizing.
        """
        with _limit_torch_to_one_thread():
            return [self._translate(sentence) for sentence in sentences]

    def translate_together(self, sentences: Sequence[str]) -> list[str]:
        """Translate the sentences in one batch, which is much faster. Return the texts only."""
        with _limit_torch_to_one_thread():
            decoded = self._decode([self._split(each) for each in sentences])
        return [join_words(self.metadata.target.decode(each.word_ids)) for each in decoded]

    def _split(self, sentence: str) -> list[str]:
        words = split_sentence(sentence, self.metadata.choices.normalizer)
        if not any(words):
            raise UserError(f"{quote(sentence)} has no words. Enter a sentence with words in it.")
        return words

    def _decode(self, sentences: Sequence[list[str]]) -> list[DecodedSentence]:
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
    with _thread_count_lock, declare_interference():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
