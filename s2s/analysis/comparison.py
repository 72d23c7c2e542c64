"""Runs side by side: one row of figures a run, and what a comparison on an axis says."""

from collections.abc import Sequence
from dataclasses import dataclass

from s2s.analysis.busy import busy
from s2s.analysis.readings import peak_memory_bytes
from s2s.analysis.step_time import step_time
from s2s.analysis.steps import (
    Axis,
    LossScale,
    Steps,
    last_loss,
    padded_share,
    samples_per_second,
    target_tokens_per_second,
)
from s2s.analysis.words import UNKNOWN, doubts, run_label
from s2s.config import UNLIMITED, TrainConfig
from s2s.records import DeviceSample, Evaluation, Run


@dataclass(frozen=True)
class Row:
    """A run in figures, from its records so far. None: not known."""

    run_id: int
    label: str
    batch_size: int
    state: str
    device: str
    iterations: int
    samples: int
    wall_seconds: float
    """Of all steps, warm-up included, evaluation left out."""
    step_seconds: float | None
    """Median of the timed steps."""
    step_relative_iqr: float | None
    noise: str | None
    """Of that IQR: empty, `noisy` or `very noisy`."""
    warmup_steps: int
    warmup_seconds: float
    disturbed_steps: int
    """Left out because the same process translated meanwhile."""
    busy: str
    """What else the machine did, in a sentence; empty where it was quiet or nothing is known."""
    samples_per_second: float | None
    target_tokens_per_second: float | None
    padded_share: float | None
    loss_per_token: float | None
    loss_per_sentence: float | None
    validation_loss_per_token: float | None
    peak_memory_bytes: int | None


def row(
    run: Run, steps: Steps, evaluations: Sequence[Evaluation], samples: Sequence[DeviceSample]
) -> Row:
    """Memory is the summary's peak where the run has one, else the highest reading so far."""
    validation = [
        each.validation_loss_per_token
        for each in evaluations
        if each.validation_loss_per_token is not None
    ]
    peak = run.summary.peak_memory_bytes if run.summary else None
    timing = step_time(steps, run.config.teacher_forcing)
    return Row(
        run_id=run.id,
        label=run_label(run),
        batch_size=run.config.batch_size,
        state=run.state.value,
        device=run.device,
        iterations=len(steps),
        samples=int(steps["samples"].sum()),
        wall_seconds=float(steps["seconds"].sum()),
        step_seconds=timing.seconds,
        step_relative_iqr=timing.relative_iqr,
        noise=timing.noise,
        warmup_steps=timing.warmup_steps,
        warmup_seconds=timing.warmup_seconds,
        disturbed_steps=timing.disturbed_steps,
        busy=busy(run, samples),
        samples_per_second=samples_per_second(steps),
        target_tokens_per_second=target_tokens_per_second(steps),
        padded_share=padded_share(steps),
        loss_per_token=last_loss(steps, LossScale.TOKEN),
        loss_per_sentence=last_loss(steps, LossScale.SENTENCE),
        validation_loss_per_token=validation[-1] if validation else None,
        peak_memory_bytes=peak if peak is not None else peak_memory_bytes(samples, run.device),
    )


def ratio(value: float | None, baseline: float | None) -> float | None:
    """How many times the baseline; None where one of them is not known."""
    return None if value is None or not baseline else value / baseline


def ratio_text(times: float | None) -> str:
    """`10.7x`."""
    return UNKNOWN if times is None else f"{times:.3g}x"


def fairness(rows: Sequence[Row], axis: Axis) -> str:
    """What stands at the same place on `axis`, said honestly, in one or two sentences."""
    sizes = sorted({each.batch_size for each in rows})
    if len(sizes) < 2:
        return {
            Axis.ITERATIONS: "At one place on this axis all runs have made equally many updates.",
            Axis.SAMPLES: "At one place on this axis all runs have seen equally many sentences.",
            Axis.TOKENS: "At one place on this axis all runs have seen equally many target words.",
            Axis.SECONDS: "At one place on this axis all runs have trained equally long.",
        }[axis]
    small, large = sizes[0], sizes[-1]
    times = f"{large / small:.3g}"
    return {
        Axis.ITERATIONS: (
            f"Equal iterations are equal numbers of updates, not equal data: at one place on this "
            f"axis batch {large:,} has seen {times} times the sentences of batch {small:,}. The "
            f"article compared its runs so (batch 32 saw 16 times the samples of batch 2)."
        ),
        Axis.SAMPLES: (
            f"Equal samples are equal data, not equal updates: at one place on this axis batch "
            f"{small:,} has made {times} times the updates of batch {large:,}. The article "
            f"compared equal iterations instead."
        ),
        Axis.TOKENS: (
            f"Equal target tokens are equal data by words: at one place on this axis batch "
            f"{small:,} has made about {times} times the updates of batch {large:,}."
        ),
        Axis.SECONDS: (
            "Equal seconds are what a user waits on this machine (training only, evaluation left "
            "out): both speed and learning per sentence count."
        ),
    }[axis]


def marks(row: Row) -> str:
    """Why the run's speed is in doubt, in a few words; empty where nothing speaks against it."""
    return doubts(row.noise, row.busy)


def doubts_text(rows: Sequence[Row]) -> str:
    """A sentence for each run whose machine was busy, and one on steps left out."""
    told = [f"Run {row.label}: {row.busy}" for row in rows if row.busy]
    left_out = [
        f"{row.disturbed_steps:,} of run {row.run_id}" for row in rows if row.disturbed_steps
    ]
    if left_out:
        told.append(f"Steps left out because of translations: {', '.join(left_out)}.")
    return " ".join(told)


def bars_text(
    rows: Sequence[Row], texts: Sequence[str], title: str, against: Sequence[str] = ()
) -> str:
    """A bar chart in a sentence. `against`: the marks of each row, where it can have some."""
    told = "; ".join(
        f"run {row.label}: {text}{f' ({mark})' if mark else ''}"
        for row, text, mark in zip(rows, texts, against or [""] * len(rows), strict=True)
    )
    return f"{title}. {told}." if told else f"{title}. No runs."


def choices(config: TrainConfig) -> dict[str, str]:
    """All that was chosen for a run, in words, in the order of the configuration."""
    return {
        name.replace("_", " "): _said(value)
        for name, value in config.to_json().items()
        if (name, value) not in (("max_seconds", 0.0), ("iterations", UNLIMITED))
    }


def differences(configs: Sequence[TrainConfig]) -> dict[str, list[str]]:
    """What was not chosen alike for all: a value for each configuration."""
    said = [choices(config) for config in configs]
    names = dict.fromkeys(name for each in said for name in each)
    values = {name: [each.get(name, UNKNOWN) for each in said] for name in names}
    return {name: each for name, each in values.items() if len(set(each)) > 1}


def _said(value: object) -> str:
    match value:
        case None | () | []:
            return UNKNOWN
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return " / ".join(str(each) for each in value)
        case _:
            return str(value)
