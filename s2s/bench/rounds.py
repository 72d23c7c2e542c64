"""Interleaved rounds: each times the steps of every combination once, in shuffled order."""

import gc
import math
import statistics
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from s2s.analysis.run.timing import classify_variation, measure_spread, median
from s2s.bench_report import BenchRow
from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.machine.peak_memory import PeakMemory, load_kernels
from s2s.records import StepRecord
from s2s.task import Task
from s2s.text.run import describe_remark
from s2s.training.device import is_out_of_memory
from s2s.training.trainer import Trainer

COPY_BYTES = 256 * 2**20
"""Size of each buffer of the copy rate: several times the cache of a CPU or GPU."""
MEASURE_SECONDS = 0.3
"""Time to measure a rate, without warm-up."""
_MIN_BLOCKS, _MAX_BLOCKS = 3, 9
"""Blocks of calls per rate; slow calls have fewer."""
MIN_STEPS = 5
"""Timed steps per combination and round, however long they take."""
_BURST_SECONDS = 0.25
"""Time between two readings of the clock on a GPU. Waiting for each step would slow it down,
because the CPU queues steps ahead."""
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
    """The time of each step on a CPU, the mean time of each burst of steps on a GPU."""
    roofline_seconds: float = 0.0
    """Roofline of the mean step, from rates measured in this round."""

    @property
    def tokens(self) -> int:
        return self.source_tokens + self.target_tokens

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
    """An engine, precision and batch size, with the model that is trained in all rounds."""

    def __init__(self, config: TrainConfig, open_task: TaskOpener, device: torch.device) -> None:
        """Build the model and warm it up."""
        self.config, self._device = config, device
        self.timings: list[Timing] = []
        """The timing of each complete round."""
        self.memory = PeakMemory(device)
        first = Timing()
        with self._watch_memory():
            self._trainer = Trainer(open_task(config, device))
            while not first.steps:  # the first timed step is still excluded
                self._train_burst(1, first)
        self._step_seconds = first.seconds
        self.roofline = self._trainer.task.roofline

    def release_model(self) -> list[str]:
        """Free the model; return sentences on how its steps were computed."""
        notes = [describe_remark(each) for each in self._trainer.task.remarks]
        del self._trainer
        return notes

    def time_steps(self, seconds: float) -> Timing:
        """Train for some seconds or MIN_STEPS steps, whichever takes longer."""
        timing, burst_steps = Timing(), 1
        if self._device.type == "cuda":
            burst_steps = max(1, round(_BURST_SECONDS / self._step_seconds))
        with self._watch_memory():
            self._train_burst(1, Timing())  # not counted: other combinations have used the cache
            while timing.steps < MIN_STEPS or timing.seconds < seconds:
                self._train_burst(burst_steps, timing)
        self._step_seconds = timing.seconds / timing.steps
        return timing

    def build_row(self) -> BenchRow:
        """Return the figures of the complete rounds, of which there is at least one."""
        timings = self.timings
        speed = measure_spread([each.samples / each.seconds for each in timings])
        padded_tokens = sum(each.padded_tokens for each in timings)
        target_rates = [each.target_tokens / each.seconds for each in timings]
        shares = [each.roofline_seconds * each.steps / each.seconds for each in timings]
        return BenchRow(
            engine=self.config.engine.value,
            precision=self.config.precision.value,
            batch_size=self.config.batch_size,
            rounds=len(timings),
            steps=sum(each.steps for each in timings),
            samples_per_second=speed.median,
            samples_per_second_iqr=speed.iqr,
            timing_variation=classify_variation(speed.relative_iqr),
            tokens_per_second=median([each.tokens / each.seconds for each in timings]),
            target_tokens_per_second=median(target_rates),
            step_seconds=median([measure_spread(each.step_seconds).median for each in timings]),
            padding_ratio=1 - sum(each.tokens for each in timings) / padded_tokens,
            peak_memory_bytes=self.memory.peak_bytes,
            roofline_seconds=median([each.roofline_seconds for each in timings]),
            roofline_share=median(shares),
        )

    def _watch_memory(self) -> AbstractContextManager[None]:
        """Watch memory on a GPU only: on a CPU, models in one process reuse each other's memory."""
        return self.memory.watch() if self._device.type == "cuda" else nullcontext()

    def _train_burst(self, num_steps: int, timing: Timing) -> None:
        """Train some steps; add them to `timing` unless the trainer excludes one from timing."""
        start = _read_clock(self._device)
        records = [self._trainer.step() for _ in range(num_steps)]
        seconds = _read_clock(self._device) - start
        if all(each.timed for each in records):
            timing.add(records, seconds)


class Rounds:
    """Rounds over all combinations, so that a slow stretch of the machine affects all alike.

    `build_rows()` returns what was measured so far, at any time.
    """

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        open_task: TaskOpener,
        device: torch.device,
        rounds: int,
        seconds: float,
    ) -> None:
        """Prepare the rounds; nothing is built yet.

        Args:
            configs: Configurations that differ in engine, precision and batch size only.
            rounds: Number of rounds.
            seconds: Time per combination and round.
        """
        self._configs, self._open_task, self._device = configs, open_task, device
        self._num_rounds, self._seconds = rounds, seconds
        self._combinations: list[Combination] = []
        self._copy_rates: list[float] = []
        self.notes: list[str] = []
        """Sentences on combinations that were skipped or computed differently."""

    def run(self) -> Iterator[tuple[str, float]]:
        """Time all rounds.

        Yields:
            The next activity, and the share of the rounds that is done.

        Raises:
            UserError: No combination can be trained.
        """
        total = len(self._configs) * (self._num_rounds + 1)
        done = 0
        load_kernels(self._device)
        for config in self._configs:
            yield f"Warming up: {format_combination(config)}", done / total
            with self._skip_on_failure(config):
                self._combinations.append(Combination(config, self._open_task, self._device))
            done += 1
        if not self._combinations:
            raise UserError(self.notes[0])
        random = np.random.default_rng(_ORDER_SEED)
        for number in range(1, self._num_rounds + 1):
            heading = f"Round {number} of {self._num_rounds}"
            yield f"{heading}: roofline", done / total
            self._copy_rates.append(measure_copy_rate(self._device))
            product_rates: dict[tuple[int, str], float] = {}
            for index in random.permutation(len(self._combinations)).tolist():
                combination = self._combinations[index]
                yield f"{heading}: {format_combination(combination.config)}", done / total
                with self._skip_on_failure(combination.config):
                    self._time_round(combination, product_rates)
                done += 1
        for combination in self._combinations:
            name = format_combination(combination.config)
            self.notes += [f"{name}: {note}" for note in combination.release_model()]

    def build_rows(self) -> list[BenchRow]:
        """Return a row per combination with a complete round, in the order of `configs`."""
        return [each.build_row() for each in self._combinations if each.timings]

    @property
    def copy_rate(self) -> float | None:
        """The median copy rate in bytes per second; `None` before the first round."""
        return median(self._copy_rates)

    def _time_round(
        self, combination: Combination, product_rates: dict[tuple[int, str], float]
    ) -> None:
        """Time a round of a combination.

        Args:
            product_rates: This round's rates by rows and precision; a missing rate is added.
        """
        timing = combination.time_steps(self._seconds)
        config, roofline = combination.config, combination.roofline
        rows = roofline.product_rows(config.batch_size)
        key = (rows, config.precision.value)
        if key not in product_rates:
            seconds_per_product = partial(measure_seconds, device=self._device)
            product_rates[key] = roofline.product_rate(rows, seconds_per_product)
        timing.roofline_seconds = roofline.step_seconds(
            timing.source_tokens / timing.steps,
            timing.target_tokens / timing.steps,
            product_rates[key],
            self._copy_rates[-1],
        )
        combination.timings.append(timing)

    @contextmanager
    def _skip_on_failure(self, config: TrainConfig) -> Iterator[None]:
        """Turn out-of-memory and user errors into notes, so that other combinations go on."""
        name = format_combination(config)
        try:
            yield
            return
        except UserError as error:
            note = f"Skipped {name}: {error}"
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            note = f"Out of memory: {name}."
        # Outside the except blocks: their traceback would keep the tensors alive.
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if note not in self.notes:
            self.notes.append(note)


def format_combination(combination: TrainConfig | BenchRow) -> str:
    """Return `fused, batch size 32, fp32`."""
    size = f"batch size {combination.batch_size:,}"
    return f"{combination.engine}, {size}, {combination.precision}"


def measure_copy_rate(device: torch.device) -> float:
    """Return the bytes per second of copying memory, read and write both counted."""
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * COPY_BYTES / measure_seconds(lambda: target.copy_(source), device)


def measure_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the time of a call, as the median over blocks of calls."""
    timer = timeit.Timer(work, timer=partial(_read_clock, device))
    timer.timeit(2)  # allocates memory, starts threads, selects kernels
    seconds = timer.timeit(1)
    num_blocks = max(_MIN_BLOCKS, min(_MAX_BLOCKS, int(MEASURE_SECONDS / seconds)))
    num_calls = math.ceil(MEASURE_SECONDS / num_blocks / seconds)
    return statistics.median(timer.repeat(num_blocks, num_calls)) / num_calls


def _read_clock(device: torch.device) -> float:
    """Return the time after the device has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
