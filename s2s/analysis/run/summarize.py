"""A run in figures, ready to stand beside others."""

from collections.abc import Sequence
from dataclasses import dataclass

from s2s.analysis.run.interference import busy
from s2s.analysis.run.readings import peak_memory_bytes
from s2s.analysis.run.step_time import step_time
from s2s.analysis.run.steps import (
    LossScale,
    Steps,
    last_loss,
    padding_ratio,
    samples_per_second,
    target_tokens_per_second,
)
from s2s.formatting import run_label
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
    interfered_steps: int
    """Left out because the same process translated meanwhile."""
    busy: str
    """What else the machine did, in a sentence; empty where it was quiet or nothing is known."""
    samples_per_second: float | None
    target_tokens_per_second: float | None
    padding_ratio: float | None
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
        interfered_steps=timing.interfered_steps,
        busy=busy(run, samples),
        samples_per_second=samples_per_second(steps),
        target_tokens_per_second=target_tokens_per_second(steps),
        padding_ratio=padding_ratio(steps),
        loss_per_token=last_loss(steps, LossScale.TOKEN),
        loss_per_sentence=last_loss(steps, LossScale.SENTENCE),
        validation_loss_per_token=validation[-1] if validation else None,
        peak_memory_bytes=peak if peak is not None else peak_memory_bytes(samples, run.device),
    )
