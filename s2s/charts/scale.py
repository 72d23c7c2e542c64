"""What charts against the batch size share: its axis, and a colour an engine."""

from collections.abc import Sequence
from typing import Any

from s2s.charts.frame import PALETTE, axis

BATCH_SIZE = "Batch size (sentences a step)"
ENGINE_COLOURS = (PALETTE[5], PALETTE[1], PALETTE[3])
"""In the order of a sweep's engines."""
_MOST_TICKS = 12


def batch_size_axis(sizes: Sequence[int]) -> dict[str, Any]:
    """Logarithmic, with a tick at every size where there is room, else at every second one ..."""
    known = sorted(set(sizes))
    shown = known[:: -(-len(known) // _MOST_TICKS) or 1]
    return axis(
        BATCH_SIZE, type="log", tickvals=shown, ticktext=[f"{size:,}" for size in shown], minor={}
    )
