"""Axes on a logarithmic scale, with a tick at each measured batch size."""

from collections.abc import Sequence
from typing import Any

from s2s.charts.frame import axis

BATCH_SIZE = "Batch size (sentences a step)"
_MOST_TICKS = 12


def batch_size_axis(sizes: Sequence[int]) -> dict[str, Any]:
    """Every size has its tick where there is room for all, else every second one, and so on."""
    known = sorted(set(sizes))
    shown = known[:: -(-len(known) // _MOST_TICKS) or 1]
    return axis(
        BATCH_SIZE, type="log", tickvals=shown, ticktext=[f"{size:,}" for size in shown], minor={}
    )
