"""Axes on a logarithmic scale, with a tick at each measured batch size."""

import math
from collections.abc import Sequence
from typing import Any

from s2s.charts.frame import axis

BATCH_SIZE = "Batch size (sentences a step)"
_MOST_TICKS = 12


def batch_size_axis(sizes: Sequence[int]) -> dict[str, Any]:
    """Every size has its tick that has room beside the one before."""
    known = sorted(set(sizes))
    shown: list[int] = []
    for size in known:
        if not shown or _MOST_TICKS * math.log(size / shown[-1]) >= math.log(known[-1] / known[0]):
            shown.append(size)
    return axis(
        BATCH_SIZE, type="log", tickvals=shown, ticktext=[f"{size:,}" for size in shown], minor={}
    )
