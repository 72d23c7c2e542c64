"""Sentences and tables of a replay: the results on this machine and those of the article."""

from collections.abc import Sequence

from s2s import formatting as words
from s2s.analysis.estimate import CONFIDENCE, Estimate
from s2s.analysis.run.translations import build_translation_table
from s2s.analysis.sweep.replay import (
    ARTICLE_RANGE,
    ARTICLE_RATIO,
    ARTICLE_SPEEDS,
    LARGE,
    LOWER_LOSS,
    SMALL,
    EngineReplay,
    Learning,
    Replay,
    SizeReplay,
    article_evaluations,
)
from s2s.errors import shorten
from s2s.records import Evaluation
from s2s.text.sweep import format_interval


def describe_replay(replay: Replay) -> str:
    """Summarize a replay so far in one paragraph."""
    sentences = [
        _progress(replay),
        _article_speed(replay.article),
        _fused_speed(replay.fused),
        _overhead(replay),
        _intervals(replay),
        _learning(replay),
        _timing_warnings(replay),
        _recommended_size(replay),
    ]
    return " ".join(filter(None, sentences))


def describe_speed_ratios(replay: Replay) -> str:
    """Compare the speed ratios: `10.4× here, 10.7× in the article`."""
    ratio = replay.article.ratio
    here = f"{_format_ratio(ratio.value)} here" if ratio else "Not measured here yet"
    return f"{here}, {ARTICLE_RATIO:.1f}× in the article"


def build_speed_table(replay: Replay) -> list[list[str]]:
    """Return titles, then the samples per second of both engines here and in the article."""
    return [
        ["engine", f"batch {SMALL}", f"batch {LARGE}", "ratio"],
        *(
            [
                f"{each.engine}, here",
                words.format_rate(each.small.samples_per_second),
                words.format_rate(each.large.samples_per_second),
                words.UNKNOWN if each.ratio is None else _format_estimate(each.ratio),
            ]
            for each in (replay.article, replay.fused)
        ),
        ["article, Tesla K80", *map(str, ARTICLE_SPEEDS), f"{ARTICLE_RATIO:.1f}×"],
    ]


def build_learning_table(replay: Replay) -> list[list[str]]:
    """Return titles, then the validation losses per token by engine and batch size."""
    return [
        ["engine", "batch", "samples", "untrained", "trained", "learned"],
        *(
            [
                size.engine,
                f"{size.batch_size}",
                f"{size.batch_size * replay.iterations:,}",
                words.format_loss(size.untrained_loss),
                words.format_loss(size.validation_loss),
                _format_learning(size),
            ]
            for size in _all_sizes(replay)
        ),
    ]


def format_replay(replay: Replay) -> str:
    """Return the describe_replay and both tables for a terminal."""
    return "\n".join(
        [
            describe_replay(replay),
            "",
            "Samples per second:",
            *words.align_columns(build_speed_table(replay)),
            "",
            "Validation loss per token:",
            *words.align_columns(build_learning_table(replay)),
        ]
    )


def format_translations(label: str, evaluations: Sequence[Evaluation]) -> str:
    """Return the sample translations of a run as the article prints them."""
    table = build_translation_table(article_evaluations(evaluations), columns=len(evaluations))
    lines = [f"Translations of run {label}:"]
    for source, reference, outputs in table.rows:
        lines.append(f"  {source} ({reference})" if reference else f"  {source}")
        for iteration, output in zip(table.iterations, outputs, strict=True):
            lines.append(f"    after {iteration:>6,}: {shorten(output)}")
    return "\n".join(lines)


def _progress(replay: Replay) -> str:
    if replay.done == replay.total:
        return ""
    return f"Preliminary: {replay.done:,} of {replay.total:,} runs are done."


def _article_speed(engine: EngineReplay) -> str:
    ratio = engine.ratio
    if ratio is None:
        return ""
    comparison = ""
    if ratio.has_interval:
        low, high = ratio.ends
        comparison = f": the gain is {'larger' if low > ARTICLE_RATIO else 'smaller'} here"
        if low <= ARTICLE_RATIO <= high:
            comparison = ", within that interval"
    small, large = ARTICLE_SPEEDS
    return (
        f"With the article's computation, batch size {LARGE} trains {_format_estimate(ratio)} as "
        f"many samples per second as batch size {SMALL} here: {_format_speeds(engine)}. In the "
        f"article it was {small} to {large}, {ARTICLE_RATIO:.1f}×, on a Tesla K80{comparison}."
    )


def _fused_speed(engine: EngineReplay) -> str:
    if engine.ratio is None:
        return ""
    return (
        f"With the same model in `{engine.engine}` it is {_format_estimate(engine.ratio)}: "
        f"{_format_speeds(engine)}."
    )


def _overhead(replay: Replay) -> str:
    fused, article = (each.small.samples_per_second for each in (replay.fused, replay.article))
    share = replay.overhead
    if share is None or not fused or not article:
        return ""
    if share.value <= 0:
        return (
            f"None of the gain of batch size {LARGE} is overhead that `fused` removes: at batch "
            f"size {SMALL} it is no faster than `article` here."
        )
    return (
        f"Batch size {SMALL} in `fused` is {_format_ratio(fused / article)} as fast, which saves "
        f"{words.format_percent(share.value)}{format_interval(share, words.format_percent)} of the "
        f"time per sample that batch size {LARGE} saves in `article`: this part of the article's "
        "gain is overhead, which `fused` removes without a larger batch."
    )


def _intervals(replay: Replay) -> str:
    ratios = [each.ratio for each in (replay.article, replay.fused) if each.ratio]
    if not ratios:
        return ""
    if not any(each.has_interval for each in ratios):
        return "A single repeat gives no interval: timing variation may have moved these numbers."
    return f"Brackets hold {words.format_percent(CONFIDENCE)} intervals over the repeats."


def _learning(replay: Replay) -> str:
    """Describe the article engine's runs; both engines are in the table."""
    small, large = replay.article.small, replay.article.large
    if not small.learning or not large.learning or replay.unigram_loss is None:
        return ""
    small_loss, large_loss = (
        f"{words.format_loss(size.validation_loss)} ({_format_learning(size)}) at batch size "
        f"{size.batch_size}"
        for size in (small, large)
    )
    return (
        f"After {replay.iterations:,} iterations on {replay.corpus} the validation loss per token "
        f"is {small_loss} and {large_loss}, which saw {LARGE // SMALL}× the sentences. Word "
        f"frequencies alone give {words.format_loss(replay.unigram_loss)}; a loss at least "
        f"{words.format_percent(LOWER_LOSS)} lower counts as learned. In the article batch size "
        f"{SMALL} did not learn and batch size {LARGE} did."
    )


def _timing_warnings(replay: Replay) -> str:
    sizes = _all_sizes(replay)
    warnings = [
        [*size.timing_variations, *(["interference"] if size.interference else [])]
        for size in sizes
    ]
    reasons = ", ".join(dict.fromkeys(reason for each in warnings for reason in each))
    if not reasons:
        return ""
    if all(warnings):
        return f"All these speeds are uncertain: {reasons}."
    which = " and ".join(
        f"{size.engine} at batch size {size.batch_size}"
        for size, each in zip(sizes, warnings, strict=True)
        if each
    )
    return f"Uncertain speeds: {which} ({reasons})."


def _recommended_size(replay: Replay) -> str:
    low, high = ARTICLE_RANGE
    rule = (
        f"The article recommends batch sizes {low} to {high}. Two sizes cannot tell which one is "
        "best here."
    )
    related = replay.related
    if related is None:
        return (
            f"{rule} Sweep more sizes: `python -m s2s sweep --corpus {replay.corpus} --batch-sizes "
            "2,4,8,16,32,64,128,256 --learning-rate-rule sqrt`."
        )
    sizes = related.recommended_range
    extent = f"batch size {sizes[0]:,}"
    if len(sizes) > 1:
        extent = f"batch sizes {sizes[0]:,} to {sizes[-1]:,}"
    inside = [low <= size <= high for size in sizes]
    position = "within" if all(inside) else "partly within" if any(inside) else "outside"
    return (
        f"{rule} Sweep {related.sweep_id}, with the same corpus and model, recommends {extent} in "
        f"`{related.engine}`, {position} that range."
    )


def _all_sizes(replay: Replay) -> list[SizeReplay]:
    return [size for each in (replay.article, replay.fused) for size in (each.small, each.large)]


def _format_speeds(engine: EngineReplay) -> str:
    small, large = engine.small.samples_per_second, engine.large.samples_per_second
    return f"{words.format_rate(small)} to {words.format_rate(large)}"


def _format_learning(size: SizeReplay) -> str:
    """Format `learned`, or `learned (2 of 3), word frequencies at most (1 of 3)`."""
    kinds = [kind for kind in Learning if kind in size.learning]
    if len(kinds) == 1:
        return kinds[0].value
    count = len(size.learning)
    counts = [f"{kind} ({size.learning.count(kind)} of {count})" for kind in kinds]
    return ", ".join(counts) or words.UNKNOWN


def _format_ratio(value: float) -> str:
    return f"{value:.3g}×"


def _format_estimate(ratio: Estimate) -> str:
    return f"{_format_ratio(ratio.value)}{format_interval(ratio, _format_ratio)}"
