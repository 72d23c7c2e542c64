"""Format numbers, sizes and names for people."""

import math
from collections.abc import Callable, Sequence

from s2s.records import Run

UNKNOWN = "–"
"""Placeholder for an unknown value."""


def format_duration(seconds: float | None) -> str:
    """Format in at most two units: `0.8 s`, `47 s`, `1 min 34 s`, `2 h 05 min`, `3 d 4 h`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    rounded = round(seconds)
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60:02d} s" if rounded >= 60 else f"{rounded} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def format_device(name: str) -> str:
    """Format `cpu` and `cuda:0` as `the CPU` and `GPU 0`."""
    return f"GPU {name.removeprefix('cuda:')}" if name.startswith("cuda") else "the CPU"


def format_step_time(seconds: float | None) -> str:
    """Format the time of one step: `850 µs`, `12.3 ms`, `1.20 s`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def format_estimate(value: float) -> str:
    """Format a rough estimate with two significant digits: `0.31`, `3.1`, `310`, `12,000`."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:g}"


def format_count(value: float | None) -> str:
    """Format a count as a whole number: `12,000`."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def format_iterations(count: int) -> str:
    """Format `1 iteration`, `12,000 iterations`."""
    return f"{count:,} iteration{'' if count == 1 else 's'}"


def format_percent(share: float | None) -> str:
    """Format a share from 0 to 1 as a percentage: `8%`."""
    return UNKNOWN if share is None else f"{100 * share:.0f}%"


def format_bytes(size_bytes: float | None) -> str:
    """Format a number of bytes, in MiB below one GiB and else in GiB."""
    if size_bytes is None:
        return UNKNOWN
    mebibytes = size_bytes / 2**20
    if mebibytes < 1023.5:
        return f"{mebibytes:,.0f} MiB"
    digits = 2 if mebibytes < 100 * 1024 else 0
    return f"{mebibytes / 1024:,.{digits}f} GiB"


def format_rate(per_second: float | None) -> str:
    """Format a rate with three significant digits: `21.3`, `227`, `12,400`."""
    if per_second is None:
        return UNKNOWN
    digits = f"{per_second:.3g}"
    return digits if per_second < 99.95 else f"{float(digits):,.0f}"


def format_loss(value: float | None, digits: int = 2) -> str:
    """Format a loss: `5.21`, or `NaN or infinite`."""
    if value is None:
        return UNKNOWN
    return f"{value:,.{digits}f}" if math.isfinite(value) else "NaN or infinite"


def format_range(
    low: float | None, high: float | None, format_value: Callable[[float], str]
) -> str:
    """Format a range: `10 to 20`. Return an empty string if an end is unknown."""
    return "" if low is None or high is None else f"{format_value(low)} to {format_value(high)}"


def format_run_label(run: Run) -> str:
    """Return the id and name of a run, for lists and legends."""
    return f"{run.id} · {run.name}"


def align_columns(table: Sequence[Sequence[str]]) -> list[str]:
    """Return one line per row, with text aligned left and numbers aligned right.

    Args:
        table: Rows of cells. The first row holds the titles.
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    is_text_column = [title in ("engine", "precision", "variation", "state") for title in table[0]]
    return [
        "  ".join(
            cell.ljust(width) if is_text else cell.rjust(width)
            for is_text, cell, width in zip(is_text_column, row, widths, strict=True)
        ).rstrip()
        for row in table
    ]
