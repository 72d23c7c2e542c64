"""What the charts of a sweep draw, from its records."""

from collections.abc import Mapping, Sequence

from s2s.analysis.memory_law import MemoryPoint
from s2s.analysis.speed_curve import SpeedCurve, speed_curve
from s2s.analysis.target import StepsToTarget, steps_to_target
from s2s.config import Engine, UserError
from s2s.records import Evaluation, Run, RunState, Sweep


def finished_runs(sweep: Sweep, engine: Engine) -> list[Run]:
    """By batch size and repeat; those that diverged or found no memory are not among them."""
    return [
        part.run
        for part in sorted(sweep.parts, key=lambda part: (part.batch_size, part.repeat))
        if part.engine is engine and part.run and part.run.state is RunState.FINISHED
    ]


def speed_curves(sweep: Sweep) -> list[SpeedCurve]:
    """One for each engine; a block is a run."""
    return [
        speed_curve(engine.value, speeds(finished_runs(sweep, engine)))
        for engine in sweep.config.engines
    ]


def speeds(runs: Sequence[Run]) -> dict[int, list[float]]:
    """Samples a second of the runs of each batch size."""
    found: dict[int, list[float]] = {}
    for run in runs:
        if run.summary and run.summary.samples_per_second:
            found.setdefault(run.config.batch_size, []).append(run.summary.samples_per_second)
    return found


def memory_points(sweep: Sweep, engine: Engine) -> list[MemoryPoint]:
    """Where it is known. On a processor: of the first training steps, in a process of their own.

    On a GPU: torch's peak of each finished run, its evaluations included.
    """
    measured = [
        (each.batch_size, each.cells, each.peak_bytes)
        for each in sweep.memory
        if each.engine is engine
    ]
    measured += [
        (run.config.batch_size, run.summary.most_cells, run.summary.peak_memory_bytes)
        for run in finished_runs(sweep, engine)
        if run.summary and run.device.startswith("cuda")
    ]
    return [MemoryPoint(size, cells, peak) for size, cells, peak in measured if cells and peak]


def steps_to_targets(
    runs: Sequence[Run], evaluations: Mapping[int, Sequence[Evaluation]], target_loss: float
) -> list[StepsToTarget]:
    """Of each run that was evaluated. `evaluations`: by run id."""
    found = []
    for run in runs:
        try:
            found.append(
                steps_to_target(
                    evaluations[run.id], target_loss, run.config.batch_size, run.config.seed
                )
            )
        except UserError:  # it was never evaluated
            continue
    return found
