"""Sentences and tables of a replay: the results here beside the article's."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    RelatedAdvice,
    Replay,
    SizeReplay,
    article_evaluations,
)
from s2s.errors import shorten
from s2s.records import Evaluation
from s2s.text.sweep import format_interval


@dataclass(frozen=True)
class SpeedRow:
    """Samples per second at batch sizes 2 and 32, and their ratio, as text."""

    engine: str
    small: str
    large: str
    ratio: str


@dataclass(frozen=True)
class LearningRow:
    """What one engine learned at one batch size; losses as text."""

    engine: str
    batch_size: int
    samples: int
    untrained: str
    trained: str
    learned: str


def verdict(replay: Replay) -> str:
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


def headline(replay: Replay) -> str:
    """Compare the speed ratios: `10.4× here, 10.7× in the article`."""
    ratio = replay.article.ratio
    here = f"{_format_ratio(ratio.value)} here" if ratio else "Not measured here yet"
    return f"{here}, {ARTICLE_RATIO:.1f}× in the article"


def speed_rows(replay: Replay) -> list[SpeedRow]:
    """Return the speeds of both engines here, then the article's."""
    here = [
        SpeedRow(
            f"{each.engine}, here",
            words.format_rate(each.small.samples_per_second),
            words.format_rate(each.large.samples_per_second),
            words.UNKNOWN if each.ratio is None else _format_estimate(each.ratio),
        )
        for each in (replay.article, replay.fused)
    ]
    small, large = ARTICLE_SPEEDS
    article = SpeedRow("article, Tesla K80", f"{small}", f"{large}", f"{ARTICLE_RATIO:.1f}×")
    return [*here, article]


def learning_rows(replay: Replay) -> list[LearningRow]:
    """Return the validation losses per token by engine and batch size."""
    return [
        LearningRow(
            size.engine,
            size.batch_size,
            size.batch_size * replay.iterations,
            words.format_loss(size.untrained_loss),
            words.format_loss(size.validation_loss),
            _format_learning(size),
        )
        for engine in (replay.article, replay.fused)
        for size in (engine.small, engine.large)
    ]


def replay_text(replay: Replay) -> str:
    """Return the verdict and both tables for a terminal."""
    speeds = [
        ["engine", f"batch {SMALL}", f"batch {LARGE}", "ratio"],
        *([row.engine, row.small, row.large, row.ratio] for row in speed_rows(replay)),
    ]
    losses = [
        ["engine", "batch", "samples", "untrained", "trained", "learned"],
        *(
            [row.engine, f"{row.batch_size}", f"{row.samples:,}", row.untrained, row.trained,
             row.learned]
            for row in learning_rows(replay)
        ),
    ]  # fmt: skip
    return "\n".join(
        [
            verdict(replay),
            "",
            "Samples per second:",
            *words.align_columns(speeds),
            "",
            "Validation loss per token:",
            *words.align_columns(losses),
        ]
    )


def translations_text(label: str, evaluations: Sequence[Evaluation]) -> str:
    """Return the sample translations of a run as the article prints them."""
    table = build_translation_table(article_evaluations(evaluations), columns=len(evaluations))
    lines = [f"Translations of run {label}:"]
    for source, reference, outputs in table.rows:
        lines.append(f"  {source} ({reference})" if reference else f"  {source}")
        for iteration, output in zip(table.iterations, outputs, strict=True):
            lines.append(f"    after {iteration:>6,}: {shorten(output)}")
    return "\n".join(lines)


def sweep_command(corpus: str) -> str:
    """Return the command of a sweep that can recommend a batch size."""
    return (
        f"python -m s2s sweep --corpus {corpus} --batch-sizes 2,4,8,16,32,64,128,256 "
        "--learning-rate-rule sqrt"
    )


def _progress(replay: Replay) -> str:
    if replay.done == replay.total:
        return ""
    return f"Preliminary: {replay.done:,} of {replay.total:,} runs are done."


def _article_speed(engine: EngineReplay) -> str:
    if engine.ratio is None:
        return ""
    small, large = ARTICLE_SPEEDS
    return (
        f"With the article's computation, batch size {LARGE} trains "
        f"{_format_estimate(engine.ratio)} as many samples per second as batch size {SMALL} here: "
        f"{_format_speeds(engine)}. In the article it was {small} to {large}, "
        f"{ARTICLE_RATIO:.1f}×, on a Tesla K80{_article_ratio_within(engine.ratio)}."
    )


def _article_ratio_within(ratio: Estimate) -> str:
    if ratio.low is None or ratio.high is None:
        return ""
    if ratio.low <= ARTICLE_RATIO <= ratio.high:
        return ", within that interval"
    return f": the gain is {'larger' if ratio.low > ARTICLE_RATIO else 'smaller'} here"


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
    return (
        f"After {replay.iterations:,} iterations on {replay.corpus} the validation loss per token "
        f"is {_format_loss_and_learning(small)} at batch size {SMALL} and "
        f"{_format_loss_and_learning(large)} at batch size {LARGE}, which saw {LARGE // SMALL}× "
        f"the sentences. Word frequencies alone give {words.format_loss(replay.unigram_loss)}; a "
        f"loss at least {words.format_percent(LOWER_LOSS)} lower counts as learned. In the article "
        f"batch size {SMALL} did not learn and batch size {LARGE} did."
    )


def _timing_warnings(replay: Replay) -> str:
    sizes = [size for each in (replay.article, replay.fused) for size in (each.small, each.large)]
    uncertain = [size for size in sizes if _list_reasons(size)]
    if not uncertain:
        return ""
    reasons = ", ".join(
        dict.fromkeys(reason for size in uncertain for reason in _list_reasons(size))
    )
    if len(uncertain) == len(sizes):
        return f"All these speeds are uncertain: {reasons}."
    which = " and ".join(f"{size.engine} at batch size {size.batch_size}" for size in uncertain)
    return f"Uncertain speeds: {which} ({reasons})."


def _list_reasons(size: SizeReplay) -> list[str]:
    return [*size.timing_variations, *(["interference"] if size.interference else [])]


def _recommended_size(replay: Replay) -> str:
    low, high = ARTICLE_RANGE
    rule = (
        f"The article recommends batch sizes {low} to {high}. Two sizes cannot tell which one is "
        "best here."
    )
    if replay.related is None:
        return f"{rule} Sweep more sizes: `{sweep_command(replay.corpus)}`."
    sizes = replay.related.recommended_range
    extent = f"batch sizes {sizes[0]:,} to {sizes[-1]:,}"
    if len(sizes) == 1:
        extent = f"batch size {sizes[0]:,}"
    return (
        f"{rule} Sweep {replay.related.sweep_id}, with the same corpus and model, recommends "
        f"{extent} in `{replay.related.engine}`, {_within_article_range(replay.related)} that "
        "range."
    )


def _within_article_range(advice: RelatedAdvice) -> str:
    low, high = ARTICLE_RANGE
    inside = [low <= size <= high for size in advice.recommended_range]
    if all(inside):
        return "within"
    return "partly within" if any(inside) else "outside"


def _format_speeds(engine: EngineReplay) -> str:
    small, large = engine.small.samples_per_second, engine.large.samples_per_second
    return f"{words.format_rate(small)} to {words.format_rate(large)}"


def _format_learning(size: SizeReplay) -> str:
    """Format `learned`, or `learned (2 of 3), word frequencies at most (1 of 3)`."""
    kinds = [kind for kind in Learning if kind in size.learning]
    if not kinds:
        return words.UNKNOWN
    if len(kinds) == 1:
        return kinds[0].value
    count = len(size.learning)
    return ", ".join(f"{kind} ({size.learning.count(kind)} of {count})" for kind in kinds)


def _format_loss_and_learning(size: SizeReplay) -> str:
    return f"{words.format_loss(size.validation_loss)} ({_format_learning(size)})"


def _format_ratio(value: float) -> str:
    return f"{value:.3g}×"


def _format_estimate(ratio: Estimate) -> str:
    return f"{_format_ratio(ratio.value)}{format_interval(ratio, _format_ratio)}"
