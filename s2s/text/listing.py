"""Text about one corpus, run, summary, translation, gradient noise or sweep estimate."""

from typing import TYPE_CHECKING

from s2s import formatting as words
from s2s.config import SweepConfig
from s2s.records import CorpusInfo, Run, Summary, Translation
from s2s.text.run import (
    describe_excluded_steps,
    describe_interference,
    format_timing_warnings,
    format_variation,
)

if TYPE_CHECKING:
    from s2s.analysis.advice.gradient_noise import RunNoise


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
        resume_iteration: Where the run would resume; None: it cannot be resumed.
    """
    figures = [f"{run.config.engine}, {run.iterations_done:,} iterations"]
    if run.summary:
        if rate := run.summary.samples_per_second:
            warnings = format_timing_warnings(run.summary)
            figures.append(f"{rate:,.0f} samples/s{f' ({warnings})' if warnings else ''}")
        if loss := run.summary.loss_per_token:
            figures.append(f"loss per token {loss:.3f}")
    labels = [*run.tags, *(["archived"] if run.archived_at is not None else [])]
    tags = f" [{', '.join(labels)}]" if labels else ""
    hint = "" if resume_iteration is None else f"; resume with `python -m s2s resume {run.id}`"
    return f"{run.id:>4}  {run.state:13} {run.name}: {', '.join(figures)}{tags}{hint}"


def format_summary(run: Run, summary: Summary, *, can_translate: bool) -> str:
    """Describe a run that has ended, one figure per line.

    Args:
        can_translate: Whether the run has a checkpoint.
    """

    def number(value: float | None, format_: str) -> str:
        return words.UNKNOWN if value is None else format(value, format_)

    phases = ", ".join(
        f"{name} {words.format_step_time(seconds)}"
        for name, seconds in (summary.phase_seconds or {}).items()
    )
    iqr = format_variation(summary.step_relative_iqr)
    step = ", ".join(filter(None, [words.format_step_time(summary.step_seconds), iqr]))
    figures = {
        "samples/s": number(summary.samples_per_second, ",.1f"),
        "target tokens/s": number(summary.target_tokens_per_second, ",.0f"),
        "step time": step,
        "phases of a step": phases or words.UNKNOWN,
        "padding ratio": number(summary.padding_ratio, ".0%"),
        "loss per token": number(summary.loss_per_token, ".3f"),
        "loss per sentence": number(summary.loss_per_sentence, ".2f"),
        "validation loss per token": number(summary.validation_loss_per_token, ".3f"),
    }
    if summary.bleu is not None and summary.chrf is not None:
        figures["quality, test split"] = f"BLEU {summary.bleu:.1f}, chrF {summary.chrf:.1f}"
    lines = [
        f"Run {run.id} {summary.state} after {summary.iterations:,} iterations "
        f"in {summary.seconds:.1f} s on {run.device}.",
        *(f"  {name:28}{figure}" for name, figure in figures.items()),
        describe_excluded_steps(summary),
        describe_interference(summary.interference),
        f"Translate with `python -m s2s translate --run {run.id}`." if can_translate else "",
    ]
    return "\n".join(filter(None, lines))


def describe_gradient_noise(noise: "RunNoise") -> str:
    """Describe a measured gradient noise scale and how far to trust it."""
    from s2s.text.advice import format_noise_scale  # scipy: slow to import

    return (
        f"Gradient noise scale of run {noise.run_id} after {noise.iteration:,} iterations, "
        f"from gradients of {noise.sentences:,} sentences at batch sizes "
        f"{noise.small_batch:,} and {noise.big_batch:,}:\n"
        f"  {format_noise_scale(noise.scale)}\n"
        "At that batch size noise is half of the squared gradient (90% interval in brackets), and "
        "larger batches add less and less. It cross-checks a measured critical batch size and can "
        "be far off."
    )


def format_translation(translation: Translation) -> str:
    """Return the output and, in brackets, the source words that the model does not know."""
    unknown = ", ".join(translation.unknown_words)
    return translation.text + (f"   (unknown words: {unknown})" if unknown else "")


def describe_sweep_estimate(
    config: SweepConfig, runs: int, seconds: float | None, basis: str, device: str
) -> str:
    """Return how many runs a sweep still has to train, and about how long that takes.

    Args:
        seconds: None: unknown.
        basis: Source of the estimate, such as `earlier runs`.
    """
    count = "1 run" if runs == 1 else f"{runs:,} runs"
    duration = "duration unknown"
    if seconds is not None:
        limit = "at most " if config.target_loss else ""
        duration = f"{limit}about {words.format_duration(seconds)}, estimated from {basis}"
    growth = "; larger batch sizes come on top" if config.grow_until_oom else ""
    return f"{count} on {words.format_device(device)}: {duration}{growth}."
