"""What a sweep found, as rows by engine and batch size and as lines for a terminal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from s2s import formatting as words
from s2s.analysis.run.timing import median
from s2s.records import RunState, Sweep, SweepPart
from s2s.text.bench import aligned


@dataclass(frozen=True)
class SweepRow:
    """One combination of a sweep; figures are medians over its finished repeats, None of none."""

    engine: str
    batch_size: int
    states: str
    """Of its repeats, such as `2 finished, 1 diverged`; one alone where all are alike."""
    samples_per_second: float | None
    validation_loss_per_token: float | None
    reached: int | None
    """Repeats that reached the target; None where there is no target, as for the next two."""
    steps_to_target: float | None
    """Of the repeats that reached it, to the evaluation that showed it."""
    samples_to_target: float | None


def sweep_rows(sweep: Sweep) -> list[SweepRow]:
    """By engine, then by batch size."""
    groups: dict[tuple[str, int], list[SweepPart]] = {}
    for part in sorted(sweep.parts, key=lambda part: (part.engine, part.batch_size)):
        groups.setdefault((part.engine.value, part.batch_size), []).append(part)
    return [
        _row(engine, size, parts, sweep.config.target_loss)
        for (engine, size), parts in groups.items()
    ]


def _row(engine: str, size: int, parts: Sequence[SweepPart], target_loss: float) -> SweepRow:
    found = [
        part.run.summary
        for part in parts
        if part.run and part.run.summary and part.run.state is RunState.FINISHED
    ]
    rates = [each.samples_per_second for each in found]
    losses = [each.validation_loss_per_token for each in found]
    steps = [
        each.iterations
        for each, loss in zip(found, losses, strict=True)
        if loss is not None and loss <= target_loss
    ]
    to_target = median(steps)
    return SweepRow(
        engine,
        size,
        _states(parts),
        median([rate for rate in rates if rate is not None]),
        median([loss for loss in losses if loss is not None]),
        len(steps) if target_loss else None,
        to_target,
        None if to_target is None else to_target * size,
    )


def _states(parts: Sequence[SweepPart]) -> str:
    counts = Counter(part.run.state.value if part.run else "waiting" for part in parts)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def sweep_text(sweep: Sweep) -> str:
    """The table, and what is to be known of runs that brought no result."""
    titles = ["engine", "batch", "state", "samples/s", "validation, a token"]
    if sweep.config.target_loss:
        titles += ["reached", "steps to target", "samples to target"]
    rows = [_cells(row, sweep.config.repeats) for row in sweep_rows(sweep)]
    return "\n".join([*aligned([titles, *rows]), *run_messages(sweep)])


def run_messages(sweep: Sweep) -> list[str]:
    """What is to be known of its runs, such as why one failed; each message once."""
    messages = dict.fromkeys(
        f"Batch size {part.batch_size:,}, {part.engine.value}: {part.run.message}"
        for part in sweep.parts
        if part.run and part.run.message
    )
    return list(messages)


def _cells(row: SweepRow, repeats: int) -> list[str]:
    cells = [
        row.engine,
        f"{row.batch_size:,}",
        row.states,
        words.format_rate(row.samples_per_second),
        words.format_loss(row.validation_loss_per_token, 3),
    ]
    if row.reached is None:
        return cells
    return [
        *cells,
        f"{row.reached} of {repeats}",
        _count(row.steps_to_target),
        _count(row.samples_to_target),
    ]


def _count(value: float | None) -> str:
    return words.UNKNOWN if value is None else f"{value:,.0f}"


def sweep_line(sweep: Sweep) -> str:
    """One line of a list."""
    sizes = sweep.config.batch_sizes
    range_ = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    repeats = "1 repeat" if sweep.config.repeats == 1 else f"{sweep.config.repeats} repeats"
    what = f"{sweep.name} · " if sweep.name else ""
    what += f"{sweep.config.base.corpus} · batch {range_} · {repeats}"
    return (
        f"{sweep.id:>4}  {sweep.state:9} {what}: {sweep.parts_done():,} of {len(sweep.parts):,} runs done"
    )
