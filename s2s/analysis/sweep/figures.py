"""What the charts of a sweep draw, from its records."""

from collections.abc import Mapping, Sequence

from s2s.analysis.advice.target import StepsToTarget, steps_to_target
from s2s.analysis.sweep.memory import MemoryPoint
from s2s.analysis.sweep.speed_curve import SpeedCurve, Unit, speed_curve
from s2s.config import Engine
from s2s.errors import UserError
from s2s.records import Evaluation, Run, RunState, Summary, Sweep


def finished_runs(sweep: Sweep, engine: Engine) -> list[Run]:
    """By batch size and repeat; those that diverged or found no memory are not among them."""
    return [
        part.run
        for part in sorted(sweep.parts, key=lambda part: (part.batch_size, part.repeat))
        if part.engine is engine and part.run and part.run.state is RunState.FINISHED
    ]


def speed_curves(sweep: Sweep, unit: Unit = Unit.SAMPLES) -> list[SpeedCurve]:
    """One for each engine; a block is a run."""
    return [
        speed_curve(engine.value, speeds(finished_runs(sweep, engine), unit), unit)
        for engine in sweep.config.engines
    ]


def speeds(runs: Sequence[Run], unit: Unit = Unit.SAMPLES) -> dict[int, list[float]]:
    """What the runs of each batch size did in a second."""
    found: dict[int, list[float]] = {}
    for run in runs:
        if run.summary and (speed := _speed(run.summary, unit)):
            found.setdefault(run.config.batch_size, []).append(speed)
    return found


def memory_points(sweep: Sweep, engine: Engine) -> list[MemoryPoint]:
    """Where it is known. On a processor: of the first training steps, in a process of their own.

    On a GPU: torch's peak of each finished run, its evaluations included.
    """
    measured = [
        (each.batch_size, each.padded_tokens, each.peak_bytes)
        for each in sweep.memory
        if each.engine is engine
    ]
    measured += [
        (run.config.batch_size, run.summary.max_padded_tokens, run.summary.peak_memory_bytes)
        for run in finished_runs(sweep, engine)
        if run.summary and run.device.startswith("cuda")
    ]
    return [
        MemoryPoint(size, padded_tokens, peak)
        for size, padded_tokens, peak in measured
        if padded_tokens and peak
    ]


def _speed(summary: Summary, unit: Unit) -> float | None:
    if unit is Unit.TOKENS:
        return summary.target_tokens_per_second
    return summary.samples_per_second


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
