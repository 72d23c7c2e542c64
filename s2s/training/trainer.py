"""The training loop: a generator that yields step records and evaluations."""

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from s2s.config import Engine, TrainConfig
from s2s.data.sampler import BatchSampler
from s2s.errors import UserError
from s2s.records import PHASES, Evaluation, StepRecord
from s2s.task import Task
from s2s.training.checkpoint import Checkpoint, Position, get_optimizer_state, load_optimizer_state
from s2s.training.optimizers import LazySGD, build_optimizer
from s2s.training.timing import InterferenceDetector, build_clock

WARMUP_STEPS = 3
"""Number of first steps that do not count as timed, because they still allocate memory."""


class Trainer:
    """Trains a task. `checkpoint()` returns the whole state of the training."""

    def __init__(
        self,
        task: Task,
        start: Checkpoint | None = None,
        *,
        resume: bool = False,
        check_stop: Callable[[], object] = lambda: None,
    ) -> None:
        """Build the optimizer and the batch sampler, and load `start` into them.

        Args:
            start: Checkpoint to begin with. Its optimizer state is used if it is there and fits.
            resume: Whether `start` is a checkpoint of this run itself, after an interruption.
            check_stop: Called several times per second in an evaluation. It may raise to stop that.

        Raises:
            UserError: `start` does not fit the task, or cannot be resumed.
        """
        self.task, self.config = task, task.config
        self.optimizer = build_optimizer(self.config, task.model, task.embeddings)
        self.iteration = self._start_iteration = start.iteration if start else 0
        self.position = Position(first_iteration=self.iteration)
        seed = [self.config.seed, self.iteration]
        batch_size, length_pool = self.config.batch_size, self.config.length_pool
        self._sampler = BatchSampler(task.lengths, batch_size, length_pool, seed)
        if start:
            if resume and not start.state:
                raise UserError(
                    "The run's checkpoint has no optimizer state, so it cannot be resumed. "
                    "Start a new run that continues from its weights."
                )
            task.check_start(start.config, start.task, same_data=resume)
            self._load(start)
            if resume:
                self.position = dataclasses.replace(start.position)
        self._clock = build_clock(task.device)
        self._interference = InterferenceDetector()
        self._check_stop = check_stop
        self._is_clock_stopped = False
        """Whether the time until the next step starts belongs to no step."""

    def run(self) -> Iterator[StepRecord | Evaluation]:
        """Train until the run is finished. Evaluate first, at intervals, and after the last step.

        A step's time includes the caller's work since the previous step. It includes no evaluation
        or checkpoint, and no work after one. On a GPU, steps are yielded in bursts, four per
        second. Take a checkpoint only at a burst's last step, whose iteration equals
        `self.iteration`.
        """
        if self._is_evaluation_due():
            yield self.evaluate()
        self._is_clock_stopped = False
        pending: list[tuple[StepRecord, list[Any]]] = []
        synchronized_at, end = time.perf_counter(), self._clock.mark()
        while not self._is_finished():
            marks = [end]
            pending.append((self.step(marks), marks))
            end = marks[-1]
            waited = time.perf_counter() - synchronized_at
            if waited >= self._clock.synchronize_every_seconds or self._is_evaluation_due():
                yield from self._measure_times(pending)
                pending, synchronized_at = [], time.perf_counter()
            if self._is_evaluation_due():  # the measured times may have used up max_seconds
                yield self.evaluate()
                self._is_clock_stopped = True
            if self._is_clock_stopped:
                end, self._is_clock_stopped = self._clock.mark(), False

    def step(self, marks: list[Any] | None = None) -> StepRecord:
        """Take one optimizer step on the next batch. The record has no times yet.

        Args:
            marks: The clock's marks are appended: at the start, and after each phase.
        """
        marks = [] if marks is None else marks
        marks.append(self._clock.mark())
        if not self.task.model.training:
            self.task.model.train()
        batch, loss_sum = self.task.step(
            self.optimizer, self._sampler, lambda: marks.append(self._clock.mark())
        )
        marks.append(self._clock.mark())
        self.iteration += 1
        interfered = self._interference.detect()
        is_past_warmup = self.iteration - self._start_iteration > WARMUP_STEPS
        return StepRecord(
            iteration=self.iteration,
            loss_sum=loss_sum,
            samples=batch.samples,
            source_tokens=batch.source_tokens,
            target_tokens=batch.target_tokens,
            padded_tokens=batch.padded_tokens,
            seconds=math.nan,
            phase_seconds=(math.nan,) * len(PHASES),
            timed=is_past_warmup and not interfered and not self.task.is_warming_up,
            interfered=interfered,
        )

    def _measure_times(self, steps: list[tuple[StepRecord, list[Any]]]) -> Iterator[StepRecord]:
        """Wait for the steps, set the times in their records, and yield the records."""
        self._clock.synchronize()
        for record, marks in steps:
            previous_end, *bounds = marks
            record.seconds = self._clock.seconds(previous_end, bounds[-1])
            if len(bounds) == len(PHASES) + 1:
                pairs = itertools.pairwise(bounds)
                record.phase_seconds = tuple(itertools.starmap(self._clock.seconds, pairs))
            self.position.training_seconds += record.seconds
            yield record

    def evaluate(self) -> Evaluation:
        """Measure the validation loss, and produce outputs for the task's samples."""
        loss = self.task.validate(self._check_stop)
        self._check_stop()
        outputs = self.task.sample_outputs()
        position = self.position
        position.evaluated_at, position.evaluated_tenths = self.iteration, self._count_tenths()
        position.target_reached = loss is not None and loss <= self.config.target_loss
        return Evaluation(self.iteration, position.training_seconds, loss, outputs)

    def checkpoint(self) -> Checkpoint:
        """Return the run's state, without copying its tensors."""
        self._is_clock_stopped = True
        device = self.task.device
        state = get_optimizer_state(self.optimizer) | {"random.cpu": torch.get_rng_state()}
        if device.type == "cuda":
            state["random.cuda"] = torch.cuda.get_rng_state(device)
        return Checkpoint(
            self.config,
            self.task.metadata,
            self.iteration,
            dataclasses.replace(self.position),
            self.task.model.state_dict(),
            state,
            self._sampler.state_dict(),
        )

    def _load(self, start: Checkpoint) -> None:
        """Load the weights. Load the optimizer and random states too, if they fit this run."""
        self.task.model.load_state_dict(start.weights)
        has_same_entries = _get_state_settings(start.config) == _get_state_settings(self.config)
        is_lazy = any(name.endswith(".missed") for name in start.state)
        if not start.state or not has_same_entries:
            return
        if is_lazy and not isinstance(self.optimizer, LazySGD):
            return  # a dense optimizer cannot use the entries of a lazy one
        load_optimizer_state(self.optimizer, start.state)
        if start.config.seed != self.config.seed:
            return  # another seed means other batches
        self._sampler.load_state_dict(start.sampler)
        torch.set_rng_state(start.state["random.cpu"])
        if self.task.device.type == "cuda" and "random.cuda" in start.state:
            torch.cuda.set_rng_state(start.state["random.cuda"], self.task.device)

    def _measure_progress(self) -> float:
        """Return the done share of the iterations or of the training time, whichever is larger."""
        share = (self.iteration - self.position.first_iteration) / self.config.iterations
        if self.config.max_seconds:
            share = max(share, self.position.training_seconds / self.config.max_seconds)
        return share

    def _count_tenths(self) -> int:
        return int(self._measure_progress() * 10)

    def _is_finished(self) -> bool:
        return self.position.target_reached or self._measure_progress() >= 1

    def _is_evaluation_due(self) -> bool:
        if self.position.evaluated_at is None:
            return True
        steps = self.iteration - self.position.evaluated_at
        if self._is_finished():
            return steps > 0
        if self.config.evaluate_every:
            return steps >= self.config.evaluate_every
        return self._count_tenths() > self.position.evaluated_tenths


def _get_state_settings(config: TrainConfig) -> tuple[object, ...]:
    """Return the settings that decide which entries an optimizer's state has."""
    return config.optimizer, config.momentum > 0, config.engine is Engine.ARTICLE
