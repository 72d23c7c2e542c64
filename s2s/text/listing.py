"""Text for the command line about a corpus, run, summary, translation or sweep estimate."""

from s2s import formatting
from s2s.config import SweepConfig
from s2s.records import CorpusInfo, Run, Summary, Translation
from s2s.text.run import (
    describe_excluded_steps,
    describe_interference,
    format_timing_warnings,
    format_variation,
)


def format_corpus(info: CorpusInfo) -> str:
    """Describe a prepared corpus in one line."""
    return (
        f"{info.name}: {info.source_language} to {info.target_language}, "
        f"{info.pairs_kept:,} of {info.pairs_read:,} pairs, "
        f"{info.source_words:,} and {info.target_words:,} words, "
        f"{info.choices.normalizer} normalizer, {info.seconds:.1f} s"
    )


def format_run(run: Run, resume_iteration: int | None = None) -> str:
    """Describe a run in one line.

    Args:
        resume_iteration: Iteration at which the run would resume; `None` if it cannot.
    """
    results = [f"{run.config.engine}, {formatting.format_iterations(run.iterations_done)}"]
    if run.summary:
        if rate := run.summary.samples_per_second:
            warnings = format_timing_warnings(run.summary)
            results.append(f"{rate:,.0f} samples/s{f' ({warnings})' if warnings else ''}")
        if loss := run.summary.loss_per_token:
            results.append(f"loss per token {loss:.3f}")
    labels = [*run.tags, *(["archived"] if run.archived_at is not None else [])]
    tags = f" [{', '.join(labels)}]" if labels else ""
    hint = "" if resume_iteration is None else f"; resume with `python -m s2s resume {run.id}`"
    return f"{run.id:>4}  {run.state:13} {run.name}: {', '.join(results)}{tags}{hint}"


def format_summary(run: Run, summary: Summary, *, can_translate: bool) -> str:
    """Describe a run that has ended, with one result per line.

    Args:
        can_translate: Whether the run has a checkpoint to translate with.
    """
    phases = ", ".join(
        f"{name} {formatting.format_step_time(seconds)}"
        for name, seconds in (summary.phase_seconds or {}).items()
    )
    iqr = format_variation(summary.step_relative_iqr)
    step = ", ".join(filter(None, [formatting.format_step_time(summary.step_seconds), iqr]))
    results = {
        "samples/s": formatting.format_rate(summary.samples_per_second),
        "target tokens/s": formatting.format_rate(summary.target_tokens_per_second),
        "step time": step,
        "phases of a step": phases or formatting.UNKNOWN,
        "padding ratio": formatting.format_percent(summary.padding_ratio),
        "loss per token": formatting.format_loss(summary.loss_per_token, 3),
        "loss per sentence": formatting.format_loss(summary.loss_per_sentence),
        "validation loss per token": formatting.format_loss(summary.validation_loss_per_token, 3),
    }
    if summary.bleu is not None and summary.chrf is not None:
        results["quality, test split"] = f"BLEU {summary.bleu:.1f}, chrF {summary.chrf:.1f}"
    lines = [
        f"Run {run.id} {summary.state} after {formatting.format_iterations(summary.iterations)} "
        f"in {summary.seconds:.1f} s on {run.device}.",
        *(f"  {name:28}{result}" for name, result in results.items()),
        describe_excluded_steps(summary),
        describe_interference(summary.interference),
        f"Translate with `python -m s2s translate --run {run.id}`." if can_translate else "",
    ]
    return "\n".join(filter(None, lines))


def format_translation(translation: Translation) -> str:
    """Return the translation, followed by the source words that the model does not know."""
    unknown = ", ".join(translation.unknown_words)
    return translation.text + (f"   (unknown words: {unknown})" if unknown else "")


def describe_sweep_estimate(
    config: SweepConfig, run_count: int, seconds: float | None, basis: str, device: str
) -> str:
    """Say how many runs a sweep still has to train, and about how long they will take.

    Args:
        seconds: Estimated duration; `None` if unknown.
        basis: Source of the estimate, such as `earlier runs`.
    """
    runs = "1 run" if run_count == 1 else f"{run_count:,} runs"
    duration = "duration unknown"
    if seconds is not None:
        limit = "at most " if config.target_loss else ""
        duration = f"{limit}about {formatting.format_duration(seconds)}, estimated from {basis}"
    growth = "; larger batch sizes are not included" if config.grow_until_oom else ""
    return f"{runs} on {formatting.format_device(device)}: {duration}{growth}."
