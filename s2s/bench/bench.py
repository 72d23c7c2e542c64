"""Times training steps: combinations of engine, precision and batch size in interleaved rounds."""

import gc
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch

from s2s.analysis.run import timing
from s2s.bench.rates import (
    copy_rate_bytes,
    product_rate_flops,
    synchronize,
)
from s2s.config import Engine, TrainConfig
from s2s.errors import UserError
from s2s.machine.peak_memory import PeakMemory, load_routines
from s2s.records import BenchRow
from s2s.task import Task
from s2s.training.device import ran_out_of_memory
from s2s.training.trainer import Trainer

LEAST_STEPS = 5
"""Of a round, however long they take."""
_WAIT_SECONDS = 0.25
"""On a GPU the steps between two looks at the clock take about this long; steps are queued there,
and waiting for each would slow them down."""
_SEED = 0
"""Of the order within the rounds."""

TaskOpener = Callable[[TrainConfig, torch.device], Task]


def engines_for(device: torch.device) -> list[Engine]:
    """Those that make a difference on this device."""
    return [engine for engine in Engine if engine.value != "graphed" or device.type == "cuda"]


@dataclass
class Visit:
    """The timed steps of one combination in one round."""

    steps: int = 0
    samples: int = 0
    source_tokens: int = 0
    target_tokens: int = 0
    padded_tokens: int = 0
    seconds: float = 0.0
    """Wall time, the drawing of the batches included."""
    step_seconds: list[float] = field(default_factory=list)
    """A value a step; on a GPU the mean of some steps between two looks at the clock."""
    roofline_seconds: float | None = None
    """Of this round's mean step."""

    def add(self, other: "Visit") -> None:
        self.steps += other.steps
        self.samples += other.samples
        self.source_tokens += other.source_tokens
        self.target_tokens += other.target_tokens
        self.padded_tokens += other.padded_tokens
        self.seconds += other.seconds
        self.step_seconds.append(other.seconds / other.steps)


class Contender:
    """A combination with a model of its own, which it keeps over the rounds."""

    def __init__(self, config: TrainConfig, open_task: TaskOpener, device: torch.device) -> None:
        self.config, self._device = config, device
        self.visits: list[Visit] = []
        self.warmup_steps, self.warmup_seconds = 0, 0.0
        self.memory = PeakMemory(device)
        self._piece_steps = 1
        with self._watch():
            self._trainer = Trainer(open_task(config, device))
            self._warm_up()
        self.roofline = self._trainer.task.roofline

    @property
    def notes(self) -> list[str]:
        """What its trainer has to say."""
        return self._trainer.notes

    def let_go(self) -> None:
        """Of its model; its figures stay."""
        del self._trainer

    def visit(self, seconds: float) -> Visit:
        """Trains for this long or five steps, whichever is longer. Not yet among the `visits`."""
        visit = Visit()
        with self._watch():
            self._piece(1, warmup=True)  # the others have had the cache
            while visit.steps < LEAST_STEPS or visit.seconds < seconds:
                if piece := self._piece(self._piece_steps):
                    visit.add(piece)
        self._choose_piece(visit.seconds / visit.steps)
        return visit

    def _watch(self) -> AbstractContextManager[None]:
        """On a processor models in one process reuse each other's memory: none tells its own."""
        return self.memory.watch() if self._device.type == "cuda" else nullcontext()

    def _warm_up(self) -> None:
        """Until the loop calls a step one that counts; that one is left out too."""
        while (piece := self._piece(1)) is None:
            pass
        self.warmup_steps += piece.steps
        self.warmup_seconds += piece.seconds
        self._choose_piece(piece.seconds)

    def _choose_piece(self, step_seconds: float) -> None:
        if self._device.type == "cuda":
            self._piece_steps = max(1, round(_WAIT_SECONDS / step_seconds))

    def _piece(self, steps: int, *, warmup: bool = False) -> Visit | None:
        """So many steps, the device waited for; None, and counted as warm-up, where one of them
        was of the kind that a run leaves out of its throughput."""
        piece = Visit()
        synchronize(self._device)
        started = time.perf_counter()
        for _ in range(steps):
            record = self._trainer.step()
            warmup = warmup or not record.timed
            piece.steps += 1
            piece.samples += record.samples
            piece.source_tokens += record.source_tokens
            piece.target_tokens += record.target_tokens
            piece.padded_tokens += record.padded_tokens
        synchronize(self._device)
        piece.seconds = time.perf_counter() - started
        if not warmup:
            return piece
        self.warmup_steps += piece.steps
        self.warmup_seconds += piece.seconds
        return None


class Bench:
    """Rounds that each visit every combination once, in shuffled order.

    So a machine that is slower for a while is slower for all. Read `rows()` at any time: what was
    measured so far, but for memory on a processor (see runs/measure.py).
    """

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        open_task: TaskOpener,
        device: torch.device,
        *,
        rounds: int,
        seconds: float,
        with_floor: bool = True,
    ) -> None:
        """`seconds`: of a combination in a round. The configurations share all but engine,
        precision and batch size."""
        self._configs, self._open_task, self._device = configs, open_task, device
        self._rounds, self._seconds, self._with_floor = rounds, seconds, with_floor
        self._contenders: list[Contender] = []
        self._copy_rates: list[float] = []
        self.notes: list[str] = []
        """What was left out or computed otherwise, and why; each a sentence."""

    def run(self) -> Iterator[tuple[str, float]]:
        """Yields what it does next and the share of the whole that is done (0 to 1)."""
        turns = len(self._configs) * (self._rounds + 1)
        turn = 0
        load_routines(self._device)
        for config in self._configs:
            yield f"Warming up: {name_of(config)}", turn / turns
            with self._noting(config):
                self._contenders.append(Contender(config, self._open_task, self._device))
            turn += 1
        if not self._contenders:
            raise UserError(self.notes[0])
        random = np.random.default_rng(_SEED)
        for round_ in range(1, self._rounds + 1):
            heading = f"Round {round_} of {self._rounds}"
            yield f"{heading}: the machine's limits", turn / turns
            rates = self._rates() if self._with_floor else None
            for index in random.permutation(len(self._contenders)).tolist():
                contender = self._contenders[index]
                yield f"{heading}: {name_of(contender.config)}", turn / turns
                with self._noting(contender.config):
                    self._visit(contender, rates)
                turn += 1
        for contender in self._contenders:
            self.notes += [f"{name_of(contender.config)}: {note}" for note in contender.notes]
            contender.let_go()

    def rows(self) -> list[BenchRow]:
        """In the order of the configurations; those without a whole round are left out."""
        return [_row(contender) for contender in self._contenders if contender.visits]

    def copy_rate_bytes(self) -> float | None:
        """Median over the rounds, in bytes/s, read and write both counted."""
        return timing.median(self._copy_rates)

    def _visit(self, contender: Contender, rates: "_Rates | None") -> None:
        visit = contender.visit(self._seconds)
        if rates:
            visit.roofline_seconds = contender.roofline.step_seconds(
                visit.source_tokens / visit.steps,
                visit.target_tokens / visit.steps,
                rates.products[_product_key(contender)],
                rates.copying,
            )
        contender.visits.append(visit)

    @contextmanager
    def _noting(self, config: TrainConfig) -> Iterator[None]:
        """A batch too large for the memory is a result; the other combinations go on."""
        try:
            yield
            return
        except UserError as error:
            note = f"Left out, {name_of(config)}: {error}"
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
            note = f"The memory did not suffice for {name_of(config)}."
        # Outside the except blocks: their traceback would keep the tensors alive.
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if note not in self.notes:
            self.notes.append(note)

    def _rates(self) -> "_Rates":
        copying = copy_rate_bytes(self._device)
        self._copy_rates.append(copying)
        products: dict[tuple[int, str], float] = {}
        for contender in self._contenders:
            key = _product_key(contender)
            if key not in products:
                products[key] = product_rate_flops(contender.roofline, key[0], self._device)
        return _Rates(copying, products)


@dataclass(frozen=True)
class _Rates:
    copying: float
    """Bytes/s."""
    products: dict[tuple[int, str], float]
    """Operations/s by rows and precision."""


def _product_key(contender: Contender) -> tuple[int, str]:
    config = contender.config
    return contender.roofline.product_rows(config.batch_size), config.precision.value


def _row(contender: Contender) -> BenchRow:
    visits = contender.visits
    speed = timing.spread([visit.samples / visit.seconds for visit in visits])
    floors = [(visit.roofline_seconds, visit) for visit in visits if visit.roofline_seconds]
    cells = sum(visit.padded_tokens for visit in visits)
    tokens = sum(visit.source_tokens + visit.target_tokens for visit in visits)
    return BenchRow(
        engine=contender.config.engine.value,
        precision=contender.config.precision.value,
        batch_size=contender.config.batch_size,
        rounds=len(visits),
        steps=sum(visit.steps for visit in visits),
        samples_per_second=speed.median,
        samples_per_second_iqr=speed.iqr,
        timing_variation=speed.noise,
        tokens_per_second=timing.median(
            [(visit.source_tokens + visit.target_tokens) / visit.seconds for visit in visits]
        ),
        target_tokens_per_second=timing.median(
            [visit.target_tokens / visit.seconds for visit in visits]
        ),
        step_seconds=timing.median([timing.spread(visit.step_seconds).median for visit in visits]),
        padding_ratio=1 - tokens / cells,
        peak_memory_bytes=contender.memory.bytes,
        roofline_seconds=timing.median([floor for floor, _ in floors]),
        roofline_share=timing.median(
            [floor * visit.steps / visit.seconds for floor, visit in floors]
        ),
        warmup_steps=contender.warmup_steps,
        warmup_seconds=contender.warmup_seconds,
    )


def combinations(
    base: TrainConfig,
    engines: Sequence[str],
    batch_sizes: Sequence[int],
    precisions: Sequence[str],
) -> tuple[list[TrainConfig], list[str]]:
    """Every combination once, and a sentence for each kind of one that cannot be.

    Raises UserError where a value is none at all, or where no combination is left.
    """
    values = [("engine", engines), ("batch_size", batch_sizes), ("precision", precisions)]
    for name, chosen in values:
        for value in chosen:
            TrainConfig.from_json({name: value})  # UserError where it is wrong by itself
    configs: dict[TrainConfig, None] = {}
    refused: dict[str, None] = {}
    for size, precision, engine in itertools.product(batch_sizes, precisions, engines):
        changes = {"engine": engine, "batch_size": size, "precision": precision}
        try:
            configs[TrainConfig.from_json(base.to_json() | changes)] = None
        except UserError as error:
            refused[f"Left out, {engine} in {precision}: {error}"] = None
    if not configs:
        raise UserError(next(iter(refused), "Give an engine, a batch size and a precision."))
    return list(configs), list(refused)


def name_of(config: TrainConfig) -> str:
    """In a sentence about its turn."""
    return f"{config.engine.value}, batch size {config.batch_size:,}, {config.precision.value}"
