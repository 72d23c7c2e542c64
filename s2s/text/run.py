"""Sentences about a run: state, result, interference, and steps excluded from its timing."""

from s2s.analysis.run.interference import has_interference, is_processor_shared, is_throttled
from s2s.analysis.run.progress import Progress
from s2s.analysis.run.timing import classify_variation
from s2s.config import TrainConfig
from s2s.formatting import format_duration, format_percent, format_step_time
from s2s.records import Interference, Remark, RemarkKind, Run, RunState, Summary

_ADVICE = {
    RunState.OUT_OF_MEMORY: "Use a smaller batch size or hidden size.",
    RunState.DIVERGED: "The loss is NaN or infinite. Use a smaller learning rate.",
}
_REMARKS = {
    RemarkKind.SLOW_KERNELS: "Training is slower without compiled kernels ({detail}).",
    RemarkKind.COMPUTED_BY_FUSED: "Computed with the fused engine instead of graphed ({detail}).",
    RemarkKind.STORE_UNAVAILABLE: (
        "The store could not be written for {duration}; the records were kept in memory and "
        "written afterwards."
    ),
    RemarkKind.CHECKPOINT_NOT_WRITTEN: (
        "The checkpoint at iteration {number} could not be written ({detail}). Free space on the "
        "disk that holds S2S_HOME."
    ),
    RemarkKind.WEIGHTS_KEPT: "The last finite weights were kept.",
    RemarkKind.LOST_GPU: (
        "{detail} failed, and this process cannot recover from it. Restart s2s to train on a GPU. "
        "Runs that wait for the GPU stay queued until then. Runs on the CPU continue."
    ),
    RemarkKind.SHUT_DOWN: "s2s was shut down. Resume with `python -m s2s {resume}`.",
    RemarkKind.NO_CHECKPOINT: (
        "s2s was shut down before the first checkpoint. Start the run again from the beginning."
    ),
    RemarkKind.OWNER_DIED: "The process that trained the run ended unexpectedly.",
    RemarkKind.CANNOT_RESUME: "It cannot be resumed: {sentence}",
    RemarkKind.QUALITY_NOT_MEASURED: (
        "It was stopped before its quality was measured. Measure it with "
        "`python -m s2s evaluate --run {run_id}`."
    ),
}


def describe_excluded_steps(summary: Summary) -> str:
    """Say how many steps are excluded from timing, and why; empty if there are none."""
    parts = [
        f"{count:,} {kind} ({format_step_time(seconds)})"
        for count, kind, seconds in (
            (summary.warmup_steps, "for warm-up", summary.warmup_seconds),
            (summary.interfered_steps, "while s2s translated", summary.interfered_seconds),
        )
        if count
    ]
    return f"Steps excluded from timing: {', '.join(parts)}." if parts else ""


def describe_interruption(run: Run, resume_iteration: int) -> str:
    """Say where an interrupted run stopped, and where it would resume.

    Args:
        resume_iteration: Iteration of the last checkpoint, or 0 without a checkpoint.
    """
    if not run.iterations_done:
        return f"Run {run.id} was interrupted before its first step."
    config = run.config
    has_total = not config.max_seconds and config.continue_from is None
    total = f" of {config.iterations:,}" if has_total else ""
    resumption = ""
    if not resume_iteration:
        resumption = " Resuming starts over."
    elif resume_iteration < run.iterations_done:
        resumption = f" Resuming continues from iteration {resume_iteration:,}."
    return f"Run {run.id} was interrupted at iteration {run.iterations_done:,}{total}.{resumption}"


def describe_state(run: Run) -> str:
    """Describe the state of a run; if it has ended, with `describe_result`."""
    where = (
        f"at iteration {run.iterations_done:,}" if run.iterations_done else "before its first step"
    )
    duration = f" after {format_duration(run.summary.seconds)} of training" if run.summary else ""
    weights = "; its weights are kept" if run.iterations_done else ""
    preparing = "Preparing: reading the corpus and building the model."
    message = f" {text}" if (text := describe_result(run)) else ""
    return {
        RunState.QUEUED: "Queued: waiting for the device, which trains one run at a time.",
        RunState.RUNNING: f"Training {where}." if run.iterations_done else preparing,
        RunState.STOPPING: "Stopping after the current step.",
        RunState.FINISHED: f"Finished {where}{duration}.{message}",
        RunState.STOPPED: f"Stopped on request {where}{weights}.{message}",
        RunState.OUT_OF_MEMORY: (
            f"Out of memory {where}, batch size {run.config.batch_size:,}.{message}"
        ),
    }.get(run.state, f"{run.state.capitalize()} {where}.{message}")


def describe_result(run: Run) -> str:
    """Say why a run ended, what to do, and further remarks; empty if there is nothing to say."""
    sentences = [_ADVICE.get(run.state, ""), _end_sentence(run.error)]
    sentences += [describe_remark(remark, run.id) for remark in run.remarks]
    if run.resumed_at and run.state is not RunState.INTERRUPTED:
        places = " and ".join(f"iteration {iteration:,}" for iteration in run.resumed_at)
        sentences.append(f"It was interrupted and resumed at {places}.")
    return " ".join(filter(None, sentences))


def describe_remark(remark: Remark, run_id: int = 0) -> str:
    """Return one or two sentences for a remark. Those that name a command use `run_id`."""
    number = remark.number or 0
    if remark.kind is RemarkKind.QUALITY_NOT_MEASURED and remark.detail:
        return f"Its quality was not measured: {_end_sentence(remark.detail)}"
    return _REMARKS[remark.kind].format(
        detail=remark.detail,
        sentence=_end_sentence(remark.detail),
        number=f"{number:,.0f}",
        duration=format_duration(number),
        run_id=run_id,
        resume=f"sweep --resume {number:.0f}" if number else f"resume {run_id}",
    )


def _end_sentence(text: str) -> str:
    """Return the text with a period at its end, unless it is empty."""
    return text if not text or text.endswith(".") else f"{text}."


def describe_lost_device(device: str) -> str:
    """Say that a GPU is lost and what to do; empty if `device`, the lost one, is empty."""
    return describe_remark(Remark(RemarkKind.LOST_GPU, device)) if device else ""


def describe_interference(interference: Interference) -> str:
    """Describe the interference with a run's timing; empty if none is known."""
    sentences = []
    if is_processor_shared(interference):
        cores = f"{interference.other_load_cores:.1f} of {interference.cores} CPU cores"
        sentences.append(f"Other programs used {cores}.")
    if interference.gpu_process_ids:
        ids = ", ".join(map(str, interference.gpu_process_ids))
        sentences.append(f"Other processes computed on the GPU: {ids}.")
    if is_throttled(interference) and interference.throttled_share is not None:
        sentences.append(
            "Heat or the power supply slowed the GPU down in "
            f"{format_percent(interference.throttled_share)} of the readings."
        )
    return " ".join(sentences)


def format_timing_warnings(summary: Summary) -> str:
    """Format why a run's speed is uncertain: `noisy, interference`; empty if it is not."""
    variation = classify_variation(summary.step_relative_iqr)
    interference = "interference" if has_interference(summary.interference) else ""
    return ", ".join(filter(None, [variation, interference]))


def describe_timing_warnings(summary: Summary) -> str:
    """Say why a run's speed is uncertain, and what to do; empty if it is not."""
    variation = classify_variation(summary.step_relative_iqr)
    noisy = f"The step time is {variation}: repeat the run to confirm it." if variation else ""
    return " ".join(filter(None, [describe_interference(summary.interference), noisy]))


def format_variation(relative_iqr: float | None) -> str:
    """Format the timing variation of steps: `IQR 17%, noisy`; empty if it is unknown."""
    if relative_iqr is None:
        return ""
    variation = classify_variation(relative_iqr)
    return f"IQR {format_percent(relative_iqr)}{f', {variation}' if variation else ''}"


def describe_progress(config: TrainConfig, progress: Progress) -> str:
    """Say how far a run has come: `430 of 1,000 iterations · about 41 s left`."""
    total = "" if config.max_seconds else f" of {config.iterations:,}"
    seconds = progress.seconds_left
    left = "" if seconds is None else f" · about {format_duration(seconds)} left"
    return f"{progress.iterations:,}{total} iterations{left}"


def format_tab_title(run_id: int, progress: Progress) -> str:
    """Format the progress of a run for the browser's tab: `43% · 41 s · run 12`."""
    seconds = progress.seconds_left
    left = "" if seconds is None else f" · {format_duration(seconds)}"
    return f"{format_percent(progress.share)}{left} · run {run_id}"
