"""What a soak test tells: one row a promise, and the table of them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was tried, how often, and what it cost."""

    tried: str
    """A promise and what was done to break it, in plain words."""
    times: int
    lost: int = 0
    """Things that were recorded and are gone."""
    failed: int = 0
    """Times at which the promise was not kept in another way."""
    figures: str = ""
    """Measured on the way, with units and the limits promised."""
    problems: tuple[str, ...] = ()
    """What was lost or failed, a sentence each."""

    def is_good(self) -> bool:
        return self.times > 0 and not self.lost and not self.failed


def table(rows: Iterable[Row]) -> str:
    """As Markdown."""
    lines = ["| tried | times | lost | failed | measured |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.tried} | {row.times:,} | {row.lost} | {row.failed} | {row.figures} |"
        for row in rows
    ]
    return "\n".join(lines)
