"""Sentences and table cells that compare runs."""

import math
from collections.abc import Sequence

from s2s.analysis.estimate import Estimate
from s2s.analysis.run.anatomy import Anatomy, AnatomyFit, are_comparable
from s2s.analysis.run.steps import Axis
from s2s.config import MAX_BATCH_SIZE, MAX_ITERATIONS, TrainConfig
from s2s.formatting import UNKNOWN, format_percent, format_run_label, format_step_time
from s2s.records import Run, Summary
from s2s.text.run import describe_interference
from s2s.text.sweep import format_interval

_TRADE_OFFS = {
    Axis.ITERATIONS: (
        "Equal updates, not equal data: at the same iteration, {large} has seen {factor} as many "
        "sentences as {small}. The article compared its runs this way."
    ),
    Axis.SAMPLES: (
        "Equal data, not equal updates: at the same number of samples, {small} has made {factor} "
        "as many updates as {large}."
    ),
    Axis.TOKENS: (
        "Equal data, not equal updates: at the same number of target tokens, {small} has made "
        "about {factor} as many updates as {large}."
    ),
    Axis.SECONDS: "Equal training time on this machine, evaluations excluded.",
}


def describe_axis(summaries: Sequence[Summary], axis: Axis) -> str:
    """Say what is equal and what differs between runs at the same x of a chart."""
    sizes = sorted({each.batch_size for each in summaries})
    if len(sizes) < 2 and axis is not Axis.SECONDS:
        return "All runs have the same batch size. At the same x, updates and data are equal."
    return _TRADE_OFFS[axis].format(
        small=f"batch size {sizes[0]:,}",
        large=f"batch size {sizes[-1]:,}",
        factor=f"{sizes[-1] / sizes[0]:.3g}×",
    )


def describe_interferences(runs: Sequence[Run], summaries: Sequence[Summary]) -> str:
    """Describe the interference with the timing of each run; empty if there was none."""
    sentences = []
    for run, summary in zip(runs, summaries, strict=True):
        text = describe_interference(summary.interference)
        if steps := summary.interfered_steps:
            text += f" Timing excludes {steps:,} steps during which s2s translated."
        if text:
            sentences.append(f"Run {format_run_label(run)}: {text.strip()}")
    return " ".join(sentences)


def format_ratio(ratio: Estimate | None) -> str:
    """Format a ratio to the baseline: `10.7×`, or with an interval `10.7× (10.2 to 11.4)`."""
    if ratio is None:
        return UNKNOWN
    if not math.isfinite(ratio.value):
        return "NaN or infinite"
    return f"{ratio.value:.3g}×{format_interval(ratio, '{:.3g}'.format)}"


def describe_anatomy_fit(fit: AnatomyFit) -> str:
    """Say how much step time is fixed, what each sentence adds, and how far the fit deviates."""
    fixed, per_sample = sum(fit.fixed_seconds), sum(fit.per_sample_seconds)
    balance = ""
    if fixed < MAX_BATCH_SIZE * per_sample:
        balance = f"; the two parts are equal at batch size {fixed / per_sample:,.0f}"
    return (
        f"A step takes {format_step_time(fixed)} at any batch size, plus "
        f"{format_step_time(per_sample)} per sentence{balance}. The fit deviates from the measured "
        f"steps by at most {format_percent(fit.max_relative_error)}."
    )


def describe_missing_fit(runs: Sequence[Anatomy]) -> str:
    """Say which runs the user must select to get a fit of step time."""
    needed = "of two batch sizes" if are_comparable(runs) else "that differ only in batch size"
    return f"To separate fixed step time from the time per sentence, select runs {needed}."


def list_choices(config: TrainConfig) -> dict[str, str]:
    """Return the fields of a configuration as text, without limits that are not set."""
    return {
        name.replace("_", " "): _format_choice(value)
        for name, value in config.to_json().items()
        if (name, value) not in (("max_seconds", 0.0), ("iterations", MAX_ITERATIONS))
    }


def list_differences(configs: Sequence[TrainConfig]) -> dict[str, list[str]]:
    """Return the fields that differ, each with one value per configuration."""
    choices = [list_choices(config) for config in configs]
    names = dict.fromkeys(name for each in choices for name in each)
    columns = {name: [each.get(name, UNKNOWN) for each in choices] for name in names}
    return {name: values for name, values in columns.items() if len(set(values)) > 1}


def _format_choice(value: object) -> str:
    match value:
        case None | ():
            return UNKNOWN
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case tuple():
            return " / ".join(str(each) for each in value)
        case _:
            return str(value)
