"""Sentences about a run: its state, its interruption, its timing."""

from typing import Protocol

from s2s.formatting import format_duration, format_step_time
from s2s.records import Run, RunState


class ExcludedSteps(Protocol):
    """Counts of the steps that timing excludes; a Summary or a StepTime has them."""

    @property
    def warmup_steps(self) -> int | None: ...

    @property
    def warmup_seconds(self) -> float | None: ...

    @property
    def interfered_steps(self) -> int | None: ...

    @property
    def interfered_seconds(self) -> float | None: ...


def describe_excluded_steps(timing: ExcludedSteps) -> str:
    """Name the steps that timing excludes; empty if there are none."""
    parts = [
        f"{count:,} {kind} {'step' if count == 1 else 'steps'} ({format_step_time(seconds)})"
        for count, kind, seconds in (
            (timing.warmup_steps, "warm-up", timing.warmup_seconds),
            (timing.interfered_steps, "interfered", timing.interfered_seconds),
        )
        if count
    ]
    return f"Excluded from timing: {' and '.join(parts)}." if parts else ""


def describe_interruption(run: Run, resume_iteration: int) -> str:
    """Say where an interrupted run stopped, and where it would resume.

    Args:
        resume_iteration: Iteration of the last checkpoint; 0: there is none.
    """
    if not run.iterations_done:
        return f"Run {run.id} was interrupted before its first step."
    config = run.config
    has_total = not config.max_seconds and config.continue_from is None
    total = f" of {config.iterations:,}" if has_total else ""
    sentence = f"Run {run.id} was interrupted at iteration {run.iterations_done:,}{total}."
    if resume_iteration >= run.iterations_done:
        return sentence
    if resume_iteration:
        return f"{sentence} It would resume from iteration {resume_iteration:,}."
    return f"{sentence} It would start over."


def describe_state(run: Run) -> str:
    """Describe the state of a run, with its message."""
    where = (
        f"at iteration {run.iterations_done:,}" if run.iterations_done else "before its first step"
    )
    duration = f" after {format_duration(run.summary.seconds)} of training" if run.summary else ""
    message = f" {run.message}" if run.message else ""
    match run.state:
        case RunState.QUEUED:
            return "Queued: waiting for the device, which trains one run at a time."
        case RunState.RUNNING:
            if run.iterations_done:
                return f"Training: iteration {run.iterations_done:,}."
            return "Preparing: reading the corpus and building the model."
        case RunState.STOPPING:
            return "Stopping after the current step."
        case RunState.FINISHED:
            return f"Finished {where}{duration}.{message}"
        case RunState.STOPPED:
            weights = "; its weights are kept" if run.iterations_done else ""
            return f"Stopped on request {where}{weights}.{message}"
        case RunState.OUT_OF_MEMORY:
            return f"Out of memory {where}, batch size {run.config.batch_size:,}.{message}"
        case RunState.DIVERGED:
            return f"Diverged {where}.{message}"
        case RunState.INTERRUPTED:
            return f"Interrupted {where}.{message}"
        case RunState.FAILED:
            return f"Failed {where}.{message}"
