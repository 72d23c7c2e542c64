"""Table of a sweep's results: one row per engine and batch size."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from s2s.analysis.run.timing import median
from s2s.records import RunState, Sweep


@dataclass(frozen=True)
class SweepRow:
    """Results of one engine at one batch size. Values are medians over the finished repeats."""

    engine: str
    batch_size: int
    states: Mapping[str, int]
    """Number of repeats by state. Those that have not started are `waiting`."""
    samples_per_second: float | None
    validation_loss_per_token: float | None
    reached: int | None
    """Number of repeats that reached the target; `None` if the sweep has no target."""
    steps_to_target: float | None
    """Steps of the repeats that reached the target. A run ends at the evaluation that shows it."""
    samples_to_target: float | None


def build_sweep_rows(sweep: Sweep) -> list[SweepRow]:
    """Return the rows, sorted by engine, then by batch size."""
    target_loss = sweep.config.target_loss
    ordered = sorted(sweep.parts, key=lambda part: (part.engine, part.batch_size))
    rows = []
    for (engine, size), group in groupby(ordered, lambda part: (part.engine, part.batch_size)):
        runs = [part.run for part in group]
        finished = [
            run.summary for run in runs if run and run.summary and run.state is RunState.FINISHED
        ]
        ends = [(each.validation_loss_per_token, each.iterations) for each in finished]
        evaluated = [(loss, steps) for loss, steps in ends if loss is not None]
        steps_to_target = median([steps for loss, steps in evaluated if loss <= target_loss])
        rows.append(
            SweepRow(
                engine.value,
                size,
                dict(Counter(run.state.value if run else "waiting" for run in runs)),
                median([each.samples_per_second for each in finished if each.samples_per_second]),
                median([loss for loss, _ in evaluated]),
                sum(loss <= target_loss for loss, _ in evaluated) if target_loss else None,
                steps_to_target,
                None if steps_to_target is None else steps_to_target * size,
            )
        )
    return rows
