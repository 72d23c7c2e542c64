"""The training loop: a generator of step records and evaluations; stopping is leaving it."""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from s2s.config import Engine, Precision, TrainConfig, UserError
from s2s.data.batches import Batches
from s2s.data.corpus import VALIDATION_PAIRS, Corpus
from s2s.data.sampler import Drawing
from s2s.records import PHASES, Evaluation, StepRecord
from s2s.training.checkpoint import Checkpoint, Position, load_optimizer, optimizer_tensors
from s2s.training.disturbance import Lookout
from s2s.training.lazy_optimizers import LazySGD
from s2s.training.optimizers import build_optimizer
from s2s.training.precision import check_precision, products_in
from s2s.training.timing import clock_of
from s2s.translation.engines import ENGINES
from s2s.translation.evaluation import (
    FollowedSentences,
    validation_loss_per_token,
)
from s2s.translation.model import Seq2Seq

WARMUP_STEPS = 3
"""First steps of a run, and after it was resumed: left out of its throughput, since memory is
still being reserved."""


class Trainer:
    """A model in training. Everything that must survive a restart is in `checkpoint()`."""

    def __init__(
        self,
        config: TrainConfig,
        corpus: Corpus,
        device: torch.device,
        start: Checkpoint | None = None,
        *,
        resume: bool = False,
        look: Callable[[], object] = bool,
    ) -> None:
        """`start`: weights, and the optimizer's state where it has one, to go on from.

        `resume`: it is of this very run, which was cut off there. `look` is called several times
        within an evaluation; what it raises ends that, and it is due again. Raises UserError
        where `start` does not fit the corpus or the configuration, or cannot be resumed, and where
        the device cannot compute in the precision asked for.
        """
        check_precision(config.precision, device)
        self.config, self._corpus, self._device = config, corpus, device
        torch.manual_seed(config.seed)
        self.model = Seq2Seq(
            corpus.source.vocabulary,
            corpus.target.vocabulary,
            config.hidden_size,
            config.layers,
            config.dropout,
        ).to(device)
        self._batches = Batches(corpus, device)
        self._engine = ENGINES[config.engine](self.model, self._batches, config.precision)
        self.optimizer = build_optimizer(config, self.model)
        self._first_iteration = start.iteration if start else 0
        self._drawing = Drawing(
            _training_lengths(corpus),
            config.batch_size,
            config.length_pool,
            [config.seed, self._first_iteration],
        )
        if start:
            if resume:
                self._check_the_same(start)
            self._go_on_from(start)
        self.iteration = self._began_at = self._first_iteration
        self.training_seconds = 0.0
        """Wall time of all steps so far, evaluations left out."""
        self._clock = clock_of(device)
        self._lookout = Lookout()
        self._followed = FollowedSentences(corpus, config.sentences)
        self._look = look
        self._evaluated_at: int | None = None
        self._evaluated_tenths = 0
        self._target_reached = False
        self._left_out = False
        """The time until the caller asks for the next step belongs to none."""
        if start and resume:
            self._stand_at(start.position)

    @property
    def notes(self) -> list[str]:
        """What a user should know of how it was computed so far, a sentence each."""
        return self._engine.notes

    def run(self) -> Iterator[StepRecord | Evaluation]:
        """An evaluation before the first step, one every so often, and one after the last.

        The time that the caller takes between two steps belongs to the later one; the time it
        takes over an evaluation or a checkpoint belongs to none. On a GPU steps come in bursts,
        four a second: the last of them, whose iteration is the trainer's, is when to take one.
        """
        if self._evaluation_due():
            yield self.evaluate()
        self._left_out = False
        unsettled: list[tuple[StepRecord, list[Any]]] = []
        settled_at, end = time.perf_counter(), self._clock.mark()
        while not self._done():
            marks = [end]
            unsettled.append((self._step(marks), marks))
            end = marks[-1]
            waited = time.perf_counter() - settled_at
            if waited >= self._clock.settle_every_seconds or self._evaluation_due():
                yield from self._settled(unsettled)
                unsettled, settled_at = [], time.perf_counter()
            if self._evaluation_due():
                yield self.evaluate()
                self._left_out = True
            if self._left_out:
                end, self._left_out = self._clock.mark(), False

    def step(self) -> StepRecord:
        """One optimizer step on the next batch drawn, its times not taken."""
        return self._step([])

    def _step(self, marks: list[Any]) -> StepRecord:
        """The same; adds its start and the ends of its phases to `marks`."""
        marks.append(self._clock.mark())
        if not self.model.training:
            self.model.train()
        indices = self._drawing.indices()
        forced = self._drawing.chance(self.config.teacher_forcing)
        batch, loss_sum = self._engine.step(
            self.optimizer, indices, forced, lambda: marks.append(self._clock.mark())
        )
        marks.append(self._clock.mark())
        self.iteration += 1
        interfered = self._lookout.interfered()
        warmed_up = self.iteration - self._began_at > WARMUP_STEPS
        return StepRecord(
            iteration=self.iteration,
            loss_sum=loss_sum,
            samples=batch.samples,
            source_tokens=batch.source_tokens,
            target_tokens=batch.target_tokens,
            padded_tokens=batch.padded_tokens,
            seconds=math.nan,
            phase_seconds=(math.nan,) * len(PHASES),
            timed=warmed_up and not interfered and not self._engine.warming_up,
            interfered=interfered,
        )

    def _settled(self, steps: list[tuple[StepRecord, list[Any]]]) -> Iterator[StepRecord]:
        """The steps, with the times that their marks tell."""
        self._clock.settle()
        for record, marks in steps:
            end_of_last, *bounds = marks
            record.seconds = self._clock.seconds(end_of_last, bounds[-1])
            if len(bounds) == len(PHASES) + 1:
                record.phase_seconds = tuple(
                    itertools.starmap(self._clock.seconds, itertools.pairwise(bounds))
                )
            self.training_seconds += record.seconds
            yield record

    def evaluate(self) -> Evaluation:
        """In float32, whatever the run's precision."""
        held_out = self._corpus.validation[:VALIDATION_PAIRS]
        with products_in(Precision.FP32, self._device):
            loss = validation_loss_per_token(self.model, self._batches, held_out, self._look)
            self._look()
            translations = self._followed.translate(self.model)
        self._evaluated_at, self._evaluated_tenths = self.iteration, self._tenths_done()
        self._target_reached = loss is not None and loss <= self.config.target_loss
        return Evaluation(self.iteration, self.training_seconds, loss, translations)

    def checkpoint(self) -> Checkpoint:
        self._left_out = True
        info = self._corpus.info
        state = optimizer_tensors(self.optimizer) | {"random.cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            state["random.cuda"] = torch.cuda.get_rng_state(self._device)
        return Checkpoint(
            self.config,
            info.choices,
            info.content_sha256,
            info.source_language,
            info.target_language,
            self._corpus.source.known_words(),
            self._corpus.target.known_words(),
            self.iteration,
            Position(
                self._first_iteration,
                self.training_seconds,
                self._evaluated_at,
                self._evaluated_tenths,
                self._target_reached,
            ),
            self.model.state_dict(),
            state,
            self._drawing.state(),
        )

    def _check_the_same(self, start: Checkpoint) -> None:
        info = self._corpus.info
        if (start.corpus_sha256, start.choices) != (info.content_sha256, info.choices):
            raise UserError(
                f"The corpus {info.name!r} has changed since the run was interrupted, so it cannot "
                "be resumed; prepare the corpus as it was, or train anew."
            )
        if not start.state:
            raise UserError(
                "The run's checkpoint lacks what resuming needs; `Train more` and --continue go on "
                "from its weights in a new run."
            )

    def _stand_at(self, position: Position) -> None:
        self._first_iteration = position.first_iteration
        self.training_seconds = position.training_seconds
        self._evaluated_at = position.evaluated_at
        self._evaluated_tenths = position.evaluated_tenths
        self._target_reached = position.target_reached

    def _go_on_from(self, start: Checkpoint) -> None:
        if (start.source_words, start.target_words) != (
            self._corpus.source.known_words(),
            self._corpus.target.known_words(),
        ):
            raise UserError(
                f"The corpus {self.config.corpus!r} has another vocabulary than the run to go on "
                "from was trained with; train on the corpus as it was, or start anew."
            )
        shape = (start.config.hidden_size, start.config.layers)
        if shape != (self.config.hidden_size, self.config.layers):
            raise UserError(
                f"The run to go on from has hidden size {shape[0]} and {shape[1]} layers; "
                "a continued run keeps both."
            )
        self.model.load_state_dict(start.weights)
        # A lazy optimizer, on the CPU, leaves more behind than a dense one knows what to do with.
        lazy = any(name.endswith(".missed") for name in start.state)
        fits = isinstance(self.optimizer, LazySGD) or not lazy
        if start.state and fits and _keeps_the_same(start.config) == _keeps_the_same(self.config):
            load_optimizer(self.optimizer, start.state)
            if start.config.seed != self.config.seed:
                return  # another seed asks for other batches
            self._drawing.restore(start.sampler)
            torch.set_rng_state(start.state["random.cpu"])
            if self._device.type == "cuda" and "random.cuda" in start.state:
                torch.cuda.set_rng_state(start.state["random.cuda"], self._device)

    def _progress(self) -> float:
        """0 to 1, by iterations or by training time, whichever is further."""
        done = (self.iteration - self._first_iteration) / self.config.iterations
        if self.config.max_seconds:
            done = max(done, self.training_seconds / self.config.max_seconds)
        return done

    def _done(self) -> bool:
        return self._target_reached or self._progress() >= 1

    def _evaluation_due(self) -> bool:
        if self._evaluated_at is None:
            return True
        since = self.iteration - self._evaluated_at
        if self._done():
            return since > 0
        if self.config.evaluate_every:
            return since >= self.config.evaluate_every
        return self._tenths_done() > self._evaluated_tenths

    def _tenths_done(self) -> int:
        return int(self._progress() * 10)


def _training_lengths(corpus: Corpus) -> npt.NDArray[np.int64]:
    """(training pairs,) tokens of both sides."""
    lengths: npt.NDArray[np.int64] = corpus.source.lengths() + corpus.target.lengths()
    return lengths[corpus.training.start : corpus.training.stop]


def _keeps_the_same(config: TrainConfig) -> tuple[object, ...]:
    """What decides which entries an optimizer's state has."""
    return config.optimizer, config.momentum > 0, config.engine is Engine.ARTICLE
