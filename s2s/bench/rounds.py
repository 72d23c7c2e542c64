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

    def add(self, burst: "Timing") -> None:
        """Add the steps between two readings of the clock."""
        self.steps += burst.steps
        self.samples += burst.samples
        self.source_tokens += burst.source_tokens
        self.target_tokens += burst.target_tokens
        self.padded_tokens += burst.padded_tokens
        self.seconds += burst.seconds
        self.step_seconds.append(burst.seconds / burst.steps)


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
        with self._watch_memory():
            self._trainer = Trainer(open_task(config, device))
            self._warm_up()
        self.roofline = self._trainer.task.roofline

    @property
    def name(self) -> str:
        """Name in progress and notes."""
        return combination_name(self.config)

    @property
    def product_key(self) -> tuple[int, str]:
        """What the rate of the step's products depends on: their rows and the precision."""
        return self.roofline.product_rows(self.config.batch_size), self.config.precision.value

    @property
    def notes(self) -> list[str]:
        """What a user should know of how the steps were computed."""
        return [describe_remark(each) for each in self._trainer.remarks]

    def release_model(self) -> None:
        """Free the model's memory; the figures stay."""
        del self._trainer

    def time_steps(self, seconds: float) -> Timing:
        """Train for this long or MIN_STEPS steps, whichever is longer."""
        timing = Timing()
        with self._watch_memory():
            self._train_burst(1, warmup=True)  # the other combinations have used the cache
            while timing.steps < MIN_STEPS or timing.seconds < seconds:
                if burst := self._train_burst(self._burst_steps):
                    timing.add(burst)
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

    def _warm_up(self) -> None:
        """Train until a step counts as timed; that one is excluded too."""
        while (burst := self._train_burst(1)) is None:
            pass
        self._count_warmup(burst)
        self._choose_burst(burst.seconds)

    def _choose_burst(self, step_seconds: float) -> None:
        if self._device.type == "cuda":
            self._burst_steps = max(1, round(_BURST_SECONDS / step_seconds))

    def _train_burst(self, steps: int, *, warmup: bool = False) -> Timing | None:
        """Time some steps; return None if they, or one of them, count as warm-up."""
        burst = Timing()
        synchronize(self._device)
        start = time.perf_counter()
        for _ in range(steps):
            record = self._trainer.step()
            warmup = warmup or not record.timed
            burst.steps += 1
            burst.samples += record.samples
            burst.source_tokens += record.source_tokens
            burst.target_tokens += record.target_tokens
            burst.padded_tokens += record.padded_tokens
        synchronize(self._device)
        burst.seconds = time.perf_counter() - start
        if not warmup:
            return burst
        self._count_warmup(burst)
        return None

    def _count_warmup(self, burst: Timing) -> None:
        self.warmup_steps += burst.steps
        self.warmup_seconds += burst.seconds


class Rounds:
    """Rounds over all combinations, so that a slow stretch of the machine affects all alike.

    `rows()` returns what was measured so far, at any time.
    """

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        open_task: TaskOpener,
        device: torch.device,
        *,
        rounds: int,
        seconds: float,
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
            rates = self._measure_rates() if self._with_roofline else None
            for index in random.permutation(len(self._combinations)).tolist():
                combination = self._combinations[index]
                yield f"{heading}: {combination.name}", done / total
                with self._skip_on_failure(combination.config):
                    self._time(combination, rates)
                done += 1
        for combination in self._combinations:
            self.notes += [f"{combination.name}: {note}" for note in combination.notes]
            combination.release_model()

    def rows(self) -> list[BenchRow]:
        """Return a row per combination with a complete round, in the order of `configs`."""
        return [each.row() for each in self._combinations if each.timings]

    def copy_rate(self) -> float | None:
        """Return the median copy rate in bytes per second; None if it was not measured."""
        return median(self._copy_rates)

    def _time(self, combination: Combination, rates: "_Rates | None") -> None:
        timing = combination.time_steps(self._seconds)
        if rates:
            timing.roofline_seconds = combination.roofline.step_seconds(
                timing.source_tokens / timing.steps,
                timing.target_tokens / timing.steps,
                rates.products[combination.product_key],
                rates.copying,
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

    def _measure_rates(self) -> "_Rates":
        copy_rate = measure_copy_rate(self._device)
        self._copy_rates.append(copy_rate)
        products: dict[tuple[int, str], float] = {}
        for each in self._combinations:
            key = each.product_key
            if key not in products:
                products[key] = measure_product_rate(each.roofline, key[0], self._device)
        return _Rates(copy_rate, products)


@dataclass(frozen=True)
class _Rates:
    copying: float
    """Bytes per second."""
    products: dict[tuple[int, str], float]
    """Operations per second by product key."""


def combination_name(config: TrainConfig) -> str:
    """Return `fused, batch size 32, fp32`."""
    return f"{config.engine.value}, batch size {config.batch_size:,}, {config.precision.value}"
