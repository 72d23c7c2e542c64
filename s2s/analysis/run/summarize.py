"""Summary of a run, from its records."""

import dataclasses
from collections.abc import Sequence

from s2s.analysis.run import steps as run_steps
from s2s.analysis.run.anatomy import PARTS, measure_anatomy
from s2s.analysis.run.interference import measure_interference
from s2s.analysis.run.readings import find_peak_memory
from s2s.analysis.run.timing import measure_step_spread
from s2s.records import DeviceSample, Evaluation, Run, Summary


def summarize(
    run: Run,
    steps: run_steps.Steps,
    evaluations: Sequence[Evaluation],
    samples: Sequence[DeviceSample],
) -> Summary:
    """Return the summary of a run from its records so far, finished or not.

    Only the training process can measure CPU and wall time, torch's peak memory and translation
    quality. These values are copied from the run's stored summary, if it has one.
    """
    spread = measure_step_spread(steps, run.config.teacher_forcing)
    anatomy = measure_anatomy(run, steps)
    interfered = steps["interfered"]
    warmup = ~(steps["timed"] | interfered)
    validation_losses = [each.validation_loss_per_token for each in evaluations]
    known_losses = [loss for loss in validation_losses if loss is not None]
    summary = Summary(
        run_id=run.id,
        state=run.state,
        engine=run.config.engine,
        batch_size=run.config.batch_size,
        iterations=len(steps),
        samples=int(steps["samples"].sum()),
        seconds=float(steps["seconds"].sum()),
        user_seconds=None,
        system_seconds=None,
        samples_per_second=run_steps.measure_rate(steps, "samples"),
        target_tokens_per_second=run_steps.measure_rate(steps, "target_tokens"),
        padding_ratio=run_steps.measure_padding_ratio(steps),
        loss_per_token=run_steps.measure_last_loss(steps, run_steps.LossScale.TOKEN),
        loss_per_sentence=run_steps.measure_last_loss(steps, run_steps.LossScale.SENTENCE),
        validation_loss_per_token=known_losses[-1] if known_losses else None,
        peak_memory_bytes=find_peak_memory(samples, run.device),
        step_seconds=run_steps.measure_step_seconds(steps),
        step_relative_iqr=spread.relative_iqr if spread else None,
        warmup_steps=int(warmup.sum()),
        warmup_seconds=float(steps["seconds"][warmup].sum()),
        interfered_steps=int(interfered.sum()),
        interfered_seconds=float(steps["seconds"][interfered].sum()),
        phase_seconds=dict(zip(PARTS, anatomy.median_seconds, strict=True)) if anatomy else None,
        interference=measure_interference(run, samples),
        max_padded_tokens=int(steps["padded_tokens"].max()) if len(steps) else None,
    )
    stored = run.summary
    if stored is None:
        return summary
    peak = stored.peak_memory_bytes
    return dataclasses.replace(
        summary,
        user_seconds=stored.user_seconds,
        system_seconds=stored.system_seconds,
        wall_seconds=stored.wall_seconds,
        peak_memory_bytes=summary.peak_memory_bytes if peak is None else peak,
        bleu=stored.bleu,
        chrf=stored.chrf,
    )
