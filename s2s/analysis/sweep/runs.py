"""Selection of a sweep's runs and of values from their summaries, by batch size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from s2s.config import Engine
from s2s.records import Run, RunState, Summary, Sweep

_WITHOUT_RESULT = (RunState.OUT_OF_MEMORY, RunState.DIVERGED, RunState.FAILED)
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class SizeMedian:
    """The median and range of a value at one batch size."""

    batch_size: int
    median: float
    low: float
    high: float
    count: int
    """Number of measured values."""


def list_finished_runs(sweep: Sweep, engine: Engine) -> list[Run]:
    """Return the engine's finished runs, sorted by batch size, then by repeat."""
    return [
        part.run
        for part in sorted(sweep.parts, key=lambda part: (part.batch_size, part.repeat))
        if part.engine is engine and part.run and part.run.state is RunState.FINISHED
    ]


def collect_values(
    runs: Sequence[Run], read_value: Callable[[Summary], _Value | None]
) -> dict[int, list[_Value]]:
    """Return the values that `read_value` finds, by batch size, in the order of the runs."""
    values: dict[int, list[_Value]] = {}
    for run in runs:
        value = read_value(run.summary) if run.summary else None
        if value is not None:
            values.setdefault(run.config.batch_size, []).append(value)
    return values


def measure_medians(values_by_size: Mapping[int, Sequence[float]]) -> tuple[SizeMedian, ...]:
    """Return the median and range of the values of each batch size, in the given order."""
    return tuple(
        SizeMedian(size, median(values), min(values), max(values), len(values))
        for size, values in values_by_size.items()
    )


def find_sizes_without_result(sweep: Sweep, engine: Engine) -> dict[RunState, list[int]]:
    """Return the batch sizes at which runs ran out of memory, diverged or failed, by state."""
    sizes: dict[RunState, set[int]] = {state: set() for state in _WITHOUT_RESULT}
    for part in sweep.parts:
        if part.engine is engine and part.run and part.run.state in sizes:
            sizes[part.run.state].add(part.batch_size)
    return {state: sorted(each) for state, each in sizes.items() if each}
