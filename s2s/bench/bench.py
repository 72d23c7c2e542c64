"""The bench: time and memory of all combinations of engine, batch size and precision."""

import dataclasses
import gc
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
import torch

from s2s.bench.rounds import Rounds, format_combination
from s2s.bench_report import BenchReport, BenchRow
from s2s.config import Engine, TrainConfig
from s2s.data.catalog import open_corpus
from s2s.errors import UserError
from s2s.locks import lease_without_waiting
from s2s.machine.host import OtherLoadMeter, read_system_info
from s2s.paths import corpora_folder
from s2s.runs import memory
from s2s.task import open_task
from s2s.training.device import resolve_device, trim_heap


def list_engines(device: torch.device) -> list[Engine]:
    """Return the engines that this device distinguishes. Without CUDA, `graphed` equals `fused`."""
    return [engine for engine in Engine if engine.value != "graphed" or device.type == "cuda"]


def combine(
    base: TrainConfig,
    engines: Sequence[str] | None,
    batch_sizes: Sequence[int],
    precisions: Sequence[str],
) -> tuple[list[TrainConfig], list[str]]:
    """Return one configuration per possible combination, and notes on the impossible ones.

    Args:
        engines: Names of engines; `None` for all from `list_engines`.

    Raises:
        UserError: A value is invalid by itself, or no combination is possible.
    """
    available = list_engines(resolve_device(base.device))
    engines = engines or available
    options = [("engine", engines), ("batch_size", batch_sizes), ("precision", precisions)]
    for name, values in options:
        for value in values:
            TrainConfig.from_json({name: value})
    configs: dict[TrainConfig, None] = {}
    notes: dict[str, None] = {}
    for size, precision, engine in itertools.product(batch_sizes, precisions, engines):
        if engine not in available:
            notes[f"Skipped {engine}: it needs a GPU."] = None
            continue
        changes = {"engine": engine, "batch_size": size, "precision": precision}
        try:
            configs[TrainConfig.from_json(base.to_json() | changes)] = None
        except UserError as error:
            notes[f"Skipped {engine} in {precision}: {error}"] = None
    if not configs:
        raise UserError(next(iter(notes), "Give at least one engine, batch size and precision."))
    return list(configs), list(notes)


class Bench:
    """A bench of every combination of the given engines, batch sizes and precisions.

    `run()` leases the device while it measures. `build_report()` may be called at any time.
    """

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
        """Check the choices, without measuring anything.

        Args:
            engines: Names of engines; `None` for all from `list_engines`.
            rounds: Number of rounds.
            seconds: Time per combination in each round.
            command: Command line that started the bench, for the report.

        Raises:
            UserError: Nothing can be measured with these choices.
        """
        self._device = resolve_device(base.device)
        self._configs, self._notes = combine(base, engines, batch_sizes, precisions)
        open_corpus(corpora_folder(), base.corpus)  # raises UserError before anything starts
        if base.threads:
            torch.set_num_threads(base.threads)
        self._rounds = Rounds(self._configs, open_task, self._device, rounds, seconds)
        self._seconds_per_combination = rounds * seconds
        self._memory_bytes: dict[str, int | None] = {}
        self._corpus, self._command = base.corpus, command
        self._machine: dict[str, Any] = {}
        self._complete = False

    def run(self) -> Iterator[tuple[str, float]]:
        """Time all combinations; on a CPU, measure their memory afterwards.

        Yields:
            The next activity, and the share of the bench that is done.

        Raises:
            UserError: The device is in use, or no combination can be trained.
        """
        with lease_without_waiting(str(self._device)):
            self._machine = _describe_machine(self._device)
            timing_share = 1.0  # on a GPU, the rounds measure memory too
            if self._device.type != "cuda":
                timing = self._seconds_per_combination
                timing_share = timing / (timing + memory.START_SECONDS)
            other_load = OtherLoadMeter()
            try:
                for activity, share in self._rounds.run():
                    yield activity, share * timing_share
            finally:
                self._machine["other_load_cores"] = other_load.read()
            if self._device.type != "cuda":
                for activity, share in self._measure_memory():
                    yield activity, timing_share + share * (1 - timing_share)
            self._complete = True

    def build_report(self) -> BenchReport | None:
        """Return the results so far, or `None` before a combination has completed a round."""
        if not (rows := self._rounds.build_rows()):
            return None
        gpus = read_system_info()["gpus"] if self._machine["gpus_before"] else []
        return BenchReport(
            at=time.time(),
            command=self._command,
            corpus=self._corpus,
            machine=self._machine | {"load_after": psutil.getloadavg()[0], "gpus_after": gpus},
            rows=tuple(map(self._add_memory, rows)),
            copy_rate_bytes=self._rounds.copy_rate,
            notes=(*self._notes, *self._rounds.notes),
            complete=self._complete,
        )

    def _measure_memory(self) -> Iterator[tuple[str, float]]:
        """Measure the memory of each timed combination on a CPU, each in a separate process."""
        gc.collect()  # frees the models of the rounds
        trim_heap()
        timed = {format_combination(row) for row in self._rounds.build_rows()}
        for index, config in enumerate(self._configs):
            name = format_combination(config)
            if name in timed:  # the rounds did not skip it
                yield f"Memory: {name}", index / len(self._configs)
                measured = memory.measure_step_memory(config, lambda: False)
                self._memory_bytes[name] = measured.peak_bytes if measured else None

    def _add_memory(self, row: BenchRow) -> BenchRow:
        memory_bytes = self._memory_bytes.get(format_combination(row), row.peak_memory_bytes)
        return dataclasses.replace(row, peak_memory_bytes=memory_bytes)


def _describe_machine(device: torch.device) -> dict[str, Any]:
    """Return the properties of the machine that the results depend on, as JSON values."""
    info = read_system_info()
    is_gpu = device.type == "cuda"
    return {
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if is_gpu else info["processor"],
        "processor": info["processor"],
        "cores": info["usable_cores"] or info["logical_cores"],
        "threads": torch.get_num_threads(),
        "thread_variables": info["thread_variables"],
        "torch": torch.__version__,
        "load_before": info["load_average"][0],  # mean over one minute
        "other_load_cores": None,
        "gpus_before": info["gpus"],
    }
