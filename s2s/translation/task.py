"""The translation task: a parallel corpus and the GRU translator that is trained on it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from s2s.config import Precision, TrainConfig
from s2s.data.batches import BatchMaker
from s2s.data.catalog import open_corpus
from s2s.data.corpus import VALIDATION_PAIRS, Corpus
from s2s.data.sampler import BatchSampler
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.records import SampleTranslation
from s2s.task import BatchCounts, Indices, Metadata, Start, Task
from s2s.training.device import matmul_precision
from s2s.translation import evaluation
from s2s.translation.engines import ENGINES
from s2s.translation.model import Seq2Seq
from s2s.translation.roofline import TranslationRoofline
from s2s.translation.translator import TranslationMetadata
from s2s.validation import parse_dataclass


class TranslationTask(Task):
    """The built-in task."""

    def __init__(
        self,
        config: TrainConfig,
        corpus: Corpus,
        device: torch.device,
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Build the model on `device`.

        Args:
            weights: The model's weights. By default they are random, from the configured seed.

        Raises:
            UserError: The device cannot compute in the configured precision.
        """
        if config.precision is Precision.TF32 and device.type != "cuda":
            raise UserError(f"tf32 needs a GPU, but the device is {device}. Choose fp32 or bf16.")
        self.config, self.device, self._corpus = config, device, corpus
        self._translation = TranslationMetadata.from_corpus(corpus)
        self.metadata = dataclasses.asdict(self._translation)
        if weights is None:
            torch.manual_seed(config.seed)
            model = self._translation.build_model(config, "cpu")
        else:
            model = self._translation.build_model(config)
            model.load_state_dict(weights, assign=True)
        self.model = model.to(device)
        self.embeddings = self.model.embeddings
        self.batches = BatchMaker(corpus, device)
        self.engine = ENGINES[config.engine](self.model, self.batches, config.precision)
        self.remarks = self.engine.remarks
        lengths = corpus.source.lengths + corpus.target.lengths
        self.lengths = lengths[corpus.training.start : corpus.training.stop]
        self._samples = evaluation.SampleSentences(corpus, config.sentences)
        self.roofline = TranslationRoofline(config, corpus, device)

    @property
    def is_warming_up(self) -> bool:
        return self.engine.is_warming_up

    @classmethod
    def open(cls, config: TrainConfig, device: torch.device, start: Start | None) -> Self:
        corpus = open_corpus(corpora_folder(), config.corpus)
        if start is None:
            return cls(config, corpus, device)
        metadata, weights = start
        parse_dataclass(TranslationMetadata, metadata).check_corpus(corpus)
        return cls(config, corpus, device, weights)

    @staticmethod
    def outline(config: TrainConfig, metadata: Metadata) -> Seq2Seq:
        return parse_dataclass(TranslationMetadata, metadata).build_model(config)

    measure_quality = staticmethod(evaluation.measure_quality)

    def check_start(self, config: TrainConfig, metadata: Metadata, *, same_data: bool) -> None:
        start = parse_dataclass(TranslationMetadata, metadata)
        if same_data:
            start.check_corpus(self._corpus)
        own = self._translation
        if (start.source, start.target) != (own.source, own.target):
            raise UserError(
                f"Corpus {self.config.corpus!r} lacks the vocabulary of the run to continue. "
                "Use the unchanged corpus of that run, or start a new run."
            )
        if (config.hidden_size, config.layers) != (self.config.hidden_size, self.config.layers):
            raise UserError(
                f"The run to continue has hidden size {config.hidden_size} and number of layers "
                f"{config.layers}. Use the same values."
            )

    def step(
        self, optimizer: torch.optim.Optimizer, sampler: BatchSampler, mark: Callable[[], None]
    ) -> tuple[BatchCounts, Tensor]:
        indices = sampler.draw_batch()
        forced = sampler.draw_bool(self.config.teacher_forcing)
        return self.engine.step(optimizer, indices, forced, mark)

    def validate(self, check_stop: Callable[[], object]) -> float | None:
        """Compute the validation loss in float32, whatever the run's precision."""
        pairs = self._corpus.validation[:VALIDATION_PAIRS]
        with matmul_precision(Precision.FP32, self.device):
            return evaluation.measure_loss(self.model, self.batches, pairs, check_stop)

    def sample_outputs(self) -> tuple[SampleTranslation, ...]:
        with matmul_precision(Precision.FP32, self.device):
            return self._samples.translate(self.model)

    def sample_gradients(self, indices: Indices) -> Sequence[Tensor]:
        return evaluation.compute_sentence_gradients(self.model, self.batches.make_packed(indices))
