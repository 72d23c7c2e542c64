"""The translation task's entry in a checkpoint: vocabularies, languages and the corpus."""

from dataclasses import dataclass
from typing import Self

import torch

from s2s.config import CorpusChoices, TrainConfig
from s2s.data.corpus import Corpus
from s2s.data.vocabulary import Vocabulary
from s2s.errors import UserError
from s2s.translation.model import Seq2Seq


@dataclass(frozen=True)
class TranslationMetadata:
    """Everything needed to translate with a model's weights, apart from its configuration."""

    choices: CorpusChoices
    """How the corpus's text was turned into words."""
    corpus_sha256: str
    """Hash of the corpus's content, since a corpus of the same name may hold other sentences."""
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
        """Build the model, by default without memory and random numbers for its weights."""
        sizes = len(self.source), len(self.target), config.hidden_size, config.layers
        with torch.device(device):
            return Seq2Seq(*sizes, config.dropout)

    def check_corpus(self, corpus: Corpus) -> None:
        """Raise UserError if this is not the corpus that the model was trained on."""
        info = corpus.info
        if (self.corpus_sha256, self.choices) != (info.content_sha256, info.choices):
            raise UserError(
                f"Corpus {info.name!r} has changed since the run was trained. Prepare the corpus "
                "as it was, or train a new run."
            )
