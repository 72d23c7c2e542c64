"""Results of a sweep in rows by engine and batch size."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from s2s.analysis.run.timing import median
from s2s.records import RunState, Sweep


@dataclass(frozen=True)
class SweepRow:
    """One combination of a sweep, with medians over its finished repeats."""

    engine: str
    batch_size: int
    states: Mapping[str, int]
    """Number of repeats per state, including those that are waiting."""
    samples_per_second: float | None
    validation_loss_per_token: float | None
    reached: int | None
    """Number of repeats that reached the target; `None` if the sweep has no target."""
    steps_to_target: float | None
    """Steps up to the evaluation that showed that the target was reached."""
    samples_to_target: float | None


def build_sweep_rows(sweep: Sweep) -> list[SweepRow]:
    """Return the rows by engine and batch size."""
    target_loss = sweep.config.target_loss
    ordered = sorted(sweep.parts, key=lambda part: (part.engine, part.batch_size))
    rows = []
    for (engine, size), group in groupby(ordered, lambda part: (part.engine, part.batch_size)):
        runs = [part.run for part in group]
        finished = [
            run.summary for run in runs if run and run.summary and run.state is RunState.FINISHED
        ]
        losses = [(each.validation_loss_per_token, each.iterations) for each in finished]
        known = [(loss, steps) for loss, steps in losses if loss is not None]
        steps_to_target = median([steps for loss, steps in known if loss <= target_loss])
        rows.append(
            SweepRow(
                engine.value,
                size,
                dict(Counter(run.state.value if run else "waiting" for run in runs)),
                median([each.samples_per_second for each in finished if each.samples_per_second]),
                median([loss for loss, _ in known]),
                sum(loss <= target_loss for loss, _ in known) if target_loss else None,
                steps_to_target,
                None if steps_to_target is None else steps_to_target * size,
            )
        )
    return rows
