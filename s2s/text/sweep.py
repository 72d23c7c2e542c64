"""Sentences and tables about a sweep and its results."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from s2s.analysis.estimate import Estimate
from s2s.analysis.sweep.table import build_sweep_rows
from s2s.analysis.sweep.throughput import (
    ENOUGH_BLOCKS,
    KNEE_SHARE,
    SpeedCurve,
    ThroughputCaveat,
)
from s2s.formatting import (
    align_columns,
    format_count,
    format_loss,
    format_percent,
    format_range,
    format_rate,
)
from s2s.records import Sweep
from s2s.text.run import describe_result

_THROUGHPUT_CAVEATS = {
    ThroughputCaveat.ONE_SIZE: "A fit needs at least two batch sizes. Measure more.",
    ThroughputCaveat.TWO_SIZES: "Two batch sizes give no interval. Measure a third.",
    ThroughputCaveat.TOO_FEW_BLOCKS: f"No interval: use at least {ENOUGH_BLOCKS} repeats.",
    ThroughputCaveat.FEW_BLOCKS: (
        f"The intervals may be too narrow: use at least {ENOUGH_BLOCKS} repeats."
    ),
    ThroughputCaveat.NO_CEILING: (
        "No ceiling and no knee: steps of larger batches take no longer. Measure larger sizes."
    ),
    ThroughputCaveat.NO_FIXED_TIME: (
        "No knee: timing variation hides the fixed time per step. Measure smaller batch sizes."
    ),
}


def describe_sweep(sweep: Sweep) -> str:
    """Describe what a sweep compares and how many runs are done, without its id and state."""
    sizes = sweep.config.batch_sizes
    size_range = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    repeats = "1 repeat" if sweep.config.repeats == 1 else f"{sweep.config.repeats} repeats"
    name = f"{sweep.name} · " if sweep.name else ""
    return (
        f"{name}{sweep.config.base.corpus} · batch {size_range} · {repeats}: "
        f"{sweep.count_done_parts():,} of {len(sweep.parts):,} runs done"
    )


def format_sweep(sweep: Sweep) -> str:
    """Describe a sweep in one line."""
    return f"{sweep.id:>4}  {sweep.state:9} {describe_sweep(sweep)}"


def format_sweep_table(sweep: Sweep) -> str:
    """Return a table with one row per engine and batch size, then the messages of the runs."""
    titles = ["engine", "batch", "state", "samples/s", "validation loss"]
    if sweep.config.target_loss:
        titles += ["reached", "steps to target", "samples to target"]
    rows = []
    for row in build_sweep_rows(sweep):
        cells = [
            row.engine,
            f"{row.batch_size:,}",
            format_states(row.states),
            format_rate(row.samples_per_second),
            format_loss(row.validation_loss_per_token, 3),
        ]
        if row.reached is not None:
            cells.append(f"{row.reached} of {sweep.config.repeats}")
            cells += map(format_count, (row.steps_to_target, row.samples_to_target))
        rows.append(cells)
    return "\n".join([*align_columns([titles, *rows]), *list_run_messages(sweep)])


def list_run_messages(sweep: Sweep) -> list[str]:
    """Return the distinct results of `describe_result`, with the batch size and engine."""
    messages = dict.fromkeys(
        f"Batch size {part.batch_size:,}, {part.engine.value}: {message}"
        for part in sweep.parts
        if part.run and (message := describe_result(part.run))
    )
    return list(messages)


def format_states(states: Mapping[str, int]) -> str:
    """Format the counts of the repeats' states: `finished`, or `2 finished, 1 diverged`."""
    if len(states) == 1:
        return next(iter(states))
    return ", ".join(f"{count} {state}" for state, count in states.items())


def describe_throughput_fit(curve: SpeedCurve) -> str:
    """State the ceiling and the knee of a throughput curve, and the caveats of its fit."""
    fit, parts = curve.fit, []
    if fit.ceiling_per_second:
        ceiling = format_rate(fit.ceiling_per_second.value)
        parts.append(f"ceiling {ceiling} {curve.unit}/s")
    if fit.knee:
        extrapolated = ", above the measured sizes" if fit.is_knee_extrapolated else ""
        parts.append(
            f"throughput knee ({format_percent(KNEE_SHARE)} of the ceiling) at batch size "
            f"{format_count(fit.knee.value)}{format_interval(fit.knee)}{extrapolated}"
        )
    sentences = [f"{curve.label}: {', '.join(parts)}."] if parts else []
    return " ".join([*sentences, *(_THROUGHPUT_CAVEATS[each] for each in fit.caveats)])


def format_interval(estimate: Estimate, format_value: Callable[[float], str] = format_count) -> str:
    """Format the interval of an estimate: ` (250 to 390)`; empty if it has none."""
    interval = format_range(estimate.low, estimate.high, format_value)
    return f" ({interval})" if interval else ""


def format_batch_sizes(sizes: Sequence[int]) -> str:
    """List batch sizes: `batch size 8`, `batch sizes 2 and 4`, `batch sizes 8 (2 runs) and 2`."""
    *others, last = [
        f"{size:,} ({count} runs)" if count > 1 else f"{size:,}"
        for size, count in Counter(sizes).items()
    ]
    return f"batch sizes {', '.join(others)} and {last}" if others else f"batch size {last}"
