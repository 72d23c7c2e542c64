"""Sentences and tables that compare a replay's results to those of the article."""

from collections.abc import Sequence

from s2s.analysis.estimate import CONFIDENCE
from s2s.analysis.sweep.replay import (
    ARTICLE_RANGE,
    ARTICLE_RATIO,
    ARTICLE_SPEEDS,
    LARGE,
    LOWER_LOSS,
    SMALL,
    Learning,
    Replay,
    SizeReplay,
    select_article_evaluations,
)
from s2s.analysis.translations import build_translation_table
from s2s.errors import shorten
from s2s.formatting import (
    UNKNOWN,
    align_columns,
    format_iterations,
    format_loss,
    format_percent,
    format_rate,
)
from s2s.records import Evaluation
from s2s.text.compare import format_ratio
from s2s.text.sweep import format_interval


def describe_replay(replay: Replay) -> str:
    """Summarize the results of a replay so far in one paragraph."""
    progress = ""
    if replay.done < replay.total:
        progress = f"Preliminary: {replay.done:,} of {replay.total:,} runs are done."
    sentences = [
        progress,
        _describe_speeds(replay),
        _describe_overhead(replay),
        _describe_learning(replay),
        _describe_warnings(replay),
        _describe_recommendation(replay),
    ]
    return " ".join(filter(None, sentences))


def describe_speed_ratios(replay: Replay) -> str:
    """Compare the speed ratios in a few words: `10.4× here, 10.7× in the article`."""
    ratio = replay.article.ratio
    here = f"{ratio.value:.3g}× here" if ratio else "Not measured here yet"
    return f"{here}, {ARTICLE_RATIO:.1f}× in the article"


def build_speed_table(replay: Replay) -> list[list[str]]:
    """Return a title row, then rows of samples per second: two engines here, then the article."""
    table = [["engine", f"batch {SMALL}", f"batch {LARGE}", "ratio"]]
    for each in (replay.article, replay.fused):
        speeds = [each.small.samples_per_second, each.large.samples_per_second]
        table.append(
            [
                f"{each.small.engine}, here",
                *map(format_rate, speeds),
                format_ratio(each.ratio),
            ]
        )
    return [*table, ["article, Tesla K80", *map(str, ARTICLE_SPEEDS), f"{ARTICLE_RATIO:.1f}×"]]


def build_learning_table(replay: Replay) -> list[list[str]]:
    """Return a title row, then one row of validation losses per engine and batch size."""
    table = [["engine", "batch", "samples", "untrained", "trained", "learned"]]
    for size in _list_sizes(replay):
        losses = [size.untrained_loss, size.validation_loss]
        table.append(
            [
                size.engine,
                f"{size.batch_size}",
                f"{size.batch_size * replay.iterations:,}",
                *map(format_loss, losses),
                _format_learning(size),
            ]
        )
    return table


def format_replay(replay: Replay) -> str:
    """Return the summary and both tables for a terminal."""
    return "\n".join(
        [
            describe_replay(replay),
            "",
            "Samples per second:",
            *align_columns(build_speed_table(replay)),
            "",
            "Validation loss per token:",
            *align_columns(build_learning_table(replay)),
        ]
    )


def format_translations(label: str, evaluations: Sequence[Evaluation]) -> str:
    """Return the sample translations of a run as the article prints them."""
    selected = select_article_evaluations(evaluations)
    table = build_translation_table(selected, columns=len(selected))
    lines = [f"Translations of run {label}:"]
    for source, reference, outputs in table.rows:
        lines.append(f"  {source} ({reference})" if reference else f"  {source}")
        for iteration, output in zip(table.iterations, outputs, strict=True):
            lines.append(f"    after {iteration:>6,}: {shorten(output)}")
    return "\n".join(lines)


def _describe_speeds(replay: Replay) -> str:
    article, fused = replay.article.ratio, replay.fused.ratio
    if article is None:
        return ""
    intervals = "A single repeat gives no interval."
    if article.has_interval:
        intervals = f"Brackets hold {format_percent(CONFIDENCE)} intervals."
    return (
        f"On this machine, the article's computation trains {format_ratio(article)} as many "
        f"samples per second at batch size {LARGE} as at batch size {SMALL}, and the `fused` "
        f"engine {format_ratio(fused)}. The article measured {ARTICLE_RATIO:.1f}× on a Tesla K80. "
        f"{intervals}"
    )


def _describe_overhead(replay: Replay) -> str:
    share = replay.overhead
    if share is None:
        return ""
    if share.value <= 0:
        return f"At batch size {SMALL}, `fused` is no faster than `article`."
    interval = format_interval(share, format_percent)
    return (
        f"With batch size {LARGE}, `article` saves time per sample. "
        f"{format_percent(share.value)}{interval} of the saving is overhead: `fused` avoids it "
        f"even at batch size {SMALL}."
    )


def _describe_learning(replay: Replay) -> str:
    """Describe what the `article` engine learned. The `fused` engine is in the table only."""
    small, large = replay.article.small, replay.article.large
    if not small.learning or not large.learning or replay.unigram_loss is None:
        return ""
    small_loss, large_loss = (
        f"{format_loss(size.validation_loss)} ({_format_learning(size)}) at batch size "
        f"{size.batch_size}"
        for size in (small, large)
    )
    return (
        f"After {format_iterations(replay.iterations)} on {replay.corpus} the validation loss "
        f"per token is {small_loss} and {large_loss}. A run counts as learned if its loss is at "
        f"least {format_percent(LOWER_LOSS)} below {format_loss(replay.unigram_loss)}, the loss of "
        f"word frequencies alone. In the article, only batch size {LARGE} learned."
    )


def _describe_warnings(replay: Replay) -> str:
    uncertain, reasons = [], []
    for size in _list_sizes(replay):
        warnings: list[str] = list(size.timing_variations)
        if size.interference:
            warnings.append("interference")
        if warnings:
            uncertain.append(f"{size.engine} at batch size {size.batch_size}")
            reasons += warnings
    if not uncertain:
        return ""
    return f"Uncertain speeds: {', '.join(uncertain)} ({', '.join(dict.fromkeys(reasons))})."


def _describe_recommendation(replay: Replay) -> str:
    low, high = ARTICLE_RANGE
    article = f"The article recommends batch sizes {low} to {high}."
    related = replay.related
    if related is None:
        return (
            f"{article} To find the best one here, sweep more sizes: `python -m s2s sweep --corpus "
            f"{replay.corpus} --batch-sizes 2,4,8,16,32,64,128,256 --learning-rate-rule sqrt`."
        )
    sizes = related.recommended_range
    size_range = f"batch size {sizes[0]:,}"
    if len(sizes) > 1:
        size_range = f"batch sizes {sizes[0]:,} to {sizes[-1]:,}"
    return (
        f"{article} Sweep {related.sweep_id}, with the same corpus and model, recommends "
        f"{size_range} in `{related.engine}`."
    )


def _list_sizes(replay: Replay) -> list[SizeReplay]:
    article, fused = replay.article, replay.fused
    return [article.small, article.large, fused.small, fused.large]


def _format_learning(size: SizeReplay) -> str:
    """Format what the repeats learned: `learned`, or `learned (2 of 3), nothing (1 of 3)`."""
    kinds = [kind for kind in Learning if kind in size.learning]
    if len(kinds) == 1:
        return kinds[0].value
    count = len(size.learning)
    counts = [f"{kind} ({size.learning.count(kind)} of {count})" for kind in kinds]
    return ", ".join(counts) or UNKNOWN
