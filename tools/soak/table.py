"""Results of soak tests: a row per promise, and their table."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """Result of testing one promise."""

    tried: str
    """Description of the attempt to break the promise."""
    times: int
    lost: int = 0
    """Number of losses of recorded data."""
    failed: int = 0
    """Number of other failures."""
    figures: str = ""
    """Measurements, with units and the promised limits."""
    problems: tuple[str, ...] = ()
    """A sentence per loss or failure."""

    def is_good(self) -> bool:
        """Return whether something was tried and nothing failed."""
        return self.times > 0 and not self.lost and not self.failed


def table(rows: Iterable[Row]) -> str:
    """Return a Markdown table."""
    lines = ["| tried | times | lost | failed | measured |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.tried} | {row.times:,} | {row.lost} | {row.failed} | {row.figures} |"
        for row in rows
    ]
    return "\n".join(lines)
