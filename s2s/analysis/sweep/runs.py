"""The runs of a sweep and their figures, by engine and batch size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from s2s.config import Engine
from s2s.records import Run, RunState, Summary, Sweep

_WITHOUT_RESULT = (RunState.OUT_OF_MEMORY, RunState.DIVERGED, RunState.FAILED)
_Figure = TypeVar("_Figure")


@dataclass(frozen=True)
class SizeMedian:
    """The median and range of a figure at one batch size."""

    batch_size: int
    median: float
    low: float
    high: float
    count: int
    """Number of values."""


def list_finished_runs(sweep: Sweep, engine: Engine) -> list[Run]:
    """Return the engine's finished runs by batch size and repeat."""
    return [
        part.run
        for part in sorted(sweep.parts, key=lambda part: (part.batch_size, part.repeat))
        if part.engine is engine and part.run and part.run.state is RunState.FINISHED
    ]


def collect_figures(
    runs: Sequence[Run], figure: Callable[[Summary], _Figure | None]
) -> dict[int, list[_Figure]]:
    """Return the known values of a figure by batch size, in the order of the runs."""
    figures: dict[int, list[_Figure]] = {}
    for run in runs:
        value = figure(run.summary) if run.summary else None
        if value is not None:
            figures.setdefault(run.config.batch_size, []).append(value)
    return figures


def measure_medians(figures: Mapping[int, Sequence[float]]) -> tuple[SizeMedian, ...]:
    """Return the median and range of the figures of each batch size, in the given order."""
    return tuple(
        SizeMedian(size, median(values), min(values), max(values), len(values))
        for size, values in figures.items()
    )


def sizes_without_result(sweep: Sweep, engine: Engine) -> dict[RunState, list[int]]:
    """Return the batch sizes at which runs of the engine diverged or failed, by their state."""
    sizes: dict[RunState, set[int]] = {state: set() for state in _WITHOUT_RESULT}
    for part in sweep.parts:
        if part.engine is engine and part.run and part.run.state in sizes:
            sizes[part.run.state].add(part.batch_size)
    return {state: sorted(each) for state, each in sizes.items() if each}
