"""Results of a sweep as rows by engine and batch size."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2s.analysis.run.timing import median
from s2s.records import RunState, Sweep, SweepPart


@dataclass(frozen=True)
class SweepRow:
    """One combination of a sweep; medians over its finished repeats, None if there are none."""

    engine: str
    batch_size: int
    states: Mapping[str, int]
    """Number of repeats per state; `waiting` if not started."""
    samples_per_second: float | None
    validation_loss_per_token: float | None
    reached: int | None
    """Repeats that reached the target; None without a target, like the next two."""
    steps_to_target: float | None
    """Of the repeats that reached it, up to the evaluation that showed it."""
    samples_to_target: float | None


def sweep_rows(sweep: Sweep) -> list[SweepRow]:
    """Return the rows by engine and batch size."""
    groups: dict[tuple[str, int], list[SweepPart]] = {}
    for part in sorted(sweep.parts, key=lambda part: (part.engine, part.batch_size)):
        groups.setdefault((part.engine.value, part.batch_size), []).append(part)
    return [
        _row(engine, size, parts, sweep.config.target_loss)
        for (engine, size), parts in groups.items()
    ]


def _row(engine: str, size: int, parts: Sequence[SweepPart], target_loss: float) -> SweepRow:
    summaries = [
        part.run.summary
        for part in parts
        if part.run and part.run.summary and part.run.state is RunState.FINISHED
    ]
    speeds = [each.samples_per_second for each in summaries]
    losses = [each.validation_loss_per_token for each in summaries]
    steps = [
        each.iterations
        for each, loss in zip(summaries, losses, strict=True)
        if loss is not None and loss <= target_loss
    ]
    steps_to_target = median(steps)
    return SweepRow(
        engine,
        size,
        dict(Counter(part.run.state.value if part.run else "waiting" for part in parts)),
        median([speed for speed in speeds if speed is not None]),
        median([loss for loss in losses if loss is not None]),
        len(steps) if target_loss else None,
        steps_to_target,
        None if steps_to_target is None else steps_to_target * size,
    )
