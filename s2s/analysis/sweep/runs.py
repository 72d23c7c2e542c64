"""The runs of a sweep by engine and batch size."""

from collections.abc import Sequence

from s2s.config import Engine
from s2s.records import Run, RunState, Sweep

WITHOUT_RESULT = (RunState.OUT_OF_MEMORY, RunState.DIVERGED, RunState.FAILED)
"""States of runs that ended without a usable speed or loss."""


def finished_runs(sweep: Sweep, engine: Engine) -> list[Run]:
    """Return the engine's finished runs by batch size and repeat."""
    return [
        part.run
        for part in sorted(sweep.parts, key=lambda part: (part.batch_size, part.repeat))
        if part.engine is engine and part.run and part.run.state is RunState.FINISHED
    ]


def group_by_batch_size(runs: Sequence[Run]) -> dict[int, list[Run]]:
    """Return the runs by batch size, ascending."""
    groups: dict[int, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.config.batch_size):
        groups.setdefault(run.config.batch_size, []).append(run)
    return groups


def sizes_without_result(sweep: Sweep, engine: Engine) -> dict[RunState, list[int]]:
    """Return the batch sizes at which a run of the engine ended in each of WITHOUT_RESULT."""
    sizes = {
        state: {
            part.batch_size
            for part in sweep.parts
            if part.engine is engine and part.run and part.run.state is state
        }
        for state in WITHOUT_RESULT
    }
    return {state: sorted(each) for state, each in sizes.items() if each}
