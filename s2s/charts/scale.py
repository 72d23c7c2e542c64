"""What charts against the batch size share: its axis, and a colour an engine."""

import math
from collections.abc import Sequence
from typing import Any

from s2s.charts.frame import PALETTE, axis

BATCH_SIZE = "Batch size (sentences a step)"
ENGINE_COLOURS = (PALETTE[5], PALETTE[1], PALETTE[3])
"""In the order of a sweep's engines."""
_MOST_TICKS = 12


def batch_size_axis(sizes: Sequence[int]) -> dict[str, Any]:
    """Logarithmic; every size has its tick that has room beside the one before."""
    known = sorted(set(sizes))
    shown: list[int] = []
    for size in known:
        if not shown or _MOST_TICKS * math.log(size / shown[-1]) >= math.log(known[-1] / known[0]):
            shown.append(size)
    return axis(
        BATCH_SIZE, type="log", tickvals=shown, ticktext=[f"{size:,}" for size in shown], minor={}
    )
