"""Interleaved rounds: each times the steps of every combination once, in shuffled order."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch

from s2s.analysis.run.timing import classify_variation, measure_spread, median
from s2s.bench.roofline import measure_copy_rate, measure_product_rate, synchronize
from s2s.bench_records import BenchRow
from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.machine.peak_memory import PeakMemory, load_kernels
from s2s.records import StepRecord
from s2s.task import Task
from s2s.text.run import describe_remark
from s2s.training.device import ran_out_of_memory
from s2s.training.trainer import Trainer

MIN_STEPS = 5
"""Timed steps per combination and round, however long they take."""
_BURST_SECONDS = 0.25
"""On a GPU, time between two readings of the clock: steps are queued there, and waiting for each
would slow them down."""
_ORDER_SEED = 0

TaskOpener = Callable[[TrainConfig, torch.device], Task]


@dataclass
class Timing:
    """Timed steps of one combination in one round."""

    steps: int = 0
    samples: int = 0
    source_tokens: int = 0
    target_tokens: int = 0
    padded_tokens: int = 0
    seconds: float = 0.0
    """Wall time, drawing the batches included."""
    step_seconds: list[float] = field(default_factory=list)
    """One value per step on a CPU; on a GPU the mean per burst of steps."""
    roofline_seconds: float | None = None
    """Roofline of the mean step, from rates measured in this round."""

    def add(self, records: Sequence[StepRecord], seconds: float) -> None:
        """Add the steps between two readings of the clock."""
        self.steps += len(records)
        self.samples += sum(each.samples for each in records)
        self.source_tokens += sum(each.source_tokens for each in records)
        self.target_tokens += sum(each.target_tokens for each in records)
        self.padded_tokens += sum(each.padded_tokens for each in records)
        self.seconds += seconds
        self.step_seconds.append(seconds / len(records))


class Combination:
    """One engine, precision and batch size, with a model that it trains through all rounds."""

    def __init__(self, config: TrainConfig, open_task: TaskOpener, device: torch.device) -> None:
        """Build the model and warm it up."""
        self.config, self._device = config, device
        self.timings: list[Timing] = []
        """One per complete round."""
        self.warmup_steps, self.warmup_seconds = 0, 0.0
        self.memory = PeakMemory(device)
        self._burst_steps = 1
        first = Timing()
        with self._watch_memory():
            self._trainer = Trainer(open_task(config, device))
            while not first.steps:  # train until a step counts as timed; exclude that one too
                self._train_burst(1, first)
        self.warmup_steps += 1
        self.warmup_seconds += first.seconds
        self._choose_burst(first.seconds)
        self.roofline = self._trainer.task.roofline

    @property
    def product_key(self) -> tuple[int, str]:
        """What the rate of the step's products depends on: their rows and the precision."""
        return self.roofline.product_rows(self.config.batch_size), self.config.precision.value

    def release_model(self) -> list[str]:
        """Free the model; return what a user should know of how its steps were computed."""
        notes = [describe_remark(each) for each in self._trainer.task.remarks]
        del self._trainer
        return notes

    def time_steps(self, seconds: float) -> Timing:
        """Train for this long or MIN_STEPS steps, whichever is longer."""
        timing = Timing()
        with self._watch_memory():
            self._train_burst(1)  # the other combinations have used the cache
            while timing.steps < MIN_STEPS or timing.seconds < seconds:
                self._train_burst(self._burst_steps, timing)
        self._choose_burst(timing.seconds / timing.steps)
        return timing

    def row(self) -> BenchRow:
        """Return the figures of the complete rounds, of which there is at least one."""
        timings = self.timings
        speed = measure_spread([each.samples / each.seconds for each in timings])
        rooflines = [(each.roofline_seconds, each) for each in timings if each.roofline_seconds]
        padded_tokens = sum(each.padded_tokens for each in timings)
        tokens = sum(each.source_tokens + each.target_tokens for each in timings)
        return BenchRow(
            engine=self.config.engine.value,
            precision=self.config.precision.value,
            batch_size=self.config.batch_size,
            rounds=len(timings),
            steps=sum(each.steps for each in timings),
            samples_per_second=speed.median,
            samples_per_second_iqr=speed.iqr,
            timing_variation=classify_variation(speed.relative_iqr),
            tokens_per_second=median(
                [(each.source_tokens + each.target_tokens) / each.seconds for each in timings]
            ),
            target_tokens_per_second=median(
                [each.target_tokens / each.seconds for each in timings]
            ),
            step_seconds=median([measure_spread(each.step_seconds).median for each in timings]),
            padding_ratio=1 - tokens / padded_tokens,
            peak_memory_bytes=self.memory.bytes,
            roofline_seconds=median([seconds for seconds, _ in rooflines]),
            roofline_share=median(
                [seconds * each.steps / each.seconds for seconds, each in rooflines]
            ),
            warmup_steps=self.warmup_steps,
            warmup_seconds=self.warmup_seconds,
        )

    def _watch_memory(self) -> AbstractContextManager[None]:
        """On a CPU watch nothing: models in one process reuse each other's memory."""
        return self.memory.watch() if self._device.type == "cuda" else nullcontext()

    def _choose_burst(self, step_seconds: float) -> None:
        if self._device.type == "cuda":
            self._burst_steps = max(1, round(_BURST_SECONDS / step_seconds))

    def _train_burst(self, steps: int, timing: Timing | None = None) -> None:
        """Add some steps to `timing`; if one is not timed, or without `timing`, to the warm-up."""
        synchronize(self._device)
        start = time.perf_counter()
        records = [self._trainer.step() for _ in range(steps)]
        synchronize(self._device)
        seconds = time.perf_counter() - start
        if timing and all(each.timed for each in records):
            timing.add(records, seconds)
        else:
            self.warmup_steps += steps
            self.warmup_seconds += seconds


class Rounds:
    """Rounds over all combinations, so that a slow stretch of the machine affects all alike.

    `rows()` returns what was measured so far, at any time.
    """

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        open_task: TaskOpener,
        device: torch.device,
        rounds: int,
        seconds: float,
        *,
        with_roofline: bool = True,
    ) -> None:
        """Prepare the rounds; nothing is built yet.

        Args:
            configs: They differ in engine, precision and batch size only.
            seconds: Per combination and round.
            with_roofline: Measure the machine's rates in each round, for the roofline.
        """
        self._configs, self._open_task, self._device = configs, open_task, device
        self._rounds, self._seconds, self._with_roofline = rounds, seconds, with_roofline
        self._combinations: list[Combination] = []
        self._copy_rates: list[float] = []
        self.notes: list[str] = []
        """What was skipped or computed differently, one sentence each."""

    def run(self) -> Iterator[tuple[str, float]]:
        """Time all rounds.

        Yields:
            The next activity, and the share of the whole that is done.

        Raises:
            UserError: No combination can be trained.
        """
        total = len(self._configs) * (self._rounds + 1)
        done = 0
        load_kernels(self._device)
        for config in self._configs:
            yield f"Warming up: {combination_name(config)}", done / total
            with self._skip_on_failure(config):
                self._combinations.append(Combination(config, self._open_task, self._device))
            done += 1
        if not self._combinations:
            raise UserError(self.notes[0])
        random = np.random.default_rng(_ORDER_SEED)
        for number in range(1, self._rounds + 1):
            heading = f"Round {number} of {self._rounds}"
            yield f"{heading}: roofline", done / total
            product_rates = self._measure_rates() if self._with_roofline else {}
            for index in random.permutation(len(self._combinations)).tolist():
                combination = self._combinations[index]
                yield f"{heading}: {combination_name(combination.config)}", done / total
                with self._skip_on_failure(combination.config):
                    self._time(combination, product_rates)
                done += 1
        for combination in self._combinations:
            name = combination_name(combination.config)
            self.notes += [f"{name}: {note}" for note in combination.release_model()]

    def rows(self) -> list[BenchRow]:
        """Return a row per combination with a complete round, in the order of `configs`."""
        return [each.row() for each in self._combinations if each.timings]

    def copy_rate(self) -> float | None:
        """Return the median copy rate in bytes per second; None if it was not measured."""
        return median(self._copy_rates)

    def _time(self, combination: Combination, product_rates: dict[tuple[int, str], float]) -> None:
        timing = combination.time_steps(self._seconds)
        if product_rates:
            timing.roofline_seconds = combination.roofline.step_seconds(
                timing.source_tokens / timing.steps,
                timing.target_tokens / timing.steps,
                product_rates[combination.product_key],
                self._copy_rates[-1],
            )
        combination.timings.append(timing)

    @contextmanager
    def _skip_on_failure(self, config: TrainConfig) -> Iterator[None]:
        """Turn out-of-memory and user errors into notes, so that other combinations go on."""
        name = combination_name(config)
        try:
            yield
            return
        except UserError as error:
            note = f"Skipped {name}: {error}"
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
            note = f"Out of memory: {name}."
        # Outside the except blocks: their traceback would keep the tensors alive.
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if note not in self.notes:
            self.notes.append(note)

    def _measure_rates(self) -> dict[tuple[int, str], float]:
        """Measure the copy rate; return the products' operations per second by product key."""
        self._copy_rates.append(measure_copy_rate(self._device))
        rooflines = {each.product_key: each.roofline for each in self._combinations}
        return {
            key: measure_product_rate(roofline, key[0], self._device)
            for key, roofline in rooflines.items()
        }


def combination_name(combination: TrainConfig | BenchRow) -> str:
    """Return `fused, batch size 32, fp32`."""
    size = f"batch size {combination.batch_size:,}"
    return f"{combination.engine}, {size}, {combination.precision}"
