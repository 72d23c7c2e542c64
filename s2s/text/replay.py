"""A replay in words and in rows: what came out here, beside what the article printed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from s2s import formatting as words
from s2s.analysis.estimate import CONFIDENCE, Estimate
from s2s.analysis.run.translations import translation_table
from s2s.analysis.sweep.replay import (
    ARTICLE_RATIO,
    ARTICLE_SPEEDS,
    CLEARLY,
    LARGE,
    RULE_OF_THUMB,
    SMALL,
    EngineReplay,
    Learning,
    Replay,
    SizeReplay,
    printed,
)
from s2s.errors import shorten
from s2s.records import Evaluation
from s2s.text.bench import aligned

ARTICLE_LABEL = "the article, Tesla K80"


def verdict(replay: Replay) -> str:
    """One paragraph; as far as the runs are."""
    return " ".join(
        filter(
            None,
            [
                _how_far(replay),
                _article_speed(replay.article),
                _fused_speed(replay.fused),
                _overhead(replay),
                _intervals(replay),
                _learning(replay),
                _doubts(replay),
                _advice(replay),
            ],
        )
    )


def headline(replay: Replay) -> str:
    """`10.4x here, 10.7x in the article`."""
    here = replay.article.ratio
    said = f"{ARTICLE_RATIO:.1f}x in the article"
    return f"{_times(here.value)} here, {said}" if here else f"Here not known yet, {said}"


@dataclass(frozen=True)
class SpeedRow:
    """Samples a second at batch sizes 2 and 32, and their ratio, in words."""

    engine: str
    small: str
    large: str
    ratio: str


def speed_rows(replay: Replay) -> list[SpeedRow]:
    """Both engines here, then the article's own figures."""
    here = [
        SpeedRow(
            f"{each.engine}, here",
            words.format_rate(each.small.samples_per_second),
            words.format_rate(each.large.samples_per_second),
            ratio_text(each.ratio),
        )
        for each in (replay.article, replay.fused)
    ]
    small, large = ARTICLE_SPEEDS
    return [*here, SpeedRow(ARTICLE_LABEL, f"{small}", f"{large}", f"{ARTICLE_RATIO:.1f}x")]


@dataclass(frozen=True)
class LearningRow:
    """What one engine learnt at one batch size, in words."""

    engine: str
    batch_size: int
    samples: int
    untrained: str
    trained: str
    learnt: str


def learning_rows(replay: Replay) -> list[LearningRow]:
    """By engine and batch size; losses are validation losses per token."""
    return [
        LearningRow(
            size.engine,
            size.batch_size,
            size.batch_size * replay.iterations,
            words.format_loss(size.untrained_loss),
            words.format_loss(size.validation_loss),
            learnt_text(size),
        )
        for engine in (replay.article, replay.fused)
        for size in (engine.small, engine.large)
    ]


def learnt_text(size: SizeReplay) -> str:
    """`learnt`, or `learnt (2 of 3), word frequencies at most (1 of 3)`."""
    kinds = [kind for kind in Learning if kind in size.learning]
    if not kinds:
        return words.UNKNOWN
    if len(kinds) == 1:
        return kinds[0].value
    count = len(size.learning)
    return ", ".join(f"{kind} ({size.learning.count(kind)} of {count})" for kind in kinds)


def replay_text(replay: Replay) -> str:
    """The paragraph and both tables, for a terminal."""
    speeds = [
        ["engine", f"batch {SMALL}", f"batch {LARGE}", "ratio"],
        *([row.engine, row.small, row.large, row.ratio] for row in speed_rows(replay)),
    ]
    losses = [
        ["engine", "batch", "samples", "untrained", "trained", "learnt"],
        *(
            [row.engine, f"{row.batch_size}", f"{row.samples:,}", row.untrained, row.trained,
             row.learnt]
            for row in learning_rows(replay)
        ),
    ]  # fmt: skip
    return "\n".join(
        [
            verdict(replay),
            "",
            "Samples a second:",
            *aligned(speeds),
            "",
            "Validation loss per token:",
            *aligned(losses),
            *replay.messages,
        ]
    )


def translations_text(label: str, evaluations: Sequence[Evaluation]) -> str:
    """The followed sentences of a run as the article prints them, for a terminal."""
    table = translation_table(printed(evaluations), columns=len(evaluations))
    lines = [f"Translations of run {label}:"]
    for source, reference, outputs in table.rows:
        lines.append(f"  {source} ({reference})" if reference else f"  {source}")
        for iteration, output in zip(table.iterations, outputs, strict=True):
            lines.append(f"    after {iteration:>6,}: {shorten(output)}")
    return "\n".join(lines)


def ratio_text(ratio: Estimate | None) -> str:
    """`10.7x`, with its interval where it has one."""
    return words.UNKNOWN if ratio is None else f"{_times(ratio.value)}{_between(ratio, _times)}"


def _how_far(replay: Replay) -> str:
    if replay.done == replay.total:
        return ""
    return f"{replay.done:,} of {replay.total:,} runs are done, so this is not the last word."


def _article_speed(found: EngineReplay) -> str:
    if found.ratio is None:
        return ""
    small, large = ARTICLE_SPEEDS
    return (
        f"Computed as the article computes, batch {LARGE} trains on {ratio_text(found.ratio)} as "
        f"many samples a second as batch {SMALL} here: {_from_to(found)}. The article had "
        f"{small} to {large}, {ARTICLE_RATIO:.1f}x, on a Tesla K80{_against(found.ratio)}."
    )


def _against(ratio: Estimate) -> str:
    """Where the article's ratio lies; empty without an interval to lie in."""
    if ratio.low is None or ratio.high is None:
        return ""
    if ratio.low <= ARTICLE_RATIO <= ratio.high:
        return ", which lies within that interval"
    return f": {'more' if ratio.low > ARTICLE_RATIO else 'less'} is gained here"


def _fused_speed(found: EngineReplay) -> str:
    if found.ratio is None:
        return ""
    return (
        f"With the same model computed in `{found.engine}` it is {ratio_text(found.ratio)}: "
        f"{_from_to(found)}."
    )


def _from_to(found: EngineReplay) -> str:
    small, large = found.small.samples_per_second, found.large.samples_per_second
    return f"{words.format_rate(small)} to {words.format_rate(large)}"


def _overhead(replay: Replay) -> str:
    """What of the article engine's gain is overhead, in a sentence."""
    share, faster = replay.overhead, _fused_gain(replay)
    if share is None or faster is None:
        return ""
    if share.value <= 0:
        return (
            f"None of the gain of batch {LARGE} is overhead that `fused` removes: at batch {SMALL} "
            f"it is no faster than `article` here."
        )
    return (
        f"Computing the same batch {SMALL} in `fused` is {_times(faster)} as fast, which saves "
        f"{words.format_percent(share.value)}{_between(share, words.format_percent)} of the time a sample that "
        f"batch {LARGE} saves in `article`: that much of the article's gain is overhead, which "
        "`fused` removes without a larger batch."
    )


def _fused_gain(replay: Replay) -> float | None:
    fused, article = (each.small.samples_per_second for each in (replay.fused, replay.article))
    return fused / article if fused and article else None


def _intervals(replay: Replay) -> str:
    ratios = [each.ratio for each in (replay.article, replay.fused) if each.ratio]
    if not ratios:
        return ""
    if all(each.low is None for each in ratios):
        return (
            "One repeat alone gives no interval: chance and the machine may have moved these "
            "figures."
        )
    return (
        f"In brackets are {words.format_percent(CONFIDENCE)} intervals from repeats, each of which ran "
        "all combinations once."
    )


def _learning(replay: Replay) -> str:
    """Of the article engine's runs; both engines are in the table."""
    small, large = replay.article.small, replay.article.large
    if not small.learning or not large.learning or replay.unigram_loss is None:
        return ""
    return (
        f"After {replay.iterations:,} iterations on {replay.corpus} the validation loss per token "
        f"is {_learnt(small)} at batch {SMALL} and {_learnt(large)} at batch {LARGE}, which saw "
        f"{LARGE // SMALL} times the sentences. A guess by word frequencies alone is at "
        f"{words.format_loss(replay.unigram_loss)}; at least {words.format_percent(CLEARLY)} below it counts as "
        f"learnt. In the article batch {SMALL} did not learn and batch {LARGE} did."
    )


def _learnt(size: SizeReplay) -> str:
    return f"{words.format_loss(size.validation_loss)} ({learnt_text(size)})"


def _doubts(replay: Replay) -> str:
    sizes = [size for each in (replay.article, replay.fused) for size in (each.small, each.large)]
    doubted = [size for size in sizes if size.doubts]
    if not doubted:
        return ""
    kinds = (kind for size in doubted for kind in size.doubts.split(", "))
    why = ", ".join(dict.fromkeys(kinds))
    if len(doubted) == len(sizes):
        return f"All these speeds are in doubt: {why}."
    which = " and ".join(f"{size.engine} at batch {size.batch_size}" for size in doubted)
    return f"In doubt are the speeds of {which}: {why}."


def _advice(replay: Replay) -> str:
    low, high = RULE_OF_THUMB
    rule = (
        f"For the size to use the article has a rule of thumb, {low} to {high}; which one is right "
        "here cannot be told from two sizes, since a curve through two points has nothing that "
        "checks it."
    )
    found = replay.elsewhere
    if found is None:
        return f"{rule} A sweep over more sizes can: `{sweep_command(replay.corpus)}`."
    first, last = found.good_sizes[0], found.good_sizes[-1]
    sizes = f"{first:,}" if first == last else f"{first:,} to {last:,}"
    return (
        f"{rule} Sweep {found.sweep_id}, of the same corpus and model, can: {sizes} in "
        f"`{found.engine}`, {_beside_rule(found.good_sizes)} that rule."
    )


def _beside_rule(sizes: tuple[int, ...]) -> str:
    low, high = RULE_OF_THUMB
    inside = [low <= size <= high for size in sizes]
    if all(inside):
        return "within"
    return "partly within" if any(inside) else "outside"


def sweep_command(corpus: str) -> str:
    """The sweep that answers what a replay cannot."""
    return f"python -m s2s sweep --corpus {corpus} --batch-sizes 2,4,8,16,32,64,128,256 --learning-rate-rule sqrt"


def _times(value: float) -> str:
    return f"{value:.3g}x"


def _between(estimate: Estimate, said: Callable[[float], str]) -> str:
    """Empty without an interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({said(estimate.low)} to {said(estimate.high)})"
