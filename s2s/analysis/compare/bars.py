"""One figure of each group of runs, ready to be drawn as bars, and told in a sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from s2s.analysis.compare.groups import Group, Repeats, Spread, spread
from s2s.analysis.run.summarize import Row
from s2s.text.compare import marks


@dataclass(frozen=True)
class Bar:
    """`text` is the mean in words; `against`, mostly empty, is what speaks against it."""

    run_id: int
    batch_size: int
    label: str
    value: Spread | None
    text: str
    ends: str = ""
    """Of the spread, in words; empty where only one repeat is known."""
    against: str = ""


def bars(
    compared: Sequence[tuple[Group, Sequence[Row]]],
    repeats: Repeats,
    figure: Callable[[Row], float | None],
    words: Callable[[float | None], str],
    *,
    doubted: bool = False,
) -> list[Bar]:
    """`doubted`: the figure is a speed, which a noisy run or a busy machine puts in doubt."""
    made = []
    for group, rows in compared:
        value = spread(map(figure, rows), repeats)
        told = dict.fromkeys(mark for row in rows if (mark := marks(row))) if doubted else {}
        ends = value and value.low is not None and f"{words(value.low)} to {words(value.high)}"
        made.append(
            Bar(
                group.run_id,
                group.batch_size,
                group.label,
                value,
                words(value.mean if value else None),
                ends or "",
                "; ".join(told),
            )
        )
    return made


def bars_text(drawn: Sequence[Bar], title: str) -> str:
    """A bar chart in a sentence."""
    told = "; ".join(f"run {bar.label}: {bar.text}{_brackets(bar)}" for bar in drawn)
    return f"{title}. {told}." if told else f"{title}. No runs."


def _brackets(bar: Bar) -> str:
    said = ", ".join(filter(None, [bar.ends, bar.against]))
    return f" ({said})" if said else ""
