"""Interleaved rounds. Each round measures every combination once, in shuffled order."""

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
"""Size of each buffer that `measure_copy_rate` copies: several times a CPU's or GPU's cache."""
MEASURE_SECONDS = 0.3
"""Time spent on measuring a rate, not counting its warm-up."""
_MIN_BLOCKS, _MAX_BLOCKS = 3, 9
"""Fewest and most blocks of calls per rate; the slower the calls, the fewer blocks."""
MIN_STEPS = 5
"""Timed steps per combination and round, however long they take."""
_BURST_SECONDS = 0.25
"""Time between two readings of the clock on a GPU. A reading waits for the queued steps. Waiting
after every step would slow training down, because the CPU queues steps ahead."""
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
    """Wall time, including the time to draw the batches."""
    step_seconds: list[float] = field(default_factory=list)
    """On a CPU the time of each step, on a GPU the mean step time of each burst of steps."""
    roofline_seconds: float = 0.0
    """Shortest time that the roofline allows for the mean step, from rates of this round."""

    @property
    def tokens(self) -> int:
        """Real source and target tokens."""
        return self.source_tokens + self.target_tokens

    def add(self, records: Sequence[StepRecord], seconds: float) -> None:
        """Add steps that took these seconds together."""
        self.steps += len(records)
        self.samples += sum(each.samples for each in records)
        self.source_tokens += sum(each.source_tokens for each in records)
        self.target_tokens += sum(each.target_tokens for each in records)
        self.padded_tokens += sum(each.padded_tokens for each in records)
        self.seconds += seconds
        self.step_seconds.append(seconds / len(records))


class Combination:
    """An engine, precision and batch size, and the model that all of its rounds train."""

    def __init__(self, config: TrainConfig, open_task: TaskOpener, device: torch.device) -> None:
        """Build the model and warm it up."""
        self.config, self._device = config, device
        self.timings: list[Timing] = []
        """The timing of each complete round."""
        self.memory = PeakMemory(device)
        warm_up = Timing()
        with self._watch_memory():
            self._trainer = Trainer(open_task(config, device))
            while not warm_up.steps:  # train until one step is timed; it is not part of any round
                self._train_burst(1, warm_up)
        self._expected_step_seconds = warm_up.seconds
        self.roofline = self._trainer.task.roofline

    def release_model(self) -> list[str]:
        """Free the model. Return its task's remarks on how steps were computed, as sentences."""
        notes = [describe_remark(each) for each in self._trainer.task.remarks]
        del self._trainer
        return notes

    def time_steps(self, seconds: float) -> Timing:
        """Train for some seconds or MIN_STEPS steps, whichever takes longer."""
        timing, burst_steps = Timing(), 1
        if self._device.type == "cuda":
            burst_steps = max(1, round(_BURST_SECONDS / self._expected_step_seconds))
        with self._watch_memory():
            # Not counted, because other combinations have evicted this one from the cache.
            self._train_burst(1, Timing())
            while timing.steps < MIN_STEPS or timing.seconds < seconds:
                self._train_burst(burst_steps, timing)
        self._expected_step_seconds = timing.seconds / timing.steps
        return timing

    def build_row(self) -> BenchRow:
        """Summarize the complete rounds. There must be at least one."""
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
        """Watch memory on a GPU. Do nothing on a CPU, where models reuse each other's memory."""
        return self.memory.watch() if self._device.type == "cuda" else nullcontext()

    def _train_burst(self, num_steps: int, timing: Timing) -> None:
        """Train some steps. Add them to `timing` only if the trainer marked them all as timed."""
        start = _read_clock(self._device)
        records = [self._trainer.step() for _ in range(num_steps)]
        seconds = _read_clock(self._device) - start
        if all(each.timed for each in records):
            timing.add(records, seconds)


class Rounds:
    """Rounds over all combinations.

    They are interleaved, so that a period in which the machine is slow affects all combinations
    alike. `build_rows()` may be called at any time, and returns the results so far.
    """

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        open_task: TaskOpener,
        device: torch.device,
        rounds: int,
        seconds: float,
    ) -> None:
        """Prepare the rounds, without building any model.

        Args:
            configs: Configurations that differ in engine, precision and batch size only.
            rounds: Number of rounds.
            seconds: Time per combination in each round.
        """
        self._configs, self._open_task, self._device = configs, open_task, device
        self._num_rounds, self._seconds = rounds, seconds
        self._combinations: list[Combination] = []
        self._copy_rates: list[float] = []
        self.notes: list[str] = []
        """Sentences on combinations that were skipped or computed differently."""

    def run(self) -> Iterator[tuple[str, float]]:
        """Warm up all combinations, then measure all rounds.

        Yields:
            The next activity, and the share of the warm-up and the rounds that is done.

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
            matmul_rates: dict[tuple[int, str], float] = {}
            for index in random.permutation(len(self._combinations)).tolist():
                combination = self._combinations[index]
                yield f"{heading}: {format_combination(combination.config)}", done / total
                with self._skip_on_failure(combination.config):
                    self._time_round(combination, matmul_rates)
                done += 1
        for combination in self._combinations:
            name = format_combination(combination.config)
            self.notes += [f"{name}: {note}" for note in combination.release_model()]

    def build_rows(self) -> list[BenchRow]:
        """Return one row per combination that has a complete round, in the order of `configs`."""
        return [each.build_row() for each in self._combinations if each.timings]

    @property
    def copy_rate(self) -> float | None:
        """The median copy rate in bytes per second; `None` before the first round."""
        return median(self._copy_rates)

    def _time_round(
        self, combination: Combination, matmul_rates: dict[tuple[int, str], float]
    ) -> None:
        """Measure one combination in the current round.

        Args:
            matmul_rates: This round's rates of matrix products, by number of rows and precision. A
                missing rate is measured and added.
        """
        timing = combination.time_steps(self._seconds)
        config, roofline = combination.config, combination.roofline
        rows = roofline.count_matmul_rows(config.batch_size)
        key = (rows, config.precision.value)
        if key not in matmul_rates:
            measure_product = partial(measure_seconds, device=self._device)
            matmul_rates[key] = roofline.measure_matmul_rate(rows, measure_product)
        timing.roofline_seconds = roofline.step_seconds(
            timing.source_tokens / timing.steps,
            timing.target_tokens / timing.steps,
            matmul_rates[key],
            self._copy_rates[-1],
        )
        combination.timings.append(timing)

    @contextmanager
    def _skip_on_failure(self, config: TrainConfig) -> Iterator[None]:
        """Turn out-of-memory and user errors into notes, so that other combinations continue."""
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
        # Outside the except blocks, in which the error's traceback would keep the tensors alive.
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if note not in self.notes:
            self.notes.append(note)


def format_combination(combination: TrainConfig | BenchRow) -> str:
    """Return a name such as `fused, batch size 32, fp32`."""
    size = f"batch size {combination.batch_size:,}"
    return f"{combination.engine}, {size}, {combination.precision}"


def measure_copy_rate(device: torch.device) -> float:
    """Return the rate of copying memory: bytes read plus bytes written, per second."""
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * COPY_BYTES / measure_seconds(lambda: target.copy_(source), device)


def measure_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds per call, the median over several blocks of calls."""
    timer = timeit.Timer(work, timer=partial(_read_clock, device))
    timer.timeit(2)  # allocates memory, starts threads, selects kernels
    seconds = timer.timeit(1)
    num_blocks = max(_MIN_BLOCKS, min(_MAX_BLOCKS, int(MEASURE_SECONDS / seconds)))
    num_calls = math.ceil(MEASURE_SECONDS / num_blocks / seconds)
    return statistics.median(timer.repeat(num_blocks, num_calls)) / num_calls


def _read_clock(device: torch.device) -> float:
    """Wait until the device has finished its queued work, then read the clock."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
