"""What the command line prints of a corpus, a run, or a translation."""

import json
from typing import TYPE_CHECKING

from s2s import formatting as words
from s2s.records import CorpusInfo, Run, Summary, Translation
from s2s.runs.files import has_checkpoint
from s2s.text.run import describe_excluded_steps

if TYPE_CHECKING:  # it loads torch
    from s2s.analysis.advice.gradient_noise import RunNoise


def corpus_line(info: CorpusInfo) -> str:
    return (
        f"{info.name}: {info.source_language} to {info.target_language}, "
        f"{info.pairs_read:,} pairs, {info.pairs_kept:,} kept, "
        f"{info.source_words:,} and {info.target_words:,} words, "
        f"{info.choices.normalizer} normaliser, {info.seconds:.1f} s"
    )


def run_line(run: Run, resumes_at: int | None = None) -> str:
    """`resumes_at`: the iteration from which an interrupted run can go on."""
    rate = run.summary and run.summary.samples_per_second
    speed = f", {rate:,.0f} samples/s" if rate else ""
    doubts = run.summary and words.format_timing_warnings(
        run.summary.timing_variation, run.summary.interference
    )
    loss = run.summary and run.summary.loss_per_token
    loss_text = f", loss {loss:.3f} a token" if loss else ""
    filed = ", ".join([*run.tags, *(["archived"] if run.archived_at is not None else [])])
    again = "" if resumes_at is None else f"; resume it with: python -m s2s resume {run.id}"
    return (
        f"{run.id:>4}  {run.state:13} {run.name}: {run.config.engine}, "
        f"{run.iterations_done:,} iterations{speed}{f' ({doubts})' if doubts else ''}{loss_text}"
        f"{f' [{filed}]' if filed else ''}{again}"
    )


def _step_text(summary: Summary) -> str:
    """The median step and how much steps vary."""
    varies = words.format_iqr(summary.step_relative_iqr, summary.timing_variation)
    return ", ".join(filter(None, [words.format_step_time(summary.step_seconds), varies]))


def _phases_text(summary: Summary) -> str:
    parts = (summary.phase_seconds or {}).items()
    return ", ".join(f"{name} {words.format_step_time(seconds)}" for name, seconds in parts)


def _quality_text(summary: Summary) -> str:
    if summary.bleu is None or summary.chrf is None:
        return ""
    return f"  quality, test part    BLEU {summary.bleu:.1f}, chrF {summary.chrf:.1f}"


def summary_text(run: Run, summary: Summary) -> str:
    def shown(value: float | None, format_: str) -> str:
        return "not measured" if value is None else format(value, format_)

    return "\n".join(
        [
            f"Run {run.id} {summary.state} after {summary.iterations:,} iterations "
            f"in {summary.seconds:.1f} s on {run.device}.",
            f"  samples/s             {shown(summary.samples_per_second, ',.1f')}",
            f"  target tokens/s       {shown(summary.target_tokens_per_second, ',.0f')}",
            f"  step time             {_step_text(summary)}",
            f"  its phases            {_phases_text(summary) or 'not told apart'}",
            f"  padded share          {shown(summary.padding_ratio, '.0%')}",
            f"  loss a token          {shown(summary.loss_per_token, '.3f')}",
            f"  loss a sentence       {shown(summary.loss_per_sentence, '.2f')}",
            f"  validation, a token   {shown(summary.validation_loss_per_token, '.3f')}",
            *filter(
                None,
                [_quality_text(summary), describe_excluded_steps(summary), summary.interference],
            ),
            *(
                [f"Translate with: python -m s2s translate --run {run.id}"]
                if has_checkpoint(run.id)
                else []
            ),
        ]
    )


def noise_text(found: "RunNoise") -> str:
    from s2s.analysis.advice.gradient_noise import noise_scale_text  # scipy

    return "\n".join(
        [
            f"Gradient noise scale of run {found.run_id} after {found.iteration:,} iterations, "
            f"from gradients of {found.sentences:,} sentences at batch sizes "
            f"{found.small_batch:,} and {found.big_batch:,}:",
            f"  {noise_scale_text(found.scale)}",
            "At that batch size half of a squared gradient is noise (90 % interval in brackets): "
            "larger batches add less and less. It is a cross-check of a measured critical batch "
            "size, and can be far off.",
        ]
    )


def translation_text(translation: Translation) -> str:
    unknown = ", ".join(translation.unknown_words)
    return translation.text + (f"   (unknown words: {unknown})" if unknown else "")


def readable(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
