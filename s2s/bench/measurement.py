"""Measuring with the device to oneself: the bench, and the limits of the machine."""

import dataclasses
import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil
import torch

from s2s import formatting as words
from s2s.bench.bench import Bench, combinations, engines_for, name_of
from s2s.bench.rates import Floor, floors
from s2s.config import Engine, TrainConfig
from s2s.data.catalog import open_corpus
from s2s.errors import UserError
from s2s.locks import lease
from s2s.machine.host import system_info
from s2s.machine.interference import OthersMeter
from s2s.paths import corpora_folder
from s2s.records import BenchReport, BenchRow
from s2s.runs import memory as run_memory
from s2s.task import open_task, task_class
from s2s.training.device import resolve_device, trim_heap


@contextmanager
def held(device: torch.device) -> Iterator[None]:
    """The device's lease, or UserError at once where a run or another measurement holds it."""
    given_up = iter((False,))
    with lease(str(device), lambda: next(given_up, True)) as got:
        if not got:
            raise UserError(
                f"Something else trains or measures on {words.format_device(str(device))} now; "
                "measure when it is done, or stop it."
            )
        yield


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures depend on, as it is now; ready for JSON."""
    info = system_info()
    cuda = device.type == "cuda"
    return {
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if cuda else info["processor"],
        "processor": info["processor"],
        "cores": info["usable_cores"] or info["logical_cores"],
        "threads": torch.get_num_threads(),
        "thread_variables": info["thread_variables"],
        "torch": torch.__version__,
        "load_before": info["load_average"][0],  # over a minute
        "load_after": None,
        "other_load_cores": None,
        "gpus_before": info["gpus"],
        "gpus_after": [],
    }


def machine_after(before: dict[str, Any]) -> dict[str, Any]:
    """The same with what has changed since."""
    gpus = system_info()["gpus"] if before["gpus_before"] else []
    return before | {"load_after": psutil.getloadavg()[0], "gpus_after": gpus}


class Measurement:
    """A bench from choices to report. `run()` holds the device; `report()` at any time after."""

    def __init__(
        self,
        base: TrainConfig,
        *,
        engines: Sequence[str] | None,
        batch_sizes: Sequence[int],
        precisions: Sequence[str],
        rounds: int,
        seconds: float,
        command: str,
    ) -> None:
        """`engines`: None for all that make a difference here. Raises UserError."""
        self._device = resolve_device(base.device)
        here = [engine.value for engine in engines_for(self._device)]
        elsewhere = {engine.value for engine in Engine} - set(here)
        asked = engines or here
        left_out = [f"Left out, {name}: it needs a GPU." for name in asked if name in elsewhere]
        chosen = [name for name in asked if name not in elsewhere]
        if not chosen:
            raise UserError(left_out[0])
        configs, refused = combinations(base, chosen, batch_sizes, precisions)
        self._notes = [*left_out, *refused]
        open_corpus(corpora_folder(), base.corpus)  # raises UserError before anything is measured
        if base.threads:
            torch.set_num_threads(base.threads)
        self._bench = Bench(configs, open_task, self._device, rounds=rounds, seconds=seconds)
        self._configs = configs
        self._round_seconds = rounds * seconds
        """Of one combination, in all rounds."""
        self._memory_bytes: dict[_Combination, int | None] = {}
        self._corpus, self._command = base.corpus, command
        self._machine: dict[str, Any] | None = None
        self._complete = False

    def run(self) -> Iterator[tuple[str, float]]:
        """Yields what it does next and the share of the whole that is done."""
        with held(self._device):
            self._machine = machine(self._device)
            if self._device.type == "cuda":
                yield from self._timing()
            else:
                yield from self._with_memory()
            self._complete = True

    def _timing(self) -> Iterator[tuple[str, float]]:
        others = OthersMeter()
        try:
            yield from self._bench.run()
        finally:
            assert self._machine is not None
            self._machine["other_load_cores"] = others.read()

    def _with_memory(self) -> Iterator[tuple[str, float]]:
        """The same on a processor, then the memory of each combination, in a process of its own."""
        timing = self._round_seconds / (self._round_seconds + run_memory.START_SECONDS)
        for what, share in self._timing():
            yield what, share * timing
        gc.collect()  # of the models, so that there is room for others
        trim_heap()
        timed = {_combination(row) for row in self._bench.rows()}
        for index, config in enumerate(self._configs):
            if _combination(config) not in timed:  # for want of memory, say
                continue
            yield f"Memory: {name_of(config)}", timing + (1 - timing) * index / len(self._configs)
            found = run_memory.measure_step_memory(config, lambda: False)
            self._memory_bytes[_combination(config)] = found.peak_bytes if found else None
            if not found or found.peak_bytes is None:
                self._notes.append(f"Memory could not be measured: {name_of(config)}.")

    def report(self) -> BenchReport | None:
        """What was measured so far; None where that is nothing."""
        rows = [self._row(row) for row in self._bench.rows()]
        if not rows or self._machine is None:
            return None
        return BenchReport(
            at=time.time(),
            command=self._command,
            corpus=self._corpus,
            machine=machine_after(self._machine),
            rows=tuple(rows),
            copy_rate_bytes=self._bench.copy_rate_bytes(),
            notes=(*self._notes, *self._bench.notes),
            complete=self._complete,
        )

    def _row(self, row: BenchRow) -> BenchRow:
        memory_bytes = self._memory_bytes.get(_combination(row), row.peak_memory_bytes)
        return dataclasses.replace(row, peak_memory_bytes=memory_bytes)


_Combination = tuple[str, str, int]


def _combination(one: TrainConfig | BenchRow) -> _Combination:
    return str(one.engine), str(one.precision), one.batch_size


def limits(config: TrainConfig, batch_sizes: Sequence[int]) -> tuple[float, list[Floor]]:
    """The copy rate (bytes/s) and the floor of a step at each size, measured now, in seconds.

    Raises UserError where the device is busy or the corpus is not there.
    """
    device = resolve_device(config.device)
    with held(device):
        return floors(task_class().open_roofline(config, device), device, batch_sizes)
